"""LoRA (Hu et al., 2022): beside a frozen linear map the product of two thin ones, the second begins at zero."""

from typing import Any

from xstilts.modeling.adapters import four_bit, through_peft

parameters = through_peft.parameters
BITS = "base_bits"  # in adapter_config.json, beside what peft writes


def attach(encoder: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Put fresh ones beside the named linear maps; return the content of ``adapter_config.json``.

    Args:
        encoder: frozen already.
        settings: ``modules``, ``rank``, ``alpha`` (the product counts alpha / rank) and ``dropout`` before the product;
            with ``bits: 4`` all maps of the encoder's blocks are held in so many bits a weight.
    """
    from peft import LoraConfig

    def config() -> LoraConfig:
        return LoraConfig(
            r=settings["rank"],
            lora_alpha=settings["alpha"],
            lora_dropout=settings["dropout"],
            target_modules=[*settings["modules"]],
            bias="none",
        )

    through_peft.inject(encoder, config())
    if "bits" not in settings:
        return through_peft.written(config())
    four_bit.shrink(encoder)
    encoder.float()  # what else was opened as it is stored, and the adapters beside it
    return through_peft.written(config()) | {BITS: settings["bits"]}


def merge(encoder: Any) -> None:
    """Add the products to the maps that they stand beside; of maps in four bits to the weights that these stand for."""
    four_bit.restore(encoder)
    through_peft.merge(encoder)


def settings_of(written: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that an ``adapter_config.json`` states."""
    return {
        "modules": written["target_modules"],
        "rank": written["r"],
        "alpha": written["lora_alpha"],
        "dropout": written["lora_dropout"],
    } | ({"bits": written[BITS]} if BITS in written else {})

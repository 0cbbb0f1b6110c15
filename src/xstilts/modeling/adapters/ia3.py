"""IA3 (Liu et al., 2022): a factor, which begins at one, for each number that comes from a map or goes into one."""

from typing import Any

from xstilts.modeling.adapters import through_peft

parameters, merge = through_peft.parameters, through_peft.merge


def attach(encoder: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Put fresh ones on the named linear maps; return the content of ``adapter_config.json``.

    Args:
        encoder: frozen already.
        settings: ``modules``, and ``feed_forward``: those of them whose input is scaled instead of the output.
    """
    from peft import IA3Config

    def config() -> IA3Config:
        return IA3Config(
            target_modules=[*settings["modules"]],
            feedforward_modules=[*settings["feed_forward"]],
            init_ia3_weights=True,
        )

    through_peft.inject(encoder, config())
    return through_peft.written(config())


def settings_of(written: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that an ``adapter_config.json`` states."""
    return {"modules": written["target_modules"], "feed_forward": written["feedforward_modules"]}

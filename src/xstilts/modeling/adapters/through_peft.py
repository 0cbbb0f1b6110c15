"""Adapters that peft puts into an encoder: it draws, computes and merges them, here they get into the right places."""

import re
from typing import TYPE_CHECKING, Any

from torch import nn

from xstilts.errors import UserError
from xstilts.modeling.adapters.maps import join, maps, put_back

if TYPE_CHECKING:
    from peft import IA3Config, LoraConfig

    Config = LoraConfig | IA3Config

PREFIX = "base_model.model."  # of peft's files, before the name of a module


def inject(encoder: Any, config: "Config") -> None:
    """Put fresh adapters into an encoder.

    Raises:
        UserError: no linear map has one of the names.
    """
    from peft import inject_adapter_in_model

    found = maps(encoder)
    wanted = config.target_modules or ()
    there = {name: name.rpartition(".")[2] for name, part in found.named_modules() if isinstance(part, nn.Linear)}
    for one in sorted(wanted):
        if not any(f".{name}".endswith(f".{one}") for name in there):
            raise UserError(
                f"method.modules: found {one!r}, which no linear map of the encoder is called; expected some of "
                f"{' '.join(sorted(set(there.values())))}"
            )
    inject_adapter_in_model(config, found)
    put_back(encoder, found)


def parameters(encoder: Any) -> dict[str, nn.Parameter]:
    """Return what is the adapters' own, under the names of peft's files."""
    named = maps(encoder).named_parameters()
    return {PREFIX + name.replace(".default", ""): one for name, one in named if re.search(r"\.(lora|ia3)_\w+\.", name)}


def merge(encoder: Any) -> None:
    """Add the adapters to the maps that they stand beside, and leave those alone."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    found = maps(encoder)
    for name, part in list(found.named_modules()):
        if isinstance(part, BaseTunerLayer):
            part.merge()
            above, _, own = name.rpartition(".")
            setattr(found.get_submodule(above), own, part.get_base_layer())
    put_back(encoder, found)
    join(encoder)


def written(config: "Config") -> dict[str, Any]:
    """Return the content of ``adapter_config.json``, as peft reads it."""
    content = config.to_dict()
    content |= {"peft_type": str(content["peft_type"].value), "inference_mode": True}
    return {name: sorted(value) if isinstance(value, set) else value for name, value in content.items()}

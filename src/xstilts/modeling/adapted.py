"""Encoders of which only a part trains: fresh adapters put in, trained ones saved, opened again, and merged."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from xstilts.errors import UserError
from xstilts.files import read_json, write_json
from xstilts.modeling.encoder import open_encoder, save_encoder
from xstilts.tensors import save_tensors

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"  # peft's names


def attach(encoder: Any, method: dict[str, Any], seed: int) -> dict[str, Any]:
    """Freeze an encoder and put fresh adapters into it, which change nothing before they are trained.

    Args:
        encoder: from ``open_encoder``.
        method: ``kind``, and the settings of that kind.
        seed: of what is drawn; equal seeds give equal adapters.

    Returns:
        The content of ``adapter_config.json``.
    """
    settings = {name: value for name, value in method.items() if name != "kind"}
    module = _module(method["kind"])
    encoder.requires_grad_(False)
    torch.manual_seed(seed)
    try:
        written: dict[str, Any] = module.attach(encoder, settings)
    except ModuleNotFoundError as error:
        raise UserError(f"method: {method['kind']} needs {error.name}: pip install '.[adapters]'") from None
    own = module.parameters(encoder)
    for parameter in encoder.parameters():
        parameter.requires_grad_(False)
    for parameter in own.values():
        parameter.requires_grad_(True)
    return written


def save_adapter(encoder: Any, written: dict[str, Any], folder: Path) -> list[str]:
    """Write adapters as peft does, and nothing of the encoder below them; return the files' names."""
    write_json(folder / CONFIG, written)
    own = _module_of(written).parameters(encoder)
    save_tensors({name: one.detach() for name, one in own.items()}, folder / WEIGHTS, {"format": "pt"})
    return [CONFIG, WEIGHTS]


def is_adapter(folder: Path) -> bool:
    """Say whether a folder holds adapters, without the encoder below them."""
    return (folder / CONFIG).is_file()


def has_few_bits(folder: Path) -> bool:
    """Say whether the adapters of a folder stand beside weights in fewer bits, which are made of those as stored."""
    written = read_json(folder / CONFIG)
    return "bits" in _module_of(written, folder).settings_of(written)


def load(encoder: Any, folder: Path) -> dict[str, Any]:
    """Put the adapters of a folder into the encoder that they were trained on; return their configuration.

    Raises:
        UserError: they are not of this encoder's shape.
    """
    written: dict[str, Any] = read_json(folder / CONFIG)
    module = _module_of(written, folder)
    attach(encoder, {"kind": written["peft_type"].lower()} | module.settings_of(written), seed=0)
    exchange(encoder, folder)
    return written


def exchange(encoder: Any, folder: Path) -> None:
    """Give the adapters of an encoder the weights of a folder, which are of the same kind and shape.

    Raises:
        UserError: they are not.
    """
    from safetensors.torch import load_file

    own = _module_of(read_json(folder / CONFIG), folder).parameters(encoder)
    # What another program has put into the pooler, which no task here uses, goes.
    found = {name: one for name, one in load_file(folder / WEIGHTS).items() if ".pooler." not in name}
    ours = {name: tuple(one.shape) for name, one in own.items()}
    theirs = {name: tuple(one.shape) for name, one in found.items()}
    if ours != theirs:
        name = min(name for name in ours | theirs if ours.get(name) != theirs.get(name))
        raise UserError(
            f"{folder / WEIGHTS}: found {theirs.get(name, 'nothing')} for {name}; "
            f"expected {ours.get(name, 'nothing')} of the encoder below"
        )
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(found[name])


def merge(encoder: Any, written: dict[str, Any]) -> None:
    """Make an encoder with adapters a plain one, which trains whole again.

    Raises:
        UserError: they are of a kind that cannot be merged.
    """
    _module_of(written).merge(encoder)
    encoder.requires_grad_(True)


def save_merged(folder: Path, base: Path, dest: Path) -> list[str]:
    """Write the encoder that adapters make of the one below them as a plain Hugging Face folder; return its files."""
    encoder = open_encoder(base, as_stored=has_few_bits(folder))
    merge(encoder, load(encoder, folder))
    dest.mkdir(parents=True, exist_ok=True)
    return save_encoder(encoder, base, dest)


def _module_of(written: dict[str, Any], folder: Path | None = None) -> ModuleType:
    kind = str(written.get("peft_type")).lower()
    if kind not in ("lora", "ia3", "bottleneck"):
        found = written.get("peft_type")
        raise UserError(f"{folder}/{CONFIG}: found peft_type {found!r}; expected LORA, IA3 or BOTTLENECK")
    return _module(kind)


def _module(kind: str) -> ModuleType:
    return importlib.import_module(f"xstilts.modeling.adapters.{kind}")

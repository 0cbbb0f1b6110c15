"""The translation model, brought from a folder or the Hub like an encoder, with the files that such models have."""

from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.modeling.check import check_model
from xstilts.modeling.fetch import fetch_encoder

OWN_FILES = ("generation_config.json", "source.spm", "target.spm")


def fetch_translator(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Make a translation model the workflow's own; safetensors only."""
    return fetch_encoder(folder, **spec["settings"], more=OWN_FILES, check=check_model)

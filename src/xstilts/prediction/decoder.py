"""The decoder that answers from its context, brought from a folder or the Hub like an encoder."""

from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.modeling.check import check_model
from xstilts.modeling.fetch import fetch_encoder

OWN_FILES = ("generation_config.json", "chat_template.jinja")


def fetch_decoder(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Make a causal language model the run's own; safetensors only."""
    return fetch_encoder(folder, **spec["settings"], more=OWN_FILES, check=check_model)

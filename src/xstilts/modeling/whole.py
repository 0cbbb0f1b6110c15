"""An encoder as a trained model has it: the folder itself, or what the adapters in it make of the one below them."""

import importlib
from pathlib import Path
from typing import Any

from xstilts.modeling.encoder import open_encoder


def open_whole(folder: Path, below: Path | None) -> Any:
    """Open an encoder folder, or where ``below`` is one, that encoder with the adapters in ``folder``."""
    if below is None:
        return open_encoder(folder)
    adapted = importlib.import_module("xstilts.modeling.adapted")  # by name: few jobs run it
    encoder = open_encoder(below, as_stored=adapted.has_few_bits(folder))
    adapted.load(encoder, folder)
    return encoder

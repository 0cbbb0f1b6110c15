"""One data set in one language as an artifact of the workflow."""

from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.data.prepare import prepare


def prepare_dataset(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest], origin: Path) -> Product:
    """Prepare the data set and language of the spec's settings from ``origin``.

    A data set that cannot be had is a product with the reason, which its tasks carry to the tables.
    """
    settings = spec["settings"]
    found = prepare(settings["dataset"], settings["language"], origin, folder)
    return Product([f"{split}.jsonl" for split in found["rows"]], found, found["reason"], relied_on=("evaluate",))

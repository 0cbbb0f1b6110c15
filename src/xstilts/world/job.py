"""The generated world as an artifact of the workflow."""

import shutil
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.world.build import build_world
from xstilts.world.folder import WorldSettings


def make_world(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Write the world of the spec's settings into ``folder``."""
    settings = spec["settings"] | {"languages": tuple(spec["settings"]["languages"])}
    for earlier in folder.iterdir():
        if earlier.is_dir():
            shutil.rmtree(earlier)  # whatever lies there counts as data
    counts = build_world(WorldSettings(**settings), folder)
    return Product(list(counts), {"rows": counts})

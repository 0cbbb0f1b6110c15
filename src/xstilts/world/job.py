"""The generated world as an artifact of the workflow."""

from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.world.build import WorldSettings, build_world


def make_world(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Write the world of the spec's settings into ``folder``."""
    settings = spec["settings"] | {"languages": tuple(spec["settings"]["languages"])}
    counts = build_world(WorldSettings(**settings), folder)
    files = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    files = [name for name in files if not name.startswith(".") and name != "manifest.json"]
    return Product(files, {"rows": counts})

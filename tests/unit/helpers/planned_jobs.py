"""The jobs of the shipped configuration with changes, for tests of what there is and what it reads."""

from pathlib import Path
from typing import Any

import yaml

from xstilts.config.run import load
from xstilts.graph.jobs import Jobs

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
PART = {"sources": ["none", "mnli", "squad", "multi"], "languages": ["en", "de"], "seeds": [1, 2]}


def planned(**changes: Any) -> Jobs:
    return Jobs(load(BASE | PART | changes), ROOT)


def target_sets(**changes: dict[str, Any]) -> dict[str, Any]:
    sets = {name: dict(entry) for name, entry in BASE["target"]["sets"].items()}
    for name, entry in changes.items():
        sets[name] |= entry
    return BASE["target"] | {"sets": sets}

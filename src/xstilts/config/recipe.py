"""How far the settings of a run are from those of the recipe that it names."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xstilts.config.layers import read_layers
from xstilts.config.run import Run, load

SECTIONS = (
    "selection",
    "lengths",
    "optimisation",
    "training",
    "intermediate",
    "translation",
    "target",
    "evaluation",
    "retrieval",
)
# What changes no number, or only in the last bits, and the choice of checkpoints, which the recipe's name says.
SPARED = (
    *("optimisation.micro_tokens", "optimisation.activation_checkpointing", "optimisation.checkpoint_minutes"),
    *("optimisation.deterministic", "selection.recipe"),
)


def changed_settings(run: Run, project: Path) -> list[str]:
    """Return the settings in which a run differs from the recipe that it names, each as ``KEY RECIPE'S -> OURS``.

    A recipe is ``config.yaml``, with ``config/recipes/NAME.yaml`` over it where it is not the paper's. A name without
    such a file is the run's own: it promises nothing that could have been changed.

    Args:
        run: the run.
        project: the folder of ``config.yaml``.
    """
    overlay = project / "config" / "recipes" / f"{run.recipe}.yaml"
    if run.recipe != "paper" and not overlay.is_file():
        return []
    recipe = read_layers(project, [] if run.recipe == "paper" else [overlay])
    theirs, ours = (dict(_leaves(one.model_dump(include=set(SECTIONS)))) for one in (load(recipe), run))
    return [
        f"{key} {_word(theirs.get(key))} -> {_word(ours.get(key))}"
        for key in dict.fromkeys([*theirs, *ours])
        if key not in SPARED and theirs.get(key) != ours.get(key)
    ]


def stamp(recipe: str, changes: list[str]) -> str:
    """Return a recipe's name with how many of its settings a run changed."""
    return f"{recipe}, {len(changes)} setting{'s' * (len(changes) > 1)} changed" if changes else recipe


def _leaves(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) if len(value) < 8 else f"{len(value)} entries"
    if (isinstance(value, str) and value.strip() != value) or value == "":
        return json.dumps(value)
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

"""The choice of a learning rate: of several trainings that differ in nothing else, the best one on English dev."""

from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.files import link_file, read_json


def choose_rate(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Make the training with the best dev score this folder's own; of equals, the one with the lower rate.

    The score is the one that chose the checkpoint of each training: English dev, never another language.

    Args:
        folder: the artifact; gets the chosen training's files, as links where the disk can.
        spec: its ``settings`` hold ``candidates``, {source: learning rate}.
        inputs: the trainings by source.

    Returns:
        A product with the chosen training's results, its rate, and every candidate's score; one with a reason when
        a candidate could not be trained.
    """
    candidates: dict[str, float] = spec["settings"]["candidates"]
    reasons = {found.reason for found in inputs.values() if found.reason}
    if reasons:
        return Product(reason="; ".join(sorted(reasons)))
    scores = {name: best_score(inputs[name]) for name in candidates}
    best = max(candidates, key=lambda name: (scores[name], -candidates[name]))
    chosen = inputs[best]
    chosen.check()
    files = list(chosen.content["files"])
    for name in files:
        link_file(chosen.folder / name, folder / name)
    tried = [{"learning_rate": candidates[name], "score": scores[name]} for name in candidates]
    return Product(files, chosen.results | {"learning_rate": candidates[best], "tried": tried})


def best_score(training: Manifest) -> float:
    """Return the dev score of a training's chosen checkpoint."""
    history = read_json(training.folder / "history.json")
    score: float = next(one["score"] for one in history["evaluations"] if one["step"] == history["best_step"])
    return score

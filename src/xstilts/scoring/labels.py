"""Scores of labels: accuracy (XNLI, PAWS-X)."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from xstilts.scoring.accuracy import accuracy, correct
from xstilts.scoring.common import Found, Rows, Scores, each_split, known_labels, summed
from xstilts.scoring.reading import check_lengths, read_labels
from xstilts.tasks import Task


def label_scores(predicted: Sequence[object], gold: Sequence[object], units: Sequence[str]) -> Scores:
    """Score labels, choices or retrieved rows: accuracy."""
    right = correct(predicted, gold)
    return {
        "metrics": {"accuracy": accuracy(predicted, gold)},
        "examples": len(gold),
        "extra": {},
        "items": summed(units, {"correct": right, "total": [1] * len(gold)}),
    }


def score_splits(entry: Task, language: str, predictions: Mapping[str, Path], gold: Mapping[str, Rows]) -> Found:
    """Score every split of one language from its prediction files (see `xstilts.scoring.evaluate`)."""
    return each_split(predictions, gold, partial(_score, entry))


def _score(entry: Task, path: Path, rows: Rows) -> Scores | None:
    labelled = [place for place, row in enumerate(rows) if row["label"] is not None]
    if not labelled:
        return None
    gold = [str(rows[place]["label"]) for place in labelled]
    labels = read_labels(path, known_labels(entry, set(gold)))
    check_lengths(path, len(labels), len(rows), "labels")
    return label_scores([labels[place] for place in labelled], gold, [rows[place]["group"] for place in labelled])

"""What the scorers of all kinds share: their result, sums by resampling unit, and a way through a task's splits.

The scores of a split are a dict: `metrics` (percent), `examples`, `extra` (what is worth knowing beside) and `items`,
the sufficient statistics a resampling unit: `unit` names the units, and equally long lists hold their counts.

* accuracy: `correct`, `total`
* tagging and given pairs: `tp`, `pred`, `gold` (spans or pairs), for tagging also `token_correct`, `tokens`
* answers: `exact_match`, `f1` (sums of values from 0 to 1), `total`
* BUCC: `gold` and the unit's only candidate, `score` (null without one) and `correct`
"""

from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from xstilts.tasks import Task, training_set

Rows = Sequence[Mapping[str, Any]]
Scores = dict[str, Any]
Found = tuple[dict[str, Scores], list[str]]  # scores by split, and why the other splits have none


def summed(units: Sequence[str], counts: Mapping[str, Sequence[float]]) -> dict[str, list[Any]]:
    """Sum equally long lists of counts over equal units, kept in the order of first occurrence."""
    place = {unit: number for number, unit in enumerate(dict.fromkeys(units))}
    items: dict[str, list[Any]] = {"unit": list(place)}
    for name, values in counts.items():
        sums: list[float] = [0] * len(place)
        for unit, value in zip(units, values, strict=True):
            sums[place[unit]] += value
        items[name] = sums
    return items


def known_labels(entry: Task, gold: Set[str]) -> set[str] | None:
    """Return the labels a prediction may hold: those of the training set, and those the gold holds besides.

    None where the training set's are those of its data, which are not known here.
    """
    labels = training_set(entry.target).labels
    return None if isinstance(labels, str) else set(gold) | set(labels)


def each_split(
    predictions: Mapping[str, Path], gold: Mapping[str, Rows], score: Callable[[Path, Rows], Scores | None]
) -> Found:
    """Score every split by itself; ``score`` returns None when no row has a label."""
    splits: dict[str, Scores] = {}
    reasons: list[str] = []
    for split, path in predictions.items():
        scores = score(Path(path), gold[split])
        if scores is None:
            reasons.append(f"{split}: its labels are not known here")
        else:
            splits[split] = scores
    return splits, reasons

"""Accuracy of labels, choices and retrieved rows."""

from collections.abc import Mapping, Sequence
from typing import Any


def correct(predicted: Sequence[object], gold: Sequence[object]) -> list[int]:
    """Return 1 or 0 per example; both sequences have the same length (ValueError otherwise)."""
    return [int(guess == truth) for guess, truth in zip(predicted, gold, strict=True)]


def accuracy(predicted: Sequence[object], gold: Sequence[object]) -> float:
    """Return the percentage of examples whose prediction equals the gold (XTREME evaluate.py, lines 81-84)."""
    return 100.0 * sum(correct(predicted, gold)) / len(gold)


def dev_score(predictions: Sequence[object], rows: Sequence[Mapping[str, Any]]) -> float:
    """Return the accuracy of predicted labels or choices on labelled rows."""
    return accuracy([str(label) for label in predictions], [str(row["label"]) for row in rows])


def dev_name() -> str:
    """Say in words what ``dev_score`` returns."""
    return "accuracy"


def distinct(predictions: Sequence[object], rows: Sequence[Mapping[str, Any]]) -> tuple[set[object], set[object]]:
    """Return the different answers among the predictions and in the gold."""
    return set(predictions), {row["label"] for row in rows}

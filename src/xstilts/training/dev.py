"""The one number by which a checkpoint is chosen, and whether a model has collapsed to a single answer."""

from typing import Any

from xstilts.scoring import evaluate

Rows = list[dict[str, Any]]


def dev_score(name: str, family: str, predictions: Any, rows: Rows) -> float:
    """Return the dev score in percent: accuracy, span F1 (token accuracy for CCG), or the mean of EM and F1."""
    return evaluate.dev_score(family, predictions, rows, no_answer=name == "squad2", token_accuracy=name == "ccg")


def metric_name(name: str, family: str) -> str:
    """Say in words what ``dev_score`` returns for a training set."""
    if family == "span_qa":
        return "mean of exact match and F1"
    if family == "tagging":
        return "token accuracy" if name == "ccg" else "F1"
    return "accuracy"


def collapsed(family: str, predictions: Any, rows: Rows) -> bool:
    """Say whether the model gives one and the same answer to everything although the gold answers differ.

    A large encoder sometimes fails to train and predicts the majority class; such a run is marked, not averaged in
    silence. For span answers it is the empty or the same text for every question; for tags one tag for every word.
    """
    if family == "tagging":
        found = {tag for tags in predictions for tag in tags}
        gold = {tag for row in rows for tag in row["tags"]}
    elif family == "span_qa":
        found = set(predictions.values())
        gold = {row["answers"][0]["text"] if row["answers"] else "" for row in rows}
    else:
        found = set(predictions)
        gold = {row["label"] for row in rows}
    return len(found) <= 1 < len(gold)

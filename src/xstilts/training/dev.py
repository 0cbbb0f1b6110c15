"""The one number by which a checkpoint is chosen, and whether a model has collapsed to a single answer."""

import importlib
from typing import Any

METRICS = {"classification": "accuracy", "multiple_choice": "accuracy", "tagging": "spans", "span_qa": "squad"}

Rows = list[dict[str, Any]]


def metric_module(family: str) -> str:
    """Return the dotted name of the module that scores a family, which is opened by name."""
    return f"xstilts.scoring.{METRICS[family]}"


def dev_score(name: str, family: str, predictions: Any, rows: Rows) -> float:
    """Return the dev score of a training set in percent, from predictions in memory.

    Args:
        name: the training set; CCG is scored by token accuracy, SQuAD 2.0 by its own rules.
        family: classification and multiple_choice (one label or choice a row: accuracy), tagging (one list of tags a
            row: span F1) or span_qa ({question id: answer}: the mean of exact match and F1).
        predictions: as the family says.
        rows: normalised, labelled rows.
    """
    how = {"tagging": {"by_token": name == "ccg"}, "span_qa": {"no_answer": name == "squad2"}}.get(family, {})
    score: float = importlib.import_module(metric_module(family)).dev_score(predictions, rows, **how)
    return score


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

"""The one number by which a checkpoint is chosen, and whether a model has collapsed to a single answer."""

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from xstilts.families.facts import facts

Rows = list[dict[str, Any]]


def dev_score(part: Mapping[str, Any], predictions: Any, rows: Rows) -> float:
    """Return the dev score of a training set in percent, from predictions in memory.

    Args:
        part: the training set: its family, and what the family's metric asks for besides (``by_token`` of tags that
            are no spans, ``no_answer`` of questions that may have none).
        predictions: as the family decodes them: one label, choice or list of tags a row, or {question id: answer}.
        rows: normalised, labelled rows.
    """
    score: float = _metric(part).dev_score(predictions, rows, **_options(part))
    return score


def metric_name(part: Mapping[str, Any]) -> str:
    """Say in words what ``dev_score`` returns for a training set."""
    name: str = _metric(part).dev_name(**_options(part))
    return name


def collapsed(part: Mapping[str, Any], predictions: Any, rows: Rows) -> bool:
    """Say whether the model gives one and the same answer to everything although the gold answers differ.

    A large encoder sometimes fails to train and predicts the majority class; such a run is marked, not averaged in
    silence. For span answers it is the empty or the same text for every question; for tags one tag for every word.
    """
    found, gold = _metric(part).distinct(predictions, rows)
    return len(found) <= 1 < len(gold)


def _metric(part: Mapping[str, Any]) -> ModuleType:
    return importlib.import_module(f"xstilts.{facts(part['family']).dev_metric}")


def _options(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in facts(part["family"]).dev_options}

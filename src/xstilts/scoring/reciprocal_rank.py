"""Mean reciprocal rank: the mean of 1 / rank of what was to be found."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Found(Protocol):
    """What was found for a query."""

    @property
    def rank(self) -> int:
        """The rank of what was to be found, from 1."""

    @property
    def first(self) -> int:
        """The number of what was ranked first."""


def dev_score(predictions: Sequence[Found], rows: Sequence[Mapping[str, Any]]) -> float:
    """Return the mean reciprocal rank of each pair's own candidate, in percent."""
    return 100 * math.fsum(1 / found.rank for found in predictions) / len(rows)


def dev_name() -> str:
    """Say in words what ``dev_score`` returns."""
    return "mean reciprocal rank"


def distinct(predictions: Sequence[Found], rows: Sequence[Mapping[str, Any]]) -> tuple[set[object], set[object]]:
    """Return the different candidates that were ranked first, and those that were to be found."""
    return {found.first for found in predictions}, {row["target"] for row in rows}

"""Scores of Tatoeba: the percentage of English sentences whose retrieved sentence is a translation."""

from collections.abc import Mapping
from pathlib import Path

from xstilts.errors import DataError
from xstilts.scoring.common import Found, Rows, Scores, each_split
from xstilts.scoring.labels import label_scores
from xstilts.scoring.reading import check_lengths, read_indices
from xstilts.tasks import Task


def score_splits(entry: Task, language: str, predictions: Mapping[str, Path], gold: Mapping[str, Rows]) -> Found:
    """Score every split of one language from its prediction files (see `xstilts.scoring.evaluate`)."""
    return each_split(predictions, gold, _score)


def _score(path: Path, rows: Rows) -> Scores | None:
    foreign = [row["id"] for row in rows if row["side"] == "foreign"]
    english = [row for row in rows if row["side"] == "english"]
    if any(row["matches"] is None for row in english):
        return None
    numbers = [int(number) for number in read_indices(path)]
    check_lengths(path, len(numbers), len(english), "retrieved rows")
    for row, number in enumerate(numbers, 1):
        if number >= len(foreign):
            raise DataError(path, f"the row number {number}", f"one below {len(foreign)}", row)
    right = [foreign[number] in row["matches"] for number, row in zip(numbers, english, strict=True)]
    return label_scores(right, [True] * len(english), [row["group"] for row in english])

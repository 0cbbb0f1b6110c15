"""Scores of choices, each the number of one of a row's texts: accuracy (multiple choice)."""

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
    labelled = [place for place, row in enumerate(rows) if row["label"] is not None]
    if not labelled:
        return None
    chosen = [int(number) for number in read_indices(path)]
    check_lengths(path, len(chosen), len(rows), "choices")
    for line, (number, row) in enumerate(zip(chosen, rows, strict=True), 1):
        if number >= len(row["choices"]):
            raise DataError(path, f"the choice {number}", f"one below {len(row['choices'])}", line)
    gold = [rows[place]["label"] for place in labelled]
    return label_scores([chosen[place] for place in labelled], gold, [rows[place]["group"] for place in labelled])

"""A number of a table and the scores behind it: a source's mean over metrics and languages, one number over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from xstilts.errors import DataError
from xstilts.planning.tables import ScoreRow
from xstilts.uncertainty.seeds import summarise

Cells = Mapping[tuple[Any, ...], ScoreRow]


@dataclass(frozen=True)
class Number:
    """A number of a table: how it is made, and what it is made of."""

    value: float | None
    words: tuple[str, ...]
    cells: tuple[ScoreRow, ...] = ()
    encoders: tuple[Path, ...] = ()  # manifests of those whose size it is
    served: "Served | None" = None


@dataclass(frozen=True)
class Served:
    """A measurement of models as they answer: its manifest, and which of its arms and tasks a number is of."""

    manifest: Path
    arms: tuple[str, ...]
    task: str


def is_number(text: str) -> bool:
    """Say whether a field of a table is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def word(value: float | None) -> str:
    """Return a number as the way back shows it."""
    return "no number" if value is None else f"{value:.6f}"


def score_of(
    made: Mapping[str, Any], cells: Cells, source: str, seeds: Sequence[int], statistic: Any, table: Path
) -> tuple[float, list[ScoreRow]]:
    """Return (a source's score on one task, the scores that it is made of).

    Args:
        made: task, split, metrics and languages.
        cells: the run's scores of the model.
        source: the source.
        seeds: over which ``statistic`` goes.
        statistic: mean or median.
        table: which an error names.

    Raises:
        DataError: a score that the table was made of is not there.
    """
    behind: list[ScoreRow] = []
    by_seed = []
    for seed in seeds:
        for metric in made["metrics"]:
            for language in made["languages"]:
                key = (source, made["task"], made["split"], metric, seed, language)
                if key not in cells:
                    raise DataError(table, f"a number made of {' '.join(map(str, key))}", "a value there in scores.csv")
                behind.append(cells[key])
        size = len(made["metrics"]) * len(made["languages"])
        by_seed.append(fmean(cell.value for cell in behind[-size:] if cell.value is not None))
    return summarise(by_seed, statistic), behind

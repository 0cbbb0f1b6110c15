"""The long table of scores: every cell that a run expects is a row, with its value or the reason for having none."""

import csv
import io
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.errors import DataError
from xstilts.files import write_text
from xstilts.reporting.failures import Failures, RestsOn, of_cell
from xstilts.scoring import score_file

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "model",
    "source",
    "target",
    "task",
    "language",
    "split",
    "metric",
    "seed",
    "value",
    "examples",
    "status",
    "reason",
    "recipe",
)
NOT_RUN = "not run yet"


@dataclass(frozen=True)
class Cell:
    """One score file that a run expects."""

    model: str
    source: str
    target: str
    seed: int
    task: str
    language: str

    def path(self, folder: Path | str) -> Path:
        """Return where the score file of this cell lies under ``folder``."""
        parts = (self.model, self.source, self.target, str(self.seed), self.task, f"{self.language}.json")
        return Path(folder).joinpath(*parts)


def expected_splits(task: Mapping[str, Any], language: str) -> list[str]:
    """Return the splits of a registry entry in which ``language`` has labels (``absent``: {split: [languages]})."""
    absent: Mapping[str, Collection[str]] = task.get("absent") or {}
    return [split for split in task["splits"] if language not in absent.get(split, ())]


def _row(cell: Cell, split: str, metric: str, **values: Any) -> dict[str, Any]:
    given = {"value": None, "examples": None, "status": "ok", "reason": "", "seal": None, **values}
    return {**vars(cell), "split": split, "metric": metric, **given}


def _cell_rows(
    path: Path, cell: Cell, task: Mapping[str, Any], failed: tuple[str, str] | None
) -> Iterable[dict[str, Any]]:
    if not path.exists():
        for split in expected_splits(task, cell.language):
            for metric in task["metrics"]:
                yield _row(cell, split, metric, status="missing", reason=NOT_RUN)
        return
    content = score_file.read_scores(path)
    found = {key: content.get(key) for key in ("task", "language")}
    if found != {"task": cell.task, "language": cell.language}:
        raise DataError(path, f"scores of {found['task']} {found['language']}", f"those of {cell.task} {cell.language}")
    splits: Mapping[str, Any] = content.get("splits") or {}
    why = content.get("reason")
    for split in dict.fromkeys([*expected_splits(task, cell.language), *splits]):
        scored = splits.get(split)
        for metric in task["metrics"]:
            if scored is None:
                reason = why or f"no labelled {split} rows for {cell.language}"
                yield _row(cell, split, metric, status="missing", reason=reason, seal=content["seal"])
                continue
            value = scored["metrics"].get(metric)
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise DataError(path, f"{metric} of {value!r} on {split}", f"a finite number as {metric}")
            state = dict(zip(("status", "reason"), failed or ("ok", ""), strict=True))
            counted = {"value": float(value), "examples": int(scored["examples"])}
            yield _row(cell, split, metric, seal=content["seal"], **counted, **state)


def collect_scores(
    folder: Path | str,
    cells: Sequence[Cell],
    tasks: Mapping[str, Mapping[str, Any]],
    failures: Failures | None = None,
    rests_on: RestsOn | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of ``scores.csv`` for all expected cells, in their order, each with the seal of its file.

    Args:
        folder: holds the score files, ``MODEL/SOURCE/TARGET/SEED/TASK/LANGUAGE.json``.
        cells: what the run expects. A cell without a file becomes ``missing`` rows, one a split and metric.
        tasks: the registry's entries (``metrics``, ``splits``, ``languages`` and where given ``absent``).
        failures: (model, source, target, seed) of the trainings that collapsed or learned nothing: status and reason.
        rests_on: of a source the trainings that its cells go on from; of one that is not in it the source's own.

    Raises:
        DataError: a score file is broken, belongs to another cell, or holds no finite number.
    """
    rows: list[dict[str, Any]] = []
    for cell in cells:
        failed = of_cell(failures or {}, (cell.model, cell.source, cell.target, cell.seed), rests_on or {})
        rows.extend(_cell_rows(cell.path(folder), cell, tasks[cell.task], failed))
    return rows


def seals(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the seal of every scores file that rows are of, by its place below the folder of scores."""
    columns = [field.name for field in fields(Cell)]
    found = {tuple(row[column] for column in columns): row["seal"] for row in rows}
    return {Cell(*key).path("").as_posix(): seal for key, seal in found.items() if seal is not None}


def leftover_files(folder: Path | str, cells: Iterable[Cell]) -> list[Path]:
    """Return the score files under ``folder`` that no expected cell accounts for: to be named, never used."""
    expected = {cell.path(folder) for cell in cells}
    return sorted(path for path in Path(folder).glob("*/*/*/*/*/*.json") if path not in expected)


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as CSV text; None becomes an empty field, floats keep every digit."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if row.get(column) is None else row[column] for column in columns])
    return buffer.getvalue()


def write_scores(path: Path | str, rows: Iterable[Mapping[str, Any]], recipe: str) -> None:
    """Write ``scores.csv``: the rows, each with the recipe of the run."""
    write_text(path, csv_text(({**row, "recipe": recipe} for row in rows), COLUMNS))


def read_scores(path: Path | str) -> "pd.DataFrame":
    """Read ``scores.csv``: seed an integer, value and examples numbers or NaN, all else text.

    Raises:
        DataError: a column is missing.
    """
    import pandas as pd

    texts = {column: str for column in COLUMNS if column not in ("seed", "value", "examples")}
    frame = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={"value": [""], "examples": [""]})
    lacking = [column for column in COLUMNS if column not in frame.columns]
    if lacking:
        raise DataError(path, f"no column {', '.join(lacking)}", f"the columns {', '.join(COLUMNS)}", 1)
    return frame[list(COLUMNS)]

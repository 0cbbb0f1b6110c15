"""The tables of a run as they lie on the disk: which run one belongs to, its rows, and the rows of ``scores.csv``."""

import csv
from dataclasses import dataclass, fields
from pathlib import Path

from xstilts.errors import DataError, UserError
from xstilts.files import read_object
from xstilts.reporting.run import RunFolder
from xstilts.tasks import outside


@dataclass(frozen=True, order=True)
class ScoreRow:
    """One number of ``scores.csv``."""

    model: str
    source: str
    target: str
    seed: int
    task: str
    language: str
    split: str
    metric: str
    value: float | None
    reason: str

    @property
    def chain(self) -> tuple[str, str, str, str]:
        """Model, source, target and seed."""
        return self.model, self.source, self.target, str(self.seed)


def open_run(table: Path) -> RunFolder:
    """Return the run, or the study of a run, that a table belongs to; UserError when it lies in none."""
    tables = next((folder for folder in table.parents if folder.name == "tables"), None)
    if table.parent.parent.name == "studies":
        tables, run = table.parent, table.parents[2]
        settings = run / "specs" / "study" / f"{tables.name}.json"
    elif tables is not None:
        run = tables.parent
        settings = run / "specs" / "table_main" / "table_main.json"
    else:
        raise UserError(f"{table}: found no folder tables above it; expected a table of a run, results/RUN/tables/...")
    if not settings.is_file():
        raise UserError(f"{settings}: no such file; expected the specs of the run beside its tables")
    configuration = run / "configuration.json"
    if configuration.is_file():  # tasks of the user's own
        outside.name_files(tuple(read_object(configuration).get("task_files", ())))
    return RunFolder(read_object(settings, "settings")["settings"], run, tables)


def read_table(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return the header and the rows of a table; UserError with those that are there when it is not."""
    if not table.is_file():
        known = sorted(str(path.relative_to(table.parent)) for path in table.parent.glob("*.csv"))
        raise UserError(f"{table}: no such table; known there: {' '.join(known) or 'none'}")
    try:
        with open(table, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            rows = [dict(row) for row in reader]
            return list(reader.fieldnames or ()), rows
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(table, f"no table ({error})", "the table as the workflow wrote it") from None


def find_row(table: Path, header: list[str], rows: list[dict[str, str]], wanted: str) -> dict[str, str]:
    """Return the one row that has all wanted fields, which commas separate; UserError with the known ones else.

    A field may have commas of its own, as the names of arms do (``COPA, LoRA``).
    """
    words = [word.strip() for word in wanted.split(",")]
    keys = [name for name in header if name not in ("value", "examples", "reason", "status", "recipe")]
    if table.name != "scores.csv":
        keys = keys[: 3 if "column" in header else 4 if "gain" in header else 2 if "batching" in header else 1]
    found = [row for row in rows if wanted in [row[key] for key in keys]]
    found = found or [row for row in rows if all(word in [row[key] for key in keys] for word in words)]
    if len(found) == 1:
        return found[0]
    differing = {key: list(dict.fromkeys(row[key] for row in (found or rows))) for key in keys}
    known = "; ".join(f"{key}: {' '.join(values)}" for key, values in differing.items() if not found or len(values) > 1)
    if found:
        raise UserError(f"{table}: {len(found)} rows fit {wanted!r}; name more of their fields, with commas: {known}")
    raise UserError(f"{table}: unknown row {wanted!r}; known {known}")


def recipe_of(run: RunFolder) -> str:
    """Return the recipe that the run's ``scores.csv`` names: the settings may have got another name since."""
    _, rows = read_table(run.tables / "scores.csv")
    return next(iter(rows), {}).get("recipe") or "not written down"


def score_rows(run: RunFolder) -> list[ScoreRow]:
    """Return the rows of the run's ``scores.csv``."""
    path = run.tables / "scores.csv"
    header, rows = read_table(path)
    names = [one.name for one in fields(ScoreRow)]
    if lacking := set(names) - set(header):
        raise DataError(path, f"no column {' '.join(sorted(lacking))}", f"columns {' '.join(names)}")
    try:
        return [
            ScoreRow(
                row["model"],
                row["source"],
                row["target"],
                int(row["seed"]),
                row["task"],
                row["language"],
                row["split"],
                row["metric"],
                float(row["value"]) if row["value"] else None,
                row["reason"],
            )
            for row in rows
        ]
    except (ValueError, TypeError) as error:
        raise DataError(path, f"a row that is none ({error})", "the table as the workflow wrote it") from None

"""The tables of a run as they lie on the disk: which run one belongs to, its rows, and the rows of ``scores.csv``."""

import csv
from dataclasses import dataclass
from pathlib import Path

from xstilts.errors import UserError
from xstilts.files import read_json
from xstilts.reporting.run import RunFolder


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
    """Return the run that a table belongs to; UserError when it lies in none."""
    tables = next((folder for folder in table.parents if folder.name == "tables"), None)
    if tables is None:
        raise UserError(f"{table}: found no folder tables above it; expected a table of a run, results/RUN/tables/...")
    settings = tables.parent / "specs" / "table_main" / "table_main.json"
    if not settings.is_file():
        raise UserError(f"{settings}: no such file; expected the specs of the run beside its tables")
    return RunFolder(read_json(settings)["settings"], tables.parent, tables)


def read_table(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return the header and the rows of a table; UserError with those that are there when it is not."""
    if not table.is_file():
        known = sorted(str(path.relative_to(table.parent)) for path in table.parent.glob("*.csv"))
        raise UserError(f"{table}: no such table; known there: {' '.join(known) or 'none'}")
    with open(table, encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        rows = [dict(row) for row in reader]
        return list(reader.fieldnames or ()), rows


def find_row(table: Path, header: list[str], rows: list[dict[str, str]], wanted: str) -> dict[str, str]:
    """Return the one row that has all wanted fields, which commas separate; UserError with the known ones else."""
    words = [word.strip() for word in wanted.split(",")]
    keys = [name for name in header if name not in ("value", "examples", "reason", "status", "recipe")]
    if table.name != "scores.csv":
        keys = keys[:3] if "column" in header else keys[:1]
    found = [row for row in rows if all(word in [row[key] for key in keys] for word in words)]
    if len(found) == 1:
        return found[0]
    differing = {key: list(dict.fromkeys(row[key] for row in (found or rows))) for key in keys}
    known = "; ".join(f"{key}: {' '.join(values)}" for key, values in differing.items() if not found or len(values) > 1)
    if found:
        raise UserError(f"{table}: {len(found)} rows fit {wanted!r}; name more of their fields, with commas: {known}")
    raise UserError(f"{table}: unknown row {wanted!r}; known {known}")


def recipe_of(run: RunFolder) -> str:
    """Return the recipe that the run's ``scores.csv`` names: the settings may have got another name since."""
    with open(run.tables / "scores.csv", encoding="utf-8", newline="") as handle:
        return next(iter(csv.DictReader(handle)), {}).get("recipe") or "not written down"


def score_rows(run: RunFolder) -> list[ScoreRow]:
    """Return the rows of the run's ``scores.csv``."""
    path = run.tables / "scores.csv"
    with open(path, encoding="utf-8", newline="") as handle:
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
            for row in csv.DictReader(handle)
        ]

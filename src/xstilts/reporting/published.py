"""The published numbers: every value with its table, its version of the paper and how sure it is."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.tasks.benchmark import BENCHMARKS

FOLDER = Path("resources/published")
COLUMNS = (
    "benchmark",
    "system",
    "source",
    "task",
    "metric",
    "value",
    "kind",
    "split",
    "protocol",
    "table",
    "version",
    "certainty",
    "comparable",
    "note",
)
CERTAINTIES = ("read", "quoted", "derived", "report")
KINDS = ("absolute", "difference", "gain over XTREME's XLM-R Large")
ENCODER = "XLM-R Large"


def system_name(model: str) -> str:
    """Return what published tables call an encoder; a name that they do not have stays."""
    return {"xlm-roberta-large": ENCODER}.get(model, model)


def read_published(folder: Path | str = FOLDER) -> list[dict[str, Any]]:
    """Read every ``*.csv`` of published numbers, ``value`` as a number.

    Raises:
        DataError: a column is missing, a value is no number, or a kind, split, certainty or flag is not known.
    """
    rows: list[dict[str, Any]] = []
    allowed = {
        "benchmark": tuple(BENCHMARKS),
        "kind": KINDS,
        "split": ("dev", "test"),
        "certainty": CERTAINTIES,
        "comparable": ("yes", "no"),
    }
    for path in sorted(Path(folder).glob("*.csv")):
        with open(path, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise DataError(path, f"the columns {reader.fieldnames}", f"the columns {', '.join(COLUMNS)}", 1)
            for row in reader:
                for column, values in allowed.items():
                    if row[column] not in values:
                        raise DataError(
                            path, f"{column} {row[column]!r}", f"one of {', '.join(values)}", reader.line_num
                        )
                try:
                    rows.append({**row, "value": float(row["value"])})
                except ValueError:
                    raise DataError(path, f"value {row['value']!r}", "a number", reader.line_num) from None
    return rows


def benchmark_row(published: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the benchmark's own average of XLM-R Large, as the paper's first version quotes it (68.1)."""
    rows = [row for row in published if (row["system"], row["source"], row["task"]) == (ENCODER, "none", "avg")]
    return next(row for row in rows if "quoting Hu et al." in row["version"])

"""A run's numbers beside the published ones: what may be compared is compared, all else says why not."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from xstilts.errors import DataError
from xstilts.reporting.aggregate import metric_column

if TYPE_CHECKING:
    from xstilts.reporting.main_table import MainTable
    from xstilts.reporting.rows import Score

PUBLISHED = (
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
COLUMNS = (
    "source",
    "task",
    "metric",
    "kind",
    "split",
    "our_split",
    "ours",
    "published",
    "difference",
    "agreement",
    "reach",
    "seeds",
    "comparable",
    "reason",
    "protocol",
    "table",
    "version",
    "certainty",
)
CERTAINTIES = ("read", "quoted", "derived", "report")
KINDS = ("absolute", "difference", "gain over XTREME's XLM-R Large")
ENCODER = "XLM-R Large"
# 97.5 % quantiles of Student's t for 1 to 10 degrees of freedom; above ten the last one stands, slightly too wide.
T975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def system_name(model: str) -> str:
    """Return what published tables call an encoder; a name that they do not have stays."""
    return {"xlm-roberta-large": ENCODER}.get(model, model)


def read_published(folder: Path | str) -> list[dict[str, Any]]:
    """Read every ``*.csv`` of published numbers, ``value`` as a number.

    Raises:
        DataError: a column is missing, a value is no number, or a kind, split, certainty or flag is not known.
    """
    rows: list[dict[str, Any]] = []
    allowed = {"kind": KINDS, "split": ("dev", "test"), "certainty": CERTAINTIES, "comparable": ("yes", "no")}
    for path in sorted(Path(folder).glob("*.csv")):
        with open(path, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            if tuple(reader.fieldnames or ()) != PUBLISHED:
                raise DataError(path, f"the columns {reader.fieldnames}", f"the columns {', '.join(PUBLISHED)}", 1)
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


def prediction_reach(values: Sequence[float]) -> float | None:
    """Return t s sqrt(1 + 1/n) over n seeds: half the 95 % interval for one further run; None under two seeds."""
    count = len(values)
    if count < 2:
        return None
    return T975[min(count - 1, len(T975)) - 1] * stdev(values) * math.sqrt(1 + 1 / count)


def agrees(values: Sequence[float], published: float, rounding: float = 0.05) -> str:
    """Say whether a published value lies within mean ± t s sqrt(1 + 1/n) over seeds; empty under two seeds.

    ``rounding`` is half the last printed digit.
    """
    reach = prediction_reach(values)
    if reach is None:
        return ""
    return "yes" if abs(fmean(values) - published) <= reach + rounding else "no"


def _ours(table: "MainTable", row: Mapping[str, Any], tasks: Mapping[str, Any]) -> "Score | None":
    found = next((one for one in table.rows if one.source == row["source"]), None)
    if found is None or (row["task"] != "avg" and row["task"] not in tasks):
        return None
    if row["task"] == "avg":
        return found.average
    column = metric_column(row["task"], tasks[row["task"]]["metrics"], row["metric"])
    return found.columns.get(column)


def _why_not(row: Mapping[str, Any], score: "Score", table: "MainTable", encoder: str) -> str:
    split = score.split or table.policy
    if row["comparable"] == "no":
        return str(row["note"])
    if row["kind"] not in ("absolute", "difference"):
        return f"a {row['kind']}, not a number of this table"
    if row["certainty"] == "report":
        return "not read in a paper: for the claims only"
    if split != row["split"]:
        return f"ours is on {split}, the published number on {row['split']}"
    if not score.complete:
        return "ours lacks languages of the benchmark" if row["task"] != "avg" else "ours lacks tasks or languages"
    if encoder != ENCODER:
        return f"another encoder: {encoder}"
    return ""


def _compare(row: Mapping[str, Any], score: "Score", table: "MainTable", encoder: str) -> dict[str, Any]:
    ours = score.absolute if row["kind"] == "absolute" else score.value if score.relative else None
    reason = _why_not(row, score, table, encoder) if ours is not None else score.reason or "ours is not a difference"
    shared = {key: row[key] for key in ("source", "task", "metric", "kind", "split", "protocol", "table", "version")}
    same = not reason and ours is not None
    differs = row["kind"] == "difference"
    by_seed = score.by_seed if same and differs == score.relative else ()
    return {
        **shared,
        "certainty": row["certainty"],
        "our_split": score.split or table.policy,
        "ours": None if ours is None else round(ours, 6),
        "published": row["value"],
        "difference": round(ours - row["value"], 6) if same and ours is not None else None,
        "agreement": agrees(by_seed, row["value"]),
        "reach": prediction_reach(by_seed),
        "seeds": len(score.seeds),
        "comparable": "no" if reason else "yes",
        "reason": reason or row["note"],
    }


def compare(
    tables: Sequence["MainTable"],
    published: Sequence[Mapping[str, Any]],
    tasks: Mapping[str, Mapping[str, Any]],
    encoder: str = ENCODER,
    generated: bool = False,
) -> list[dict[str, Any]]:
    """Set the cells of a run beside the published numbers of the same source, task, metric and split.

    A number that is not comparable keeps its row, without a difference and with the reason. A published number that no
    table of the run has on its split stands beside the other split's cell, not compared.

    Args:
        tables: the main tables of one model (dev, test); rows come in the order of theirs.
        published: rows of ``read_published``.
        tasks: the registry's entries.
        encoder: what the run's encoder is, in the words of the published rows' ``system``.
        generated: the run is on generated languages: nothing is compared, and no row comes back.
    """
    if generated:
        return []
    rows = []
    for row in published:
        if row["system"] != ENCODER or not row["source"]:
            continue
        cells = [(table, score) for table in tables if (score := _ours(table, row, tasks)) is not None]
        if not cells:
            continue
        cells.sort(key=lambda cell: (cell[1].split or cell[0].policy) != row["split"])  # stable: its own split first
        table, score = cells[0]
        rows.append(_compare(row, score, table, encoder))
    order = [row.source for row in tables[0].rows]
    return sorted(rows, key=lambda row: order.index(row["source"]))  # stable: as published within a source

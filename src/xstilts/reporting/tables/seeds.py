"""A run of several seeds: how far each number scatters over them, and what a source adds to a control."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.reporting.aggregate import metric_column
from xstilts.reporting.main.gains import few_units
from xstilts.reporting.main.marks import GENERATED, blocks_remarks
from xstilts.reporting.render import MISSING, column_title, markdown_table, number, write_both
from xstilts.reporting.run import POLICIES, RunFolder
from xstilts.uncertainty.intervals import ITEMS_AND_SEEDS, ITEMS_ONLY
from xstilts.uncertainty.seeds import Statistic

COLUMNS = (
    "source",
    "minus",
    "task",
    "metric",
    "split",
    "seeds",
    "value",
    "deviation",
    "lower",
    "upper",
    "method",
    "examples",
    "units",
)


def table_seeds(run: RunFolder) -> None:
    """Write ``seeds.*`` and ``seeds_test.*``: scores and differences over seeds, with intervals."""
    sources = run.settings["sources"]
    remarks = [*blocks_remarks(run.settings), *([GENERATED] if run.generated else [])]
    for model in run.settings["models"]:
        for table, policy in POLICIES.items():
            rows = [row for row in run.intervals[model] if row["table"] == table and row["source"] in sources]
            stem = run.stem(table.replace("main", "seeds"), model)
            seeds = ", ".join(map(str, run.settings["seeds"]))
            title = f"{model}, {'development' if policy == 'dev' else 'test'} sets, seeds {seeds}"
            write_seeds(rows, sources, run.tasks, run.tables, stem, title, remarks, run.settings["statistic"])


def seed_rows(intervals: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row a score and a row a difference (``minus`` names what is taken off) from rows of ``intervals.csv``.

    ``value`` (mean or median) and ``deviation`` (standard deviation) are over seeds; the deviation of a difference is
    that of the seed by seed differences. The bounds are those of the 95 % interval over examples and, from three seeds
    on, over seeds.
    """
    rows = []
    seen = set()
    for row in intervals:
        cell = row["source"], row["task"], row["metric"]
        shared = {key: row[key] for key in ("source", "task", "metric", "split", "seeds", "method", "examples")}
        shared["units"] = row.get("units")
        if cell not in seen:
            seen.add(cell)
            own = {"value": row["value"], "deviation": row["deviation"], "lower": row["lower"], "upper": row["upper"]}
            seeds = int(row.get("own_seeds") or row["seeds"])  # a half-finished baseline leaves a difference fewer
            own |= {"seeds": seeds, "method": ITEMS_AND_SEEDS if seeds >= 3 else ITEMS_ONLY}
            rows.append({**shared, "minus": "", **own})
        if row["difference"] is not None:
            gain = {name: row[f"diff_{name}"] for name in ("deviation", "lower", "upper")}
            rows.append({**shared, "minus": row["baseline"], "value": row["difference"], **gain})
    return rows


def _column(row: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]]) -> str:
    task = row["task"]
    return metric_column(task, tasks[task]["metrics"], row["metric"]) if task in tasks else task


def _grid(
    rows: Sequence[Mapping[str, Any]],
    sources: Sequence[str],
    tasks: Mapping[str, Mapping[str, Any]],
) -> str:
    """A table of cells ``value ± deviation (lower to upper)``: a line a column of the main table, a column a source."""
    shown = [source for source in sources if any(row["source"] == source for row in rows)]
    cells = {(_column(row, tasks), row["source"]): _cell(row) for row in rows}
    lines = [
        [" ".join(part for part in column_title(name) if part), *(cells.get((name, one), MISSING) for one in shown)]
        for name in dict.fromkeys(_column(row, tasks) for row in rows)
    ]
    return markdown_table(["", *shown], lines)


def _cell(row: Mapping[str, Any]) -> str:
    signed = bool(row["minus"])
    text = number(row["value"], signed)
    if row["deviation"] is not None:
        text += f" ± {number(row['deviation'])}"
    text += f" ({number(row['lower'], signed)} to {number(row['upper'], signed)}{few_units(row)})"
    clear = signed and row["method"] == ITEMS_AND_SEEDS and (row["lower"] > 0 or row["upper"] < 0)
    return f"**{text}**" if clear else text


def seeds_markdown(
    rows: Sequence[Mapping[str, Any]],
    sources: Sequence[str],
    tasks: Mapping[str, Mapping[str, Any]],
    title: str,
    remarks: Sequence[str] = (),
    statistic: Statistic = "mean",
) -> str:
    """Return the scores and then the differences to each other source that something was taken off, as Markdown.

    Args:
        rows: rows of ``seed_rows``.
        sources: the order of the columns; those without a row are left out.
        tasks: the registry's entries.
        title: the first line.
        remarks: sentences at the end.
        statistic: how seeds became one number.
    """
    few = any(row["method"] != ITEMS_AND_SEEDS for row in rows)
    sentences = [
        f"Cells: {statistic} over seeds ± standard deviation over seeds (95 % interval of the {statistic}).",
        "The interval is over examples and, from three seeds on, over seeds too.",
        "Differences are paired by seed and example"
        + (", and are those of the medians." if statistic == "median" else "."),
        "The seeds' part of an interval is of variances pooled over the column, not of the deviation beside it.",
        "Languages and tasks are fixed.",
        "Bold: an interval over examples and seeds without 0; not corrected for how many there are.",
        *(["Where fewer than three seeds are there the interval is over examples only."] if few else []),
    ]
    parts = [f"**{title}**\n", " ".join(sentences) + "\n"]
    for minus in dict.fromkeys(row["minus"] for row in rows):
        heading = f"Difference to {minus}, seed by seed" if minus else "Scores, in percent"
        parts.append(f"{heading}\n\n" + _grid([row for row in rows if row["minus"] == minus], sources, tasks))
    return "\n".join([*parts, *(f"{remark}\n" for remark in remarks)])


def write_seeds(
    intervals: Sequence[Mapping[str, Any]],
    sources: Sequence[str],
    tasks: Mapping[str, Mapping[str, Any]],
    folder: Path | str,
    stem: str,
    title: str,
    remarks: Sequence[str] = (),
    statistic: Statistic = "mean",
) -> None:
    """Write ``STEM.{csv,md}`` from one table's rows of ``intervals.csv``."""
    rows = seed_rows(intervals)
    write_both(folder, stem, COLUMNS, rows, seeds_markdown(rows, sources, tasks, title, remarks, statistic))

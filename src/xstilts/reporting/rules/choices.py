"""Which source is the best for each task of a run, and what that gains."""

from pathlib import Path
from typing import Any

from xstilts.reporting.aggregate import index_scores, metric_column
from xstilts.reporting.best import Choices, OwnDev, choose
from xstilts.reporting.best_table import Row, benchmark_row, best_rows
from xstilts.reporting.comparison import read_published, system_name
from xstilts.reporting.main_table import MainTable
from xstilts.reporting.run import RunFolder

PUBLISHED = Path("resources/published")


def best_choices(run: RunFolder, model: str) -> Choices:
    """Return the source of each task by both rules; nothing where a run has less than two sources to choose from."""
    names = run.settings["candidates"]
    if len(names) < 2:
        return {}
    scores = index_scores(run.scores(), model)
    settings = run.settings
    return choose(scores, run.tasks, names, own_dev(run, model), settings["retrieval_source"], settings["statistic"])


def own_dev(run: RunFolder, model: str) -> OwnDev:
    """Return the English development score and number of examples of each target training."""
    found = {}
    for one in run.trainings():
        dev = (one["results"].get("dev") or {}).get(one["target"])
        if one["model"] == model and dev:
            found[one["source"], one["target"], one["seed"]] = (dev["score"], dev["examples"])
    return found


def benchmark() -> dict[str, Any]:
    """Return the published average that the benchmark's authors report for XLM-R Large."""
    return dict(benchmark_row(read_published(PUBLISHED)))


def best_of(run: RunFolder, table: MainTable) -> list[Row]:
    """Return the numbers of the best sources on the benchmark's test splits.

    Args:
        run: the run.
        table: the main table of the test splits of one model.
    """
    rows = [row for row in run.intervals(table.model) if row["table"] == "main_test" and row["baseline"] == "none"]
    columns = [row | {"column": column_of(run, row)} for row in rows]
    choices = best_choices(run, table.model)
    return best_rows(table, choices, columns, benchmark(), system_name(table.model), run.generated)


def column_of(run: RunFolder, row: dict[str, Any]) -> str:
    """Return the column of the main table that a row of ``intervals.csv`` belongs to."""
    task = str(row["task"])
    return metric_column(task, run.tasks[task]["metrics"], row["metric"]) if task in run.tasks else task

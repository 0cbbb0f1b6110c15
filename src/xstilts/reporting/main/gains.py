"""What the best sources gain: over the run's own ``none`` and over the benchmark."""

from collections.abc import Mapping, Sequence
from typing import Any

from xstilts.reporting.main.results import Results
from xstilts.reporting.main.rows import Score
from xstilts.reporting.main.table import MainTable
from xstilts.reporting.published import ENCODER, system_name
from xstilts.reporting.render import MISSING, number
from xstilts.tasks.benchmark import XTREME, Benchmark
from xstilts.uncertainty.intervals import TOO_FEW_SEEDS
from xstilts.uncertainty.resampling import FEW

Row = dict[str, Any]


def _cells(table: MainTable, rule: str, bounds: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[Row]:
    """The columns of a rule's row, and its average, with intervals where there are some."""
    row = table.row(rule)
    rows: list[Row] = []
    for column, score in row.columns.items():
        choice = table.choices[rule][table.column_tasks[column]]
        chosen = {
            "source": choice.source,
            "chosen_on": choice.on,
            "selected_on_test": "yes" if choice.on_test else "no",
        }
        rows.append(_cell(rule, column, table.column_tasks[column], score, bounds.get((rule, column))) | chosen)
    name, score = ("avg", row.average) if row.average.value is not None else ("avg_available", row.available)
    rows.append(_cell(rule, name, name, score, bounds.get((rule, name))))
    return [cell | {"split": cell["split"] or table.policy} for cell in rows]


def _cell(rule: str, column: str, task: str, score: Score, bounds: Mapping[str, Any] | None) -> Row:
    empty = ("lower", "upper", "diff_lower", "diff_upper", "seeds", "units")
    return {
        **{"rule": rule, "task": task, "column": column, "split": score.split, "score": score.absolute},
        "difference": score.value if score.relative else None,
        "reason": score.reason,
        **{name: bounds.get(name) if bounds else None for name in empty},
    }


def over_benchmark(
    cell: Row,
    benchmark: Mapping[str, Any],
    encoder: str,
    generated: bool,
    of: Benchmark = XTREME,
    limit: int | None = None,
) -> Row:
    """Return what the average of a rule's row is above the benchmark's, or why the two are not compared."""
    reason = ""
    if generated:
        reason = "generated languages"
    elif of.name != benchmark["benchmark"]:
        reason = f"ours is {of.title}'s average"
    elif cell["split"] != benchmark["split"]:
        reason = f"ours is on {cell['split']}, the benchmark's on {benchmark['split']}"
    elif cell["column"] != "avg":
        reason = "ours lacks tasks or languages"
    elif limit:
        reason = limited(limit)
    elif encoder != ENCODER:
        reason = f"another encoder: {encoder}"
    base = {"benchmark": benchmark["value"], "certainty": benchmark["certainty"]}
    if reason or cell["score"] is None:
        return cell | base | {"comparable": "no", "reason": reason if cell["score"] is not None else cell["reason"]}
    gains = {
        f"over_{name}": None if cell[key] is None else cell[key] - benchmark["value"]
        for name, key in (("benchmark", "score"), ("lower", "lower"), ("upper", "upper"))
    }
    return cell | base | gains | {"comparable": "yes"}


def limited(limit: int) -> str:
    """Say why a number of a part of the examples stands beside no published one: retrieval among fewer is easier."""
    return f"ours is of the first {limit} examples of each language alone"


def best_rows(
    table: MainTable,
    intervals: Sequence[Mapping[str, Any]],
    benchmark: Mapping[str, Any],
    encoder: str,
    generated: bool,
    of: Benchmark = XTREME,
    limit: int | None = None,
) -> list[Row]:
    """Return a row a rule and column of one main table; those of the averages hold the gain over the benchmark.

    Args:
        table: a main table with the rows of best sources.
        intervals: rows of ``intervals.csv`` of the same table, ``column`` added.
        benchmark: what ``benchmark_row`` found.
        encoder: the run's, in the words of the published rows' ``system``.
        generated: the run is on generated languages.
        of: the benchmark that the run goes by.
        limit: the first examples of each language that were evaluated, None for all.
    """
    bounds = {(row["source"], row["column"]): row for row in intervals}
    rows = [cell for rule in table.choices for cell in _cells(table, rule, bounds)]
    return [
        over_benchmark(cell, benchmark, encoder, generated, of, limit) if cell["task"].startswith("avg") else cell
        for cell in rows
    ]


def best_of(results: Results, table: MainTable, benchmark: Mapping[str, Any]) -> list[Row]:
    """Return the numbers of the best sources on the benchmark's test splits, whose main table is ``table``."""
    rows = [row for row in results.intervals if row["table"] == "main_test" and row["baseline"] == "none"]
    columns = [{**row, "column": results.column_of(row)} for row in rows]
    encoder = system_name(table.model)
    return best_rows(table, columns, benchmark, encoder, results.generated, results.benchmark, results.limit)


def gain_sentences(rows: Sequence[Row], benchmark: Mapping[str, Any]) -> list[str]:
    """Return for each rule a sentence with its average and its two gains."""
    sentences = []
    printed = number(benchmark["value"])
    for row in rows:
        if not row["task"].startswith("avg"):
            continue
        if row["score"] is None:
            sentences.append(f"{row['rule']} on test: no average ({row['reason']}).")
            continue
        name = "average" if row["column"] == "avg" else "average over what is there"
        own = "there is no row none to compare with"
        if row["difference"] is not None:
            own = f"{with_bounds(row, 'difference', 'diff_lower', 'diff_upper')} to none of this run"
        over = f"not compared with the benchmark's XLM-R Large ({printed}): {row['reason']}"
        if row["comparable"] == "yes":
            gain = with_bounds(row, "over_benchmark", "over_lower", "over_upper")
            origin = f"{benchmark['certainty']} in {benchmark['version']}"
            over = f"{gain} to the benchmark's XLM-R Large ({printed}, {origin})"
        few = int(row.get("seeds") or 3) < 3
        verdict = f" Not identified: {TOO_FEW_SEEDS}." if few else ""
        sentences.append(f"{row['rule']} on test: {name} {number(row['score'])}; {own}; {over}.{verdict}")
    return sentences


def with_bounds(row: Row, value: str, lower: str, upper: str) -> str:
    """Return a number with its interval in brackets, where there is one."""
    if row[value] is None:
        return MISSING
    signed = value != "score"
    bounds = "" if row[lower] is None else f"{number(row[lower], signed)} to {number(row[upper], signed)}"
    return number(row[value], signed) + (f" ({bounds}{few_units(row)})" if bounds else "")


def few_units(row: Mapping[str, Any]) -> str:
    """Return what stands beside an interval that rests on few units (documents, premises, ...)."""
    units = int(row.get("units") or FEW)
    return f", of {units} units only" if units < FEW else ""

"""The best sources as a table of their own, and what they gain: over the run's own ``none`` and over the benchmark."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.files import write_text
from xstilts.reporting.best import Choices
from xstilts.reporting.comparison import ENCODER
from xstilts.reporting.notes import MISSING
from xstilts.reporting.render import column_title, markdown_table, number
from xstilts.reporting.scores import csv_text

if TYPE_CHECKING:
    from xstilts.reporting.main_table import MainTable
    from xstilts.reporting.rows import Score

Row = dict[str, Any]
COLUMNS = (
    *("rule", "split", "task", "column", "source", "chosen_on", "selected_on_test", "score", "lower", "upper"),
    *("difference", "diff_lower", "diff_upper"),
    *("benchmark", "over_benchmark", "over_lower", "over_upper", "certainty", "comparable", "reason"),
)


def benchmark_row(published: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the benchmark's own average of XLM-R Large, as the paper's first version quotes it (68.1)."""
    rows = [row for row in published if (row["system"], row["source"], row["task"]) == (ENCODER, "none", "avg")]
    return next(row for row in rows if "quoting Hu et al." in row["version"])


def _cells(
    table: "MainTable", rule: str, choices: Choices, bounds: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[Row]:
    """The columns of a rule's row, and its average, with intervals where there are some."""
    row = table.row(rule)
    rows: list[Row] = []
    for column, score in row.columns.items():
        choice = choices[rule][table.column_tasks[column]]
        chosen = {
            "source": choice.source,
            "chosen_on": choice.on,
            "selected_on_test": "yes" if choice.on_test else "no",
        }
        rows.append(_cell(rule, column, table.column_tasks[column], score, bounds.get((rule, column))) | chosen)
    name, score = ("avg", row.average) if row.average.value is not None else ("avg_available", row.available)
    rows.append(_cell(rule, name, name, score, bounds.get((rule, name))))
    return [cell | {"split": cell["split"] or table.policy} for cell in rows]


def _cell(rule: str, column: str, task: str, score: "Score", bounds: Mapping[str, Any] | None) -> Row:
    empty = ("lower", "upper", "diff_lower", "diff_upper")
    return {
        **{"rule": rule, "task": task, "column": column, "split": score.split, "score": score.absolute},
        "difference": score.value if score.relative else None,
        "reason": score.reason,
        **{name: bounds[name] if bounds else None for name in empty},
    }


def over_benchmark(cell: Row, benchmark: Mapping[str, Any], encoder: str, generated: bool) -> Row:
    """Return what the average of a rule's row is above the benchmark's, or why the two are not compared."""
    reason = ""
    if generated:
        reason = "generated languages"
    elif cell["split"] != benchmark["split"]:
        reason = f"ours is on {cell['split']}, the benchmark's on {benchmark['split']}"
    elif cell["column"] != "avg":
        reason = "ours lacks tasks or languages"
    elif encoder != ENCODER:
        reason = f"another encoder: {encoder}"
    base = {"benchmark": benchmark["value"], "certainty": benchmark["certainty"]}
    if reason or cell["score"] is None:
        return cell | base | {"comparable": "no", "reason": reason or cell["reason"]}
    gains = {
        f"over_{name}": None if cell[key] is None else cell[key] - benchmark["value"]
        for name, key in (("benchmark", "score"), ("lower", "lower"), ("upper", "upper"))
    }
    return cell | base | gains | {"comparable": "yes"}


def best_rows(
    table: "MainTable",
    choices: Choices,
    intervals: Sequence[Mapping[str, Any]],
    benchmark: Mapping[str, Any],
    encoder: str,
    generated: bool,
) -> list[Row]:
    """Return a row a rule and column of one main table; those of the averages hold the gain over the benchmark.

    Args:
        table: a main table with the rows of best sources.
        choices: which sources these are.
        intervals: rows of ``intervals.csv`` of the same table, ``column`` added.
        benchmark: what ``benchmark_row`` found.
        encoder: the run's, in the words of the published rows' ``system``.
        generated: the run is on generated languages.
    """
    bounds = {(row["source"], row["column"]): row for row in intervals}
    rows = [cell for rule in choices for cell in _cells(table, rule, choices, bounds)]
    return [
        over_benchmark(cell, benchmark, encoder, generated) if cell["task"].startswith("avg") else cell for cell in rows
    ]


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
            own = f"{_with_bounds(row, 'difference', 'diff_lower', 'diff_upper')} to none of this run"
        over = f"not compared with the benchmark's XLM-R Large ({printed}): {row['reason']}"
        if row["comparable"] == "yes":
            gain = _with_bounds(row, "over_benchmark", "over_lower", "over_upper")
            origin = f"{benchmark['certainty']} in {benchmark['version']}"
            over = f"{gain} to the benchmark's XLM-R Large ({printed}, {origin})"
        sentences.append(f"{row['rule']} on test: {name} {number(row['score'])}; {own}; {over}.")
    return sentences


def _with_bounds(row: Row, value: str, lower: str, upper: str) -> str:
    if row[value] is None:
        return MISSING
    signed = value != "score"
    bounds = "" if row[lower] is None else f" ({number(row[lower], signed)} to {number(row[upper], signed)})"
    return number(row[value], signed) + bounds


def best_markdown(title: str, rows: Sequence[Row], benchmark: Mapping[str, Any], remarks: Sequence[str] = ()) -> str:
    """Return a table a rule as Markdown: each task's source, its score, its difference to ``none``; then the gains."""
    if not rows:
        return f"**{title}**\n\nThis run has less than two sources to choose from.\n"
    head = ["", "source", "chosen on", "split", "score (95 % interval)", "difference to none (95 % interval)"]
    parts = [f"**{title}**\n"]
    for rule in dict.fromkeys(row["rule"] for row in rows):
        lines = [
            [
                " ".join(part for part in column_title(row["column"]) if part),
                row.get("source") or MISSING,
                row.get("chosen_on", ""),
                row["split"],
                _with_bounds(row, "score", "lower", "upper"),
                _with_bounds(row, "difference", "diff_lower", "diff_upper"),
            ]
            for row in rows
            if row["rule"] == rule
        ]
        parts.append(f"{rule}\n\n{markdown_table(head, lines)}")
    notes = [
        *gain_sentences(rows, benchmark),
        "An interval is of what the chosen source scores in truth; the source is chosen anew in every resample. Where "
        "the scores shown chose it too, the number is too high on average and the interval lies lower around it.",
        *(f"{row['rule']}, {row['task']}: {row['reason']}." for row in rows if row["score"] is None and row["reason"]),
        *remarks,
    ]
    return "\n".join([*parts, *(f"{note}\n" for note in notes)])


def write_best(rows: Sequence[Row], text: str, folder: Path | str, stem: str) -> None:
    """Write ``STEM.{csv,md}``."""
    write_text(Path(folder) / f"{stem}.csv", csv_text(rows, COLUMNS))
    write_text(Path(folder) / f"{stem}.md", text)

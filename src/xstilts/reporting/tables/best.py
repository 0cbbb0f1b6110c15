"""The best sources as a table of their own."""

from collections.abc import Mapping, Sequence
from typing import Any

from xstilts.reporting.main.gains import Row, best_of, gain_sentences, with_bounds
from xstilts.reporting.main.marks import GENERATED, recipe_sentence
from xstilts.reporting.main.results import read_results
from xstilts.reporting.main.table import build_main_table
from xstilts.reporting.published import benchmark_row, read_published
from xstilts.reporting.render import MISSING, column_title, markdown_table, write_both
from xstilts.reporting.run import RunFolder

COLUMNS = (
    *("rule", "split", "task", "column", "source", "chosen_on", "selected_on_test", "score", "lower", "upper"),
    *("difference", "diff_lower", "diff_upper", "units"),
    *("benchmark", "over_benchmark", "over_lower", "over_upper", "certainty", "comparable", "reason"),
)


def table_best(run: RunFolder) -> None:
    """Write ``best.*``: the best source for each task, on the benchmark's test splits, and what it gains."""
    benchmark = benchmark_row(read_published())
    remarks = [recipe_sentence(run.settings), *([GENERATED] if run.generated else [])]
    for model in run.settings["models"]:
        results = read_results(run, model)
        rows = best_of(results, build_main_table(results, "test"), benchmark)
        title = f"Best source for each task: {model}, test sets"
        text = best_markdown(title, rows, benchmark, remarks)
        write_both(run.tables, run.stem("best", model), COLUMNS, rows, text)


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
                with_bounds(row, "score", "lower", "upper"),
                with_bounds(row, "difference", "diff_lower", "diff_upper"),
            ]
            for row in rows
            if row["rule"] == rule
        ]
        parts.append(f"{rule}\n\n{markdown_table(head, lines)}")
    notes = [
        *gain_sentences(rows, benchmark),
        "An interval is of what the chosen source scores in truth: for each seed the other seeds choose it, and where "
        "the scores shown chose, the other half of the examples. There the number is too high on average and the "
        "interval lies lower around it.",
        *dict.fromkeys(
            f"{row['rule']}, {row['task']}: {row['reason']}." for row in rows if row["score"] is None and row["reason"]
        ),
        *remarks,
    ]
    return "\n".join([*parts, *(f"{note}\n" for note in notes)])

"""Scores by language, averages with and without English, and the transfer gap."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from xstilts.reporting.aggregate import (
    Policy,
    Scores,
    choose_split,
    expected_languages,
    index_scores,
    metric_column,
)
from xstilts.reporting.render import column_title, markdown_table, number, write_table
from xstilts.scoring.seeds import Statistic, summarise

if TYPE_CHECKING:
    import pandas as pd

    from xstilts.reporting.rows import Tasks

Values = dict[str, dict[str, float]]
AVERAGES = ("mean", "mean_without_english", "english", "gap", "headline", "other")


def _values(scores: Scores, task: str, split: str, metric: str, sources: Sequence[str], statistic: Statistic) -> Values:
    found: Values = {}
    for source in sources:
        grid = scores.grid(source, task, split, metric)
        languages = {name for row in grid.values() for name in row}
        found[source] = {
            name: summarise([row[name] for row in grid.values() if name in row], statistic)
            for name in sorted(languages)
        }
    return found


def language_values(
    scores: "pd.DataFrame",
    model: str,
    task: str,
    entry: Mapping[str, Any],
    metric: str,
    sources: Sequence[str],
    policy: Policy = "dev",
    statistic: Statistic = "mean",
) -> tuple[Values, list[str], str]:
    """Return (source to language to value, the languages in order, the split shown) of one task and metric.

    English comes first, then the benchmark's languages, then those that a user added.
    """
    indexed = index_scores(scores, model)
    split = choose_split(task, entry, policy, indexed)
    values = _values(indexed, task, split, metric, sources, statistic)
    found = {name for row in values.values() for name in row}
    known = [name for name in expected_languages(entry, split) if name in found]
    ordered = ["en"] if "en" in found else []
    ordered += [name for name in known if name != "en"]
    return values, ordered + sorted(found - set(ordered)), split


def averages(row: Mapping[str, float], headline: Collection[str] | None = None) -> dict[str, float | None]:
    """Return a source's means over languages and its transfer gap, English minus the mean of all the others.

    ``headline`` and ``other`` are the means over the non-English languages that the encoder was pretrained on and over
    those that it hardly or never saw; None where there is no such distinction.
    """
    others = {name: value for name, value in row.items() if name != "en"}
    english = row.get("en")
    without = fmean(others.values()) if others else None
    parts: dict[str, float | None] = {"headline": None, "other": None}
    if headline is not None:
        seen = [value for name, value in others.items() if name in headline]
        unseen = [value for name, value in others.items() if name not in headline]
        parts = {"headline": fmean(seen) if seen else None, "other": fmean(unseen) if unseen else None}
    return {
        "mean": fmean(row.values()) if row else None,
        "mean_without_english": without,
        "english": english,
        "gap": english - without if english is not None and without is not None else None,
        **parts,
    }


def task_language_table(
    values: Values, languages: Sequence[str], title: str, folder: Path | str, stem: str, notes: Sequence[str] = ()
) -> None:
    """Write one task's scores, a row a language and a column a source, with the means and the gap below."""
    rows: list[dict[str, Any]] = [
        {"language": name, **{source: row.get(name) for source, row in values.items()}} for name in languages
    ]
    means = {source: averages(row) for source, row in values.items()}
    rows += [
        {"language": kind, **{source: row[kind] for source, row in means.items()}}
        for kind in ("mean", "mean_without_english", "gap")
    ]
    write_table(folder, stem, ("language", *values), rows, title, notes)


def languages_table(
    scores: "pd.DataFrame",
    model: str,
    tasks: "Tasks",
    sources: Sequence[str],
    folder: Path | str,
    stem: str,
    policy: Policy = "dev",
    statistic: Statistic = "mean",
    headline: Collection[str] | None = None,
) -> list[dict[str, Any]]:
    """Write and return averages with and without English and the transfer gap, of every source, task and metric.

    ``STEM.csv`` has a row a source and column of the main table; ``STEM.md`` shows each average as a table of its own.
    """
    from xstilts.files import write_text
    from xstilts.reporting.scores import csv_text

    indexed = index_scores(scores, model)
    rows: list[dict[str, Any]] = []
    for task, entry in tasks.items():
        split = choose_split(task, entry, policy, indexed)
        for metric in entry["metrics"]:
            values = _values(indexed, task, split, metric, sources, statistic)
            for source in sources:
                row = {"source": source, "column": metric_column(task, entry["metrics"], metric), "split": split}
                rows.append({**row, "languages": len(values[source]), **averages(values[source], headline)})
    columns = list(dict.fromkeys(row["column"] for row in rows))
    head = ["source", *(" ".join(part for part in column_title(name) if part) for name in columns)]
    titles = {
        "mean": "Mean over languages, English included",
        "mean_without_english": "Mean without English",
        "gap": "Transfer gap: English minus the mean of the others",
        "headline": "Mean over the pretrained languages, without English",
        "other": "Mean over the languages that the encoder hardly or never saw",
    }
    cells = {(row["source"], row["column"]): row for row in rows}
    text = []
    for kind, title in titles.items():
        if any(row[kind] is not None for row in rows):
            body = [[source, *(number(cells[source, name][kind]) for name in columns)] for source in sources]
            text.append(f"**{title}**\n\n{markdown_table(head, body)}")
    write_text(Path(folder) / f"{stem}.csv", csv_text(rows, ("source", "column", "split", "languages", *AVERAGES)))
    write_text(Path(folder) / f"{stem}.md", "\n".join(text) or "No scores yet.\n")
    return rows

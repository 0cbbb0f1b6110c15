"""Scores by language, averages with and without English, and the transfer gap."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from xstilts.reporting.aggregate import Scores, choose_split, expected_languages, metric_column
from xstilts.reporting.main.marks import XCOPA, blocks_remarks, vectors_remarks
from xstilts.reporting.main.rows import Cells, Tasks
from xstilts.reporting.render import column_title, markdown_table, number, write_both, write_cells, write_table
from xstilts.reporting.run import RunFolder
from xstilts.uncertainty.seeds import Statistic, summarise

Values = dict[str, dict[str, float]]
AVERAGES = ("mean", "mean_without_english", "english", "gap", "headline", "other")


def table_languages(run: RunFolder) -> None:
    """Write ``languages.*`` (averages with and without English, the gap) and ``languages/TASK.*``."""
    sources, statistic, headline = run.settings["sources"], run.settings["statistic"], run.settings["headline"] or None
    for model, scores in run.scores.items():
        stem = run.stem("languages", model)
        notes = [note for note in blocks_remarks(run.settings) if note.startswith(f"{model} ")]
        notes += [*vectors_remarks(run.settings), *([run.few_seeds] if run.few_seeds else [])]
        languages_table(scores, model, run.tasks, sources, run.tables, stem, statistic, headline, notes)
        for task, entry in run.tasks.items():
            for metric in entry["metrics"]:
                values, languages, split = language_values(scores, task, entry, metric, sources, statistic)
                title = f"{task}: {metric.replace('_', ' ')} on {split}, in percent"
                name = task if len(entry["metrics"]) == 1 else f"{task}_{metric}"
                said = [f"{XCOPA[0].upper()}{XCOPA[1:]}."] if task == "xcopa" else []
                beside = [name for name in languages if name not in (headline or expected_languages(entry, split))]
                if beside:
                    said.append(f"Means and gap count {', '.join(beside)} too, which the main table does not.")
                task_language_table(values, languages, title, run.tables / stem, name, [*notes, *said])


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
    scores: Scores,
    task: str,
    entry: Mapping[str, Any],
    metric: str,
    sources: Sequence[str],
    statistic: Statistic = "mean",
) -> tuple[Values, list[str], str]:
    """Return (source to language to value, the languages in order, the split shown) of one task and metric on dev.

    English comes first, then the benchmark's languages, then those that a user added.
    """
    split = choose_split(task, entry, "dev", scores)
    values = _values(scores, task, split, metric, sources, statistic)
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
    scores: Scores,
    model: str,
    tasks: Tasks,
    sources: Sequence[str],
    folder: Path | str,
    stem: str,
    statistic: Statistic = "mean",
    headline: Collection[str] | None = None,
    notes: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Write and return averages with and without English and the transfer gap, of every source, task and metric.

    ``STEM.csv`` has a row a source and column of the main table; ``STEM.md`` shows each average as a table of its own;
    ``STEM.cells.json`` says what these and the tables of single tasks are made of.
    """
    rows: list[dict[str, Any]] = []
    made: dict[str, dict[str, Any]] = {}
    beside: dict[str, list[str]] = {}  # language -> tasks whose mean in the main table does not count it
    fewer: list[str] = []
    for task, entry in tasks.items():
        split = choose_split(task, entry, "dev", scores)
        found = scores.languages(task, split)
        for language in sorted(found - set(headline or expected_languages(entry, split))):
            beside.setdefault(language, []).append(task)
        for metric in entry["metrics"]:
            values = _values(scores, task, split, metric, sources, statistic)
            for source in sources:
                if metric == entry["metrics"][0] and 0 < len(values[source]) < len(found):
                    fewer.append(f"{source} on {task} ({len(values[source])} of {len(found)})")
                seeds = sorted(scores.grid(source, task, split, metric))
                behind = Cells(source, None, task, split, [metric], list(values[source]), seeds, [])
                made.setdefault(source, {})[metric_column(task, entry["metrics"], metric)] = asdict(behind)
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
    extra = ", ".join(
        name if len(named) == len(tasks) > 1 else f"{name} ({', '.join(named)})" for name, named in beside.items()
    )
    text += [f"Means are over the languages in which a source has a score{_not_counted(extra)}.\n"] if text else []
    text += [f"Over fewer languages than others: {'; '.join(fewer)}.\n"] if fewer else []
    if statistic == "median" and len(scores.seeds) > 2:
        text += ["Means of the languages' medians over seeds; the main table has the median of the seeds' means.\n"]
    text += [f"{note}\n" for note in notes]
    named = ("source", "column", "split", "languages", *AVERAGES)
    write_both(folder, stem, named, rows, "\n".join(text) or "No scores yet.\n")
    write_cells(folder, stem, model, statistic, numbers=made, headline=sorted(headline or ()))
    return rows


def _not_counted(beside: str) -> str:
    return f"; the main table does not count {beside}" if beside else ": the same that the main table counts"

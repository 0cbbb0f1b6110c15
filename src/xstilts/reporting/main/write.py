"""A main table as files: CSV for machines, Markdown and LaTeX for readers, and what a purely numeric CSV cannot say."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xstilts.files import write_json, write_text
from xstilts.reporting.main.rows import Score
from xstilts.reporting.main.table import MainTable
from xstilts.reporting.render import FAILED, PARTIAL, SIGNIFICANT, column_title, markdown_table, number, write_cells
from xstilts.reporting.scores import csv_text
from xstilts.uncertainty.intervals import ITEMS_ONLY, TOO_FEW_SEEDS

FOOTNOTES = ("†", "‡", "§", "¶")
LATEX = {
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "§": r"\S{}",
    "¶": r"\P{}",
    "–": "--",
    "°": r"$^{\circ}$",
    "…": r"\ldots{}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}


def footnote_symbol(index: int) -> str:
    """Return the symbol of the n-th footnote: † ‡ § ¶ †† ‡‡ and so on."""
    return FOOTNOTES[index % len(FOOTNOTES)] * (index // len(FOOTNOTES) + 1)


def latex(text: str) -> str:
    """Return ``text`` with the characters that LaTeX minds escaped."""
    return "".join(LATEX.get(letter, letter) for letter in text)


def table_scores(table: MainTable) -> list[tuple[str, list[tuple[str, Score]]]]:
    """Return (source, [(column, score)]) for every row, averages included."""
    averages = {"avg": "average", "avg_available": "available", "avg_other": "other"}
    return [
        (
            row.source,
            [(name, getattr(row, averages[name]) if name in averages else row.columns[name]) for name in table.columns],
        )
        for row in table.rows
    ]


def heading(table: MainTable, source: str) -> str:
    """Return the heading that stands above a source's row: of its block, when the row is the first of it."""
    before = ""
    for row in table.rows:
        block = table.blocks.get(row.source, "")
        if row.source == source:
            return block if block != before else ""
        before = block
    return ""


def table_title(table: MainTable) -> str:
    """Return the title: model, which splits, and under three seeds that intervals cover the sampling of items only."""
    shown = "development sets" if table.policy == "dev" else "test sets"
    few = "" if len(table.seeds) >= 3 else f"; {TOO_FEW_SEEDS}, uncertainty: {ITEMS_ONLY}"
    return f"{table.model}, {shown}{few}"


def _footnotes(table: MainTable) -> dict[str, str]:
    """Return footnote to symbol, in the order in which a reader meets them: titles first, then row by row."""
    order = [
        (source, column) for source in ("", *(row.source for row in table.rows)) for column in ("", *table.columns)
    ]
    texts = dict.fromkeys(text for place in order for text in table.marks.get(place, ()))
    return {text: footnote_symbol(index) for index, text in enumerate(texts)}


def _marks(table: MainTable, source: str, column: str, symbols: Mapping[str, str]) -> str:
    return "".join(symbols[text] for text in table.marks.get((source, column), ()))


def _flags(table: MainTable, source: str, column: str, score: Score, symbols: Mapping[str, str]) -> str:
    if score.value is None:
        return ""
    flags = SIGNIFICANT if (source, column) in table.significant else ""
    flags += FAILED if score.unsound else ""
    if column in table.column_tasks and (not score.complete or len(score.seeds) < len(table.seeds)):
        flags += PARTIAL
    return flags + _marks(table, source, column, symbols)


def _notes(table: MainTable, symbols: Mapping[str, str]) -> list[str]:
    notes = list(table.notes)
    if table.significant:
        notes.append(f"{SIGNIFICANT} p below 0.05 after Holm's correction over the differences of the table.")
    return notes + [f"{symbol} {text}" for text, symbol in symbols.items()]


def main_csv(table: MainTable) -> str:
    """Return the table as CSV: ``source`` and numbers (six decimals), empty where a number is missing."""
    rows = [
        {"source": source}
        | {name: None if score.value is None else round(score.value, 6) + 0.0 for name, score in cells}
        for source, cells in table_scores(table)
    ]
    return csv_text(rows, ["source", *table.columns])


def main_markdown(table: MainTable) -> str:
    """Return the table as Markdown with its notes."""
    symbols = _footnotes(table)
    titles = [
        " ".join(part for part in column_title(name) if part) + _marks(table, "", name, symbols)
        for name in table.columns
    ]
    rows = []
    for source, cells in table_scores(table):
        texts = [
            number(score.value, score.relative) + _flags(table, source, name, score, symbols) for name, score in cells
        ]
        if above := heading(table, source):
            rows.append([f"*{above}*", *([""] * len(texts))])
        rows.append([source + _marks(table, source, "", symbols), *(text.replace("*", r"\*") for text in texts)])
    notes = "".join(f"\n{note}\n" for note in _notes(table, symbols)).replace("\n*", "\n\\*")
    return f"**{table_title(table)}**\n\n{markdown_table(['source', *titles], rows)}{notes}"


def main_latex(table: MainTable) -> str:
    """Return the table as LaTeX (packages booktabs and graphicx), two header lines as in the paper."""
    symbols = _footnotes(table)
    titles = [column_title(name) for name in table.columns]
    marks = [_marks(table, "", name, symbols) for name in table.columns]
    lines = [
        "% needs \\usepackage{booktabs,graphicx}",
        r"\begin{table*}\centering\small",
        rf"\caption{{{latex(table_title(table))}}}",
        r"\resizebox{\textwidth}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * len(titles)}}}",
        r"\toprule",
        " & ".join(["", *(latex(first + mark) for (first, _), mark in zip(titles, marks, strict=True))]) + r" \\",
        " & ".join(["source", *(latex(second) for _, second in titles)]) + r" \\",
        r"\midrule",
    ]
    for position, (source, cells) in enumerate(table_scores(table)):
        values = [
            f"${number(score.value, score.relative)}$" + latex(_flags(table, source, name, score, symbols))
            if score.value is not None
            else "--"
            for name, score in cells
        ]
        if above := heading(table, source):
            lines.append(rf"\multicolumn{{{len(titles) + 1}}}{{l}}{{\textit{{{latex(above)}}}}} \\")
        lines.append(" & ".join([latex(source + _marks(table, source, "", symbols)), *values]) + r" \\")
        if position == 0 and len(table.rows) > 1:
            lines.append(r"\midrule")
    lines += [r"\bottomrule", r"\end{tabular}}", r"\par\smallskip\raggedright\footnotesize"]
    lines += [latex(note) + r"\par" for note in _notes(table, symbols)]
    lines.append(r"\end{table*}")
    return "\n".join(lines) + "\n"


def write_main_table(table: MainTable, folder: Path | str, stem: str) -> None:
    """Write ``STEM.{csv,md,tex}`` and beside them what a purely numeric CSV cannot say.

    ``STEM.notes.json`` holds title, marks and notes, ``STEM.cells.json`` what each number is made of.
    """
    symbols = _footnotes(table)
    cells: dict[str, dict[str, dict[str, Any]]] = {}
    for source, row in table_scores(table):
        for name, score in row:
            flags = _flags(table, source, name, score, symbols)
            if flags or score.reason:
                cells.setdefault(source, {})[name] = {"marks": flags, "reason": score.reason}
    notes = {
        "title": table_title(table),
        "model": table.model,
        "policy": table.policy,
        "statistic": table.statistic,
        "baseline": table.baseline,
        "seeds": list(table.seeds),
        "splits": dict(table.splits),
        "rows": {row.source: _marks(table, row.source, "", symbols) for row in table.rows},
        "headings": {row.source: above for row in table.rows if (above := heading(table, row.source))},
        "columns": {name: _marks(table, "", name, symbols) for name in table.columns},
        "notes": _notes(table, symbols),
        "cells": cells,
    }
    folder = Path(folder)
    write_text(folder / f"{stem}.csv", main_csv(table))
    write_text(folder / f"{stem}.md", main_markdown(table))
    write_text(folder / f"{stem}.tex", main_latex(table))
    write_json(folder / f"{stem}.notes.json", notes)
    write_cells(folder, stem, table.model, table.statistic, numbers=made_of(table), choices=_chosen(table))


def made_of(table: MainTable) -> dict[str, dict[str, Any]]:
    """Return by row and column the ``Cells`` behind a number, or why there is none.

    Averages are {"mean": [other numbers of the row]}: the name of a task stands for the mean of its metrics, TASK/other
    for the mean over the languages beside the headline.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in table.rows:
        others = {f"{task}/other": score for task, score in row.others.items()}
        means = {name: [one for one in others if others[one].value is not None] for name in ("avg_other",)}
        means |= {name: list(row.over) for name in ("avg", "avg_available")}
        averages = {"avg": row.average, "avg_available": row.available, "avg_other": row.other}
        scores = {**row.tasks, **others, **row.columns, **averages}
        found[row.source] = {
            name: {"reason": score.reason}
            if score.value is None
            else {"mean": means[name]}
            if score.cells is None
            else asdict(score.cells)
            for name, score in scores.items()
        }
    return found


def _chosen(table: MainTable) -> dict[str, dict[str, str]]:
    return {
        rule: {
            task: f"{rule} takes {choice.source} for {task}, chosen on {choice.on}"
            for task, choice in choices.items()
            if choice.source
        }
        for rule, choices in table.choices.items()
    }

"""Tables as files: CSV for machines, Markdown and LaTeX for readers."""

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.files import write_json, write_text
from xstilts.reporting.notes import COLLAPSED, MISSING, PARTIAL, SIGNIFICANT
from xstilts.reporting.scores import csv_text

if TYPE_CHECKING:
    from xstilts.reporting.main_table import MainTable
    from xstilts.reporting.rows import Score

FOOTNOTES = ("†", "‡", "§", "¶")
TITLES = {
    "xnli": "XNLI",
    "pawsx": "PAWS-X",
    "udpos": "POS",
    "panx": "NER",
    "xquad": "XQuAD",
    "mlqa": "MLQA",
    "tydiqa": "TyDiQA",
    "bucc2018": "BUCC",
    "tatoeba": "Tatoeba",
    "avg": "Avg.",
    "avg_available": "Avg. (available)",
    "avg_other": "Avg. (other languages)",
}
NUMERIC = re.compile(r"[-+\d.,]*[^\w\s]*|")  # a number and its marks, a dash, or nothing
METRICS = {"f1": "F1", "em": "EM"}
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


def column_title(column: str) -> tuple[str, str]:
    """Return the two lines of a column's title: the task, and the metric where a task has several."""
    if column in TITLES:
        return TITLES[column], ""
    task, _, metric = column.rpartition("_")
    return (TITLES.get(task, task), METRICS.get(metric, metric)) if metric in METRICS else (column, "")


def number(value: float | None, signed: bool = False, digits: int = 1) -> str:
    """Return a number for a reader: one decimal, a sign on differences, a dash for what is missing."""
    if value is None:
        return MISSING
    exact = Decimal(repr(round(value, 6)))  # the CSV's six decimals, halves away from zero as the paper rounds
    rounded = float(exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)) + 0.0  # + 0.0 turns -0.0 into 0.0
    return f"{rounded:+.{digits}f}" if signed else f"{rounded:.{digits}f}"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, columns of numbers to the right and all others to the left."""
    numeric = [all(NUMERIC.fullmatch(row[index]) for row in rows) for index in range(len(columns))]
    rule = ["---:" if index and right else "---" for index, right in enumerate(numeric)]
    lines = [list(columns), rule, *[list(row) for row in rows]]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def write_table(
    folder: Path | str,
    stem: str,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    title: str,
    notes: Sequence[str] = (),
) -> None:
    """Write ``STEM.csv`` with every digit and ``STEM.md`` with one decimal, title and notes."""
    text = [[_plain(row.get(column)) for column in columns] for row in rows]
    below = "".join(f"\n{note}\n" for note in notes)
    write_text(Path(folder) / f"{stem}.csv", csv_text(rows, columns))
    write_text(Path(folder) / f"{stem}.md", f"**{title}**\n\n{markdown_table(columns, text)}{below}")


def _plain(value: Any) -> str:
    if value is None or value == "":
        return MISSING
    return number(value) if isinstance(value, float) else str(value)


def table_scores(table: "MainTable") -> list[tuple[str, list[tuple[str, "Score"]]]]:
    """Return (source, [(column, score)]) for every row, averages included."""
    averages = {"avg": "average", "avg_available": "available", "avg_other": "other"}
    return [
        (
            row.source,
            [(name, getattr(row, averages[name]) if name in averages else row.columns[name]) for name in table.columns],
        )
        for row in table.rows
    ]


def heading(table: "MainTable", source: str) -> str:
    """Return the heading that stands above a source's row: of its block, when the row is the first of it."""
    before = ""
    for row in table.rows:
        block = table.blocks.get(row.source, "")
        if row.source == source:
            return block if block != before else ""
        before = block
    return ""


def table_title(table: "MainTable") -> str:
    """Return the title: model, which splits, and under three seeds that intervals cover the sampling of items only."""
    shown = "development sets" if table.policy == "dev" else "test sets"
    few = "" if len(table.seeds) >= 3 else "; uncertainty: item sampling only"
    return f"{table.model}, {shown}{few}"


def _footnotes(table: "MainTable") -> dict[str, str]:
    """Return footnote to symbol, in the order in which a reader meets them: titles first, then row by row."""
    order = [
        (source, column) for source in ("", *(row.source for row in table.rows)) for column in ("", *table.columns)
    ]
    texts = dict.fromkeys(text for place in order for text in table.marks.get(place, ()))
    return {text: footnote_symbol(index) for index, text in enumerate(texts)}


def _marks(table: "MainTable", source: str, column: str, symbols: Mapping[str, str]) -> str:
    return "".join(symbols[text] for text in table.marks.get((source, column), ()))


def _flags(table: "MainTable", source: str, column: str, score: "Score", symbols: Mapping[str, str]) -> str:
    if score.value is None:
        return ""
    flags = SIGNIFICANT if (source, column) in table.significant else ""
    flags += COLLAPSED if score.collapsed else ""
    if column in table.column_tasks and (not score.complete or len(score.seeds) < len(table.seeds)):
        flags += PARTIAL
    return flags + _marks(table, source, column, symbols)


def _notes(table: "MainTable", symbols: Mapping[str, str]) -> list[str]:
    notes = list(table.notes)
    if table.significant:
        notes.append(f"{SIGNIFICANT} p below 0.05 after Holm's correction over the differences of the table.")
    return notes + [f"{symbol} {text}" for text, symbol in symbols.items()]


def main_csv(table: "MainTable") -> str:
    """Return the table as CSV: ``source`` and numbers (six decimals), empty where a number is missing."""
    rows = [
        {"source": source}
        | {name: None if score.value is None else round(score.value, 6) + 0.0 for name, score in cells}
        for source, cells in table_scores(table)
    ]
    return csv_text(rows, ["source", *table.columns])


def main_markdown(table: "MainTable") -> str:
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


def main_latex(table: "MainTable") -> str:
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


def write_main_table(table: "MainTable", folder: Path | str, stem: str) -> None:
    """Write ``STEM.{csv,md,tex}`` and beside them ``STEM_notes.json``: what a purely numeric CSV cannot say."""
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
    write_json(folder / f"{stem}_notes.json", notes)


def main_stem(stem: str, model: str, models: Sequence[str]) -> str:
    """Return the file stem of one model's table: ``main`` for a single model, else ``main_MODEL``."""
    return stem if len(models) == 1 else f"{stem}_{model.replace('/', '--')}"

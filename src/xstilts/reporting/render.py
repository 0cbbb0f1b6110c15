"""Tables as files: CSV for machines, Markdown and LaTeX for readers."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from xstilts.files import write_text
from xstilts.reporting.scores import csv_text

MISSING, PARTIAL, FAILED, SIGNIFICANT = "–", "°", "!", "*"
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
    "xcopa": "XCOPA",
    "xcopa_copa": "XCOPA (COPA)",
    "udpos27": "POS (UD 2.7)",
    "tatoeba_squad": "Tatoeba after SQuAD",
    "mewslix": "Mewsli-X",
    "lareqa": "LAReQA",
    "avg": "Avg.",
    "avg_available": "Avg. (available)",
    "avg_other": "Avg. (other languages)",
}
NUMERIC = re.compile(r"[-+\d.,]*[^\w\s]*|")  # a number and its marks, a dash, or nothing
REASONS = 2  # of many, that a note names
OWN = re.compile(r"\S+/\S+| for \w+$")  # a file, or the language at the end: what reasons of one kind differ in
METRICS = {"f1": "F1", "em": "EM", "ap20": "AP@20", "mrr20": "MRR@20"}
LINES = {"udpos27": ("POS", "(UD 2.7)"), "tatoeba_squad": ("Tatoeba", "after SQuAD")}


def column_title(column: str) -> tuple[str, str]:
    """Return the two lines of a column's title: the task in one or both, the metric where there are several."""
    if column in LINES:
        return LINES[column]
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


def write_both(
    folder: Path | str, stem: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], text: str
) -> None:
    """Write ``STEM.csv`` with every digit and ``STEM.md`` with ``text``."""
    write_text(Path(folder) / f"{stem}.csv", csv_text(rows, columns))
    write_text(Path(folder) / f"{stem}.md", text)


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
    write_both(folder, stem, columns, rows, f"**{title}**\n\n{markdown_table(columns, text)}{below}")


def write_cells(folder: Path | str, stem: str, model: str, statistic: str, **content: Any) -> None:
    """Write ``STEM.cells.json``, which says what each number of a table is made of: ``xstilts trace`` reads it."""
    whole = {"model": model, "statistic": statistic, **content}
    text = json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    write_text(Path(folder) / f"{stem}.cells.json", f"{text}\n")


def _plain(value: Any) -> str:
    if value is None or value == "":
        return MISSING
    return number(value) if isinstance(value, float) else str(value)


def in_short(reason: str, where: str) -> str:
    """Name the first of many reasons: of those that are alike but for file or language, or each of its own kind.

    Args:
        reason: reasons with semicolons between them.
        where: the table that has them all.
    """
    parts = list(dict.fromkeys(reason.split("; ")))
    alike = len({OWN.sub("", part.partition(" (")[0]) for part in parts}) == 1
    if alike and len(parts) > 2:
        return f"{parts[0]}, and so on for {len(parts) - 1} more"
    if len(parts) > REASONS + 1:
        return f"{'; '.join(parts[:REASONS])}; and {len(parts) - REASONS} further reasons, in {where}"
    return "; ".join(parts)

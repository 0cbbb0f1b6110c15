"""The main table on the terminal, with the places where the rest lies."""

import csv
import textwrap
from pathlib import Path
from typing import Any

from xstilts.files import read_json
from xstilts.reporting.render import MISSING, column_title, number


def _cell(text: str, signed: bool) -> str:
    return number(float(text), signed) if text else MISSING


def format_terminal(main_csv: Path | str, run: str, data: str, report: Path | str, figures: Path | str) -> str:
    """Return a main table as aligned text.

    Args:
        main_csv: a ``main*.csv``; its ``*.notes.json`` beside it gives title and notes.
        run: name of the run.
        data: what it ran on, in a few words ("generated languages: not the paper's numbers").
        report: path of the report, shown as given.
        figures: folder of the figures, shown as given.
    """
    main_csv = Path(main_csv)
    notes = read_json(main_csv.with_name(f"{main_csv.stem}.notes.json"))
    with open(main_csv, encoding="utf-8", newline="") as handle:
        columns, *lines = list(csv.reader(handle))
    marks = notes["cells"]
    body = []
    for line in lines:
        signed = notes["baseline"] not in (None, line[0])
        flags = [marks.get(line[0], {}).get(name, {}).get("marks", "") for name in columns]
        body.append(
            [
                line[0] + notes["rows"][line[0]],
                *(_cell(text, signed) + flag for text, flag in zip(line[1:], flags[1:], strict=True)),
            ]
        )
    heads = [("", "source"), *(_short_title(name, notes["columns"][name]) for name in columns[1:])]
    rows = [[first for first, _ in heads], [second for _, second in heads], *body]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    table = [
        " ".join(
            text.ljust(width) if index == 0 else text.rjust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lined = [one for line, one in zip(lines, table[2:], strict=True) for one in (*_heading(notes, line[0]), one)]
    rule = "-" * len(table[0])
    head = [f"run {run}: {notes['title']}", f"data: {data}", ""]
    wrapped = [
        piece for note in notes["notes"] for piece in textwrap.wrap(note, max(len(rule), 80), subsequent_indent="  ")
    ]
    places = [f"report:  {_place(report)}", f"figures: {_place(figures)}", f"tables:  {main_csv.parent}"]
    text = [*head, *table[:2], rule, *lined, rule, *wrapped, "", *places]
    return "\n".join(line.rstrip() for line in text) + "\n"


def _place(path: Path | str) -> str:
    return str(path) if Path(path).exists() else f"{path} (not made yet)"


def _heading(notes: dict[str, Any], source: str) -> list[str]:
    return [notes["headings"][source]] if source in notes["headings"] else []


def _short_title(column: str, mark: str) -> tuple[str, str]:
    first, second = column_title(column)
    if column in ("avg_available", "avg_other"):
        first, second = "Avg.", "avail." if column == "avg_available" else "other"
    return (first, second + mark) if second else ("", first + mark)

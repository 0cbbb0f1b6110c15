"""A main table as the page shows it: its files read back, with an interval for each number."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xstilts.files import read_json
from xstilts.reporting.aggregate import metric_column
from xstilts.reporting.main.table import BASELINE
from xstilts.reporting.render import MISSING, column_title, number
from xstilts.reporting.run import RunFolder

AVERAGE_TITLES = {"avg_available": ("Avg.", "avail."), "avg_other": ("Avg.", "other")}


@dataclass(frozen=True)
class MainPage:
    """A main table: numbers by source and column, what ``STEM.notes.json`` says of them, and intervals."""

    values: Mapping[str, Mapping[str, float | None]]
    notes: Mapping[str, Any]
    intervals: Mapping[tuple[str, str], Mapping[str, Any]]  # (source, column) -> row of intervals.csv

    @property
    def baseline(self) -> str | None:
        """The row that is absolute, None where all are."""
        return self.notes["baseline"]

    @property
    def seeds(self) -> list[int]:
        """The seeds behind its numbers."""
        return self.notes["seeds"]

    def signed(self, source: str) -> bool:
        """Whether a row holds differences."""
        return self.baseline not in (None, source)

    def marks(self, source: str, column: str) -> str:
        """Return the signs behind a number."""
        return self.notes["cells"].get(source, {}).get(column, {}).get("marks", "")

    def bounds(self, source: str, column: str) -> str:
        """Return the 95 % interval in words, empty where there is none."""
        row, signed = self.intervals.get((source, column), {}), self.signed(source)
        lower, upper = (row.get(f"diff_{end}" if signed else end) for end in ("lower", "upper"))
        return "" if lower is None or upper is None else f"{number(lower, signed)} to {number(upper, signed)}"

    def titles(self) -> list[tuple[str, str, str]]:
        """Return (task, metric, marks) of each column."""
        columns = next(iter(self.values.values()), {})
        return [(*AVERAGE_TITLES.get(name, column_title(name)), self.notes["columns"][name]) for name in columns]

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows as they are shown: ``source``, ``mark``, ``heading`` and ``cells``."""
        return [
            {
                "source": source,
                "mark": self.notes["rows"][source],
                "heading": self.notes["headings"].get(source),
                "cells": [self._cell(source, name, value) for name, value in values.items()],
            }
            for source, values in self.values.items()
        ]

    def _cell(self, source: str, column: str, value: float | None) -> dict[str, str]:
        found, bounds = self.intervals.get((source, column), {}), self.bounds(source, column)
        why = self.notes["cells"].get(source, {}).get(column, {}).get("reason", "")
        hover = [why] if why else []
        if value is not None and bounds:
            hover.append(f"95 % interval {bounds}: {found['method']}, seeds: {found['seeds']}, units: {found['units']}")
            hover += [f"score {number(found['value'])}"] if self.signed(source) else []
            hover += [f"p {found['p_holm']:.3f} after Holm's correction"] if found["p_holm"] is not None else []
        return {
            "text": MISSING if value is None else number(value, self.signed(source)),
            "marks": self.marks(source, column),
            "bounds": "" if value is None else bounds,
            "hover": "; ".join(hover),
        }


def read_main(run: RunFolder, model: str, table: str = "main") -> MainPage:
    """Read the main table of a model, ``table`` on which splits: ``main`` or ``main_test``."""
    stem = run.tables / run.stem(table, model)
    with open(stem.with_name(f"{stem.name}.csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    values = {
        row["source"]: {name: float(text) if text else None for name, text in row.items() if name != "source"}
        for row in rows
    }
    # Further rows of a source are its differences to controls.
    shown = [row for row in run.intervals[model] if row["table"] == table and row["baseline"] == BASELINE]
    intervals = {(row["source"], _column(run, row)): row for row in shown}
    return MainPage(values, read_json(stem.with_name(f"{stem.name}.notes.json")), intervals)


def _column(run: RunFolder, row: Mapping[str, Any]) -> str:
    task = row["task"]
    return metric_column(task, run.tasks[task]["metrics"], row["metric"]) if task in run.tasks else task

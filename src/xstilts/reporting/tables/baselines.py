"""Scores without an encoder as a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.files import read_json
from xstilts.reporting.render import write_table
from xstilts.reporting.run import RunFolder


def table_baselines(run: RunFolder) -> None:
    """Write ``baselines.*``: what every task scores without an encoder."""
    baselines_table(read_baselines(run), run.tables, "baselines")


def read_baselines(run: RunFolder) -> list[dict[str, Any]]:
    """The baseline rows of all tasks of the run."""
    files = [run.tables / "baselines" / f"{task}.json" for task in run.settings["languages"]]
    return [row for path in files if path.is_file() for row in read_json(path)]


def baselines_table(baselines: Sequence[Mapping[str, Any]], folder: Path | str, stem: str) -> None:
    """Write what needs no encoder (majority, random, ...) by task, language, split and metric.

    Args:
        baselines: rows with ``task``, ``language``, ``split``, ``metric``, ``baseline`` and ``value``.
        folder: where ``STEM.{csv,md}`` go.
        stem: name of the files.
    """
    names = list(dict.fromkeys(row["baseline"] for row in baselines))
    cells: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in baselines:
        key = tuple(row[column] for column in ("task", "language", "split", "metric"))
        cells.setdefault(key, dict(zip(("task", "language", "split", "metric"), key, strict=True)))
        cells[key][row["baseline"]] = row["value"]
    write_table(
        folder, stem, ("task", "language", "split", "metric", *names), list(cells.values()), "Without an encoder"
    )

"""What the tables read beside scores: counts of data manifests, summaries and histories of trainings."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.files import read_json


def read_counts(manifests: Iterable[Path | str]) -> list[dict[str, Any]]:
    """Read data manifests, ``.../DATASET/LANGUAGE/manifest.json``.

    Returns:
        ``dataset``, ``language``, ``rows`` and ``labelled`` ({split: number}) and ``reason`` (why there are none).
    """
    found = []
    for path in map(Path, manifests):
        content = read_json(path)
        results = content.get("results") or {}
        found.append(
            {
                "dataset": path.parent.parent.name,
                "language": path.parent.name,
                "rows": results.get("rows") or {},
                "labelled": results.get("labelled") or {},
                "reason": content.get("reason"),
            }
        )
    return found


def read_trainings(manifests: Iterable[Path | str]) -> list[dict[str, Any]]:
    """Read training manifests, ``.../MODEL/SOURCE/TARGET/SEED/manifest.json``, with the ``history.json`` beside each.

    Returns:
        ``model``, ``source``, ``target`` (``none`` in the intermediate phase), ``seed``, ``set`` (the training set that
        names its panel in a figure), ``results``, ``reason``, ``best_step`` and ``evaluations``.
    """
    found = []
    for path in map(Path, manifests):
        content = read_json(path)
        model, source, target, seed = path.parent.parts[-4:]
        history: dict[str, Any] = {"best_step": None, "evaluations": []}
        if content.get("reason") is None and "history.json" in content.get("files", {}):
            history = read_json(path.parent / "history.json")
        found.append(
            {
                "model": model,
                "source": source,
                "target": target,
                "seed": int(seed),
                "set": source if target == "none" else target,
                "results": content.get("results") or {},
                "reason": content.get("reason"),
                "best_step": history["best_step"],
                "evaluations": history["evaluations"],
            }
        )
    return found


def collapsed_trainings(trainings: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str, int], str]:
    """Return a sentence for each (model, source, target, seed) whose training collapsed to one class on English dev."""
    return {
        (one["model"], one["source"], one["target"], one["seed"]): "one class on English dev: "
        + ", ".join(one["results"]["collapsed"])
        for one in trainings
        if one["results"].get("collapsed")
    }


def read_numbers(path: Path | str, numeric: Sequence[str]) -> list[dict[str, Any]]:
    """Read a CSV of the project's own making, the ``numeric`` columns as numbers or None.

    Raises:
        DataError: a numeric field holds something else.
    """
    with open(path, encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        rows: list[dict[str, Any]] = list(reader)
    for line, row in enumerate(rows, 2):
        for column in numeric:
            text = row.get(column)
            try:
                row[column] = float(text) if text else None
            except ValueError:
                raise DataError(path, f"{column} {text!r}", "a number", line) from None
    return rows

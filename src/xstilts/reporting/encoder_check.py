"""Scores of published encoders against what their authors measured: by language untrained, as a mean when trained."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from xstilts.errors import DataError
from xstilts.scoring.score_file import read_scores
from xstilts.tasks import task
from xstilts.tasks.benchmark import XTREME

COLUMNS = ("task", "language", "metric", "split", "value")
ROUNDING = 1e-9  # a difference of exactly the tolerance is inside


@dataclass(frozen=True)
class Expected:
    """One published number, in percent."""

    task: str
    language: str
    metric: str
    split: str
    value: float


@dataclass(frozen=True)
class Row:
    """One published number beside ours; ``reason`` says why ours is missing."""

    expected: Expected
    value: float | None
    verdict: str  # inside, outside or missing
    reason: str = ""


def read_expected(path: Path, model: str | None = None) -> list[Expected]:
    """Read the published numbers of a CSV, or those of one ``model`` in it.

    Raises:
        DataError: there are none, or a column lacks; it names the row without a number, or with another metric.
        ConfigError: a task is not known.
    """
    if not path.is_file():
        raise DataError(path, "no such file", f"published numbers with the columns {' '.join(COLUMNS)}")
    with open(path, encoding="utf-8", newline="") as handle:
        lines = csv.DictReader(handle)
        needed = COLUMNS if model is None else ("model", *COLUMNS)
        if not set(needed) <= set(lines.fieldnames or ()):
            raise DataError(path, f"the columns {' '.join(lines.fieldnames or ())}", " ".join(needed), 1)
        found = []
        for line in lines:
            if model is not None and line["model"] != model:
                continue
            try:
                value = float(line["value"] or "")
            except ValueError:
                raise DataError(path, f"value {line['value']!r}", "a number in percent", lines.line_num) from None
            metrics = task(line["task"]).metrics
            if line["metric"] not in metrics:
                raise DataError(path, f"metric {line['metric']!r} of {line['task']}", " ".join(metrics), lines.line_num)
            found.append(Expected(line["task"], line["language"], line["metric"], line["split"], value))
    if not found:
        raise DataError(path, f"no rows{f' of {model}' if model else ''}", "published numbers")
    return found


def compare(folder: Path, expected: Sequence[Expected], within: float) -> list[Row]:
    """Set the scores below ``folder`` (SEED/TASK/LANGUAGE.json) beside the published ones.

    Without training all seeds give the same, so the lowest is read.

    Args:
        folder: the scores of one model without a source and a target.
        expected: the published numbers.
        within: the largest difference, in points, that counts as inside.
    """
    seeds = sorted((path for path in folder.glob("*") if path.name.isdigit()), key=lambda path: int(path.name))
    return [_row(seeds[0] if seeds else folder, number, within) for number in expected]


def compare_means(folder: Path, expected: Sequence[Expected], within: float) -> list[Row]:
    """Set means over all of XTREME's languages of a task beside the published ones.

    Args:
        folder: the scores of one model without a source (TARGET/SEED/TASK/LANGUAGE.json).
        expected: the published means.
        within: the largest difference, in points, that counts as inside.
    """
    rows = []
    for number in expected:
        known = task(number.task)
        parts = [replace(number, language=language) for language in XTREME.languages_of(known)]
        found = compare(folder / known.target, parts, within)
        lacking = [row.expected.language for row in found if row.value is None]
        if lacking:
            rows.append(
                Row(number, None, "missing", f"no score in {' '.join(lacking)}: {found[0].reason}".rstrip(": "))
            )
            continue
        value = fmean(row.value for row in found if row.value is not None)
        inside = abs(value - number.value) <= within + ROUNDING
        rows.append(Row(number, value, "inside" if inside else "outside"))
    return rows


def _row(folder: Path, expected: Expected, within: float) -> Row:
    path = folder / expected.task / f"{expected.language}.json"
    if not path.is_file():
        return Row(expected, None, "missing", f"no {path}")
    scores = read_scores(path)
    split = scores["splits"].get(expected.split)
    if split is None:
        return Row(expected, None, "missing", scores["reason"] or f"no score on {expected.split}")
    value = float(split["metrics"][expected.metric])
    inside = abs(value - expected.value) <= within + ROUNDING
    return Row(expected, value, "inside" if inside else "outside")


def table(rows: Sequence[Row], within: float) -> str:
    """Return a line a number, and how many are inside."""
    lines = [f"{'task':10}{'language':>9}{'ours':>8}{'theirs':>8}{'difference':>12}  verdict"]
    for row in rows:
        if row.value is None:
            numbers = f"{'-':>8}{row.expected.value:>8.1f}{'-':>12}"
        else:
            numbers = f"{row.value:>8.1f}{row.expected.value:>8.1f}{row.value - row.expected.value:>+12.2f}"
        reason = f" ({row.reason})" if row.reason else ""
        lines.append(f"{row.expected.task:10}{row.expected.language:>9}{numbers}  {row.verdict}{reason}")
    counts = Counter(row.verdict for row in rows)
    others = "".join(f", {counts[name]} {name}" for name in ("outside", "missing") if counts[name])
    return "\n".join([*lines, "", f"{counts['inside']} of {len(rows)} within {within:g} points{others}"])

"""Scores and comparisons of submission folders as tables of pandas: `xstilts.score` and `xstilts.compare`."""

import warnings
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from xstilts.errors import UserError
from xstilts.tasks.benchmark import XTREME
from xstilts.tasks.benchmark import benchmark as of_name
from xstilts.xtreme.compare import SYSTEMS, compare_folders
from xstilts.xtreme.evaluate import REPORTED, report, score_folders
from xstilts.xtreme.folders import opened

if TYPE_CHECKING:
    import pandas as pd

Place = str | PathLike[str]
COMPARED = ("task", "metric", "a", "b", "difference", "lower", "upper", "p", "examples")


def score(predictions: Place, gold: Place, benchmark: str = XTREME.name) -> "pd.DataFrame":
    """Return the official scores of a submission: what `xstilts score` prints.

    Args:
        predictions: folder or zip with TASK/test-LANGUAGE.tsv (.json for answers).
        gold: folder or zip with the gold files under the same names.
        benchmark: whose tasks and languages, ``xtreme`` or ``xtreme_r``.

    Returns:
        A row a task, language and metric, with columns task, language, metric and value (percent). Its attributes hold
        `averages`: the mean of each task over its languages (`avg_metric`; answers: over F1 and exact match too) and
        those of the benchmark, under the official evaluator's names. What the command prints as a note is a warning.

    Raises:
        UserError: pandas is not installed, a folder or file is not what the layout promises, or nothing can be scored.
    """
    pandas = _pandas()
    with opened(Path(predictions)) as answers, opened(Path(gold)) as truth:
        result = score_folders(answers, truth, of_name(benchmark))
    for note in result.notes:
        warnings.warn(note, stacklevel=2)
    content = report(result)
    tasks = [result.benchmark.folder(name) for name in result.scores]
    rows = [
        (task, language, metric, value)
        for task in tasks
        for metric in REPORTED
        for language, value in content[task].get(metric, {}).items()
    ]
    table = pandas.DataFrame(rows, columns=["task", "language", "metric", "value"])
    averages = {task: content[task]["avg_metric"] for task in tasks}
    averages |= {name: value for name, value in content.items() if isinstance(value, float)}
    table.attrs = {"averages": averages, "predictions": str(predictions), "gold": str(gold), "benchmark": benchmark}
    return table


def compare(
    a: "Place | pd.DataFrame", b: "Place | pd.DataFrame", gold: Place | None = None, benchmark: str = XTREME.name
) -> "pd.DataFrame":
    """Return two systems side by side, with intervals and paired p values: what `xstilts compare` prints.

    Args:
        a: the first system: what `score` returned for it, or its folder or zip.
        b: the second one.
        gold: folder or zip of the gold files; not needed where one of the systems comes from `score`.
        benchmark: as of `score`; not needed where one of the systems comes from it.

    Returns:
        A row a task and metric, the average last, with columns task, metric, a, b (percent), difference (b - a),
        lower and upper (of its 95 % interval over drawn items), p (uncorrected) and examples. What the command prints
        as a note is a warning.

    Raises:
        UserError: as of `score`; the gold is not known, or the systems were scored against different gold or by
            different benchmarks.
    """
    pandas = _pandas()
    golds = [Path(gold)] if gold is not None else []
    golds += [Path(_kept(system, "gold")) for system in (a, b) if not isinstance(system, str | PathLike)]
    if not golds:
        raise UserError("compare: found no gold; give its folder, or what xstilts.score returned")
    if len({place.resolve() for place in golds}) > 1:
        raise UserError(f"compare: found gold {golds[0]} and {golds[-1]}; expected the same for both systems")
    went_by = list(dict.fromkeys(_kept(one, "benchmark") for one in (a, b) if not isinstance(one, str | PathLike)))
    if len(went_by) > 1:
        raise UserError(
            f"compare: found scores by {' and '.join(went_by)}; expected the same benchmark for both systems"
        )
    benchmark = went_by[0] if went_by else benchmark
    places = [Path(one) if isinstance(one, str | PathLike) else Path(_kept(one, "predictions")) for one in (a, b)]
    with opened(places[0]) as first, opened(places[1]) as second, opened(golds[0]) as truth:
        comparison = compare_folders(first, second, truth, benchmark=of_name(benchmark))
    for note in comparison.notes:
        warnings.warn(note, stacklevel=2)
    found = [asdict(row) for row in comparison.rows]
    before = {(row["task"], row["metric"]): row["value"] for row in found if row["source"] == SYSTEMS[0]}
    rows = [
        (
            *(row["task"], row["metric"], before[row["task"], row["metric"]], row["value"], row["difference"]),
            *(row["diff_lower"], row["diff_upper"], row["p"], row["examples"]),
        )
        for row in found
        if row["source"] == SYSTEMS[1] and row["p"] is not None
    ]
    return pandas.DataFrame(rows, columns=list(COMPARED))


def _kept(table: "pd.DataFrame", which: str) -> str:
    """Return what a table of scores says of how it was made."""
    if which not in table.attrs:
        raise UserError("compare: found a table without its folders; expected what xstilts.score returned, or a folder")
    return str(table.attrs[which])


def _pandas():  # type: ignore[no-untyped-def]
    try:
        import pandas
    except ModuleNotFoundError:
        raise UserError("xstilts.score and xstilts.compare need pandas: pip install pandas") from None
    return pandas

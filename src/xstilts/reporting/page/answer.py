"""What a run answers, in three sentences made from its numbers: no verdict that its claims and marks do not allow."""

from collections.abc import Mapping, Sequence
from typing import Any

from xstilts.reporting.judging import FAILS, HOLDS, UNKNOWN
from xstilts.reporting.main.table import BASELINE
from xstilts.reporting.page.main_table import MainPage
from xstilts.reporting.render import FAILED, PARTIAL, SIGNIFICANT, number
from xstilts.tasks.benchmark import XTREME, Benchmark

AVERAGES = ("avg", "avg_available")
ENOUGH = 3  # seeds from which on a run says something about a source


def answer(
    table: MainPage,
    candidates: Sequence[str],
    claims: Sequence[Mapping[str, Any]],
    failed: Mapping[str, int],
    cells: Mapping[str, int],
    benchmark: Benchmark = XTREME,
) -> list[str]:
    """Return the three sentences: what was measured, what is decided, what the numbers lack.

    Args:
        table: the main table on development sets.
        candidates: its rows of intermediate training, controls left out.
        claims: rows of ``claims.csv``, none where they are not decided yet.
        failed: how many trainings have which status (``collapsed``, ``not learned``), how many of these are ``of a
            control``, and how many ``trainings`` ended.
        cells: how many lines of ``scores.csv`` have which status.
        benchmark: whose tasks the average is over.
    """
    return [measured(table, candidates, benchmark), decided(table, claims), lacking(failed, cells)]


def measured(table: MainPage, candidates: Sequence[str], benchmark: Benchmark = XTREME) -> str:
    """Say what ``none`` scores on average, and between which bounds the differences of the sources lie."""
    if table.baseline is None:
        return f"No source is compared: {BASELINE}, the row to compare with, is not part of this run."
    column = next((name for name in AVERAGES if table.values[BASELINE].get(name) is not None), None)
    if column is None:
        return f"No source is compared: {BASELINE} has no score yet."
    over = f"the {benchmark.count} tasks" if column == "avg" else "the tasks that are there"
    base = f"On average of {over} (development sets), {BASELINE} scores {number(table.values[BASELINE][column])}"
    if FAILED in table.marks(BASELINE, column):
        return f"{base}, but rests on trainings that failed ({FAILED}): no difference to it says what a source adds."
    there = [name for name in candidates if name in table.values]
    counted = [name for name in there if _comparable(table, name, column)]
    left_out = [name for name in there if name not in counted]
    but = f"; not counted, for trainings that failed or cells that lack: {', '.join(left_out)}" if left_out else ""
    if not counted:
        return f"{base}, and no source can be set beside it{but}."
    order = sorted(counted, key=lambda name: float(table.values[name][column] or 0))
    low, high = (_gain(table, name, column) for name in (order[0], order[-1]))
    if len(order) == 1:
        return f"{base}, and {high} points to it{but}."
    return f"{base}, and the {len(order)} English sources lie between {low} and {high} points to it{but}."


def decided(table: MainPage, claims: Sequence[Mapping[str, Any]]) -> str:
    """Say which claims hold and fail; under three seeds, that there is no verdict about any source."""
    seeds = len(table.seeds)
    if seeds < ENOUGH:
        trained = "One seed says" if seeds == 1 else f"{seeds or 'No'} seeds say"
        return (
            f"{trained} nothing about how far another training would differ, so there is no verdict about a source: "
            "every claim is not identified."
        )
    if not claims:
        return "No claim is decided yet."
    parts = []
    for verdict, verb in ((HOLDS, "hold"), (FAILS, "fail")):
        named = [f"“{row['statement']}” ({_bounds(row)})" for row in claims if row["verdict"] == verdict]
        parts.append(f"{len(named)} {verb}{'s' * (len(named) == 1)}" + (f": {'; '.join(named)}" if named else ""))
    unknown = sum(row["verdict"] == UNKNOWN for row in claims)
    parts.append(f"and {unknown} {'is' if unknown == 1 else 'are'} {UNKNOWN}")
    starred = [
        f"{source} ({number(table.values[source][name], True)})"
        for name in AVERAGES
        for source in table.values
        if SIGNIFICANT in table.marks(source, name)
    ]
    clear = f"of the averages, {', '.join(starred)}" if starred else "no average"
    stand = "stand" if len(starred) > 1 else "stands"
    return (
        f"Of {len(claims)} claims about the paper, {', '.join(parts)}; "
        f"{clear} {stand} clear of {BASELINE} after Holm's correction ({SIGNIFICANT})."
    )


def lacking(failed: Mapping[str, int], cells: Mapping[str, int]) -> str:
    """Say which trainings failed and how many scores are missing."""
    total, missing = sum(cells.values()), cells.get("missing", 0)
    gaps = f"{missing} of {total} scores are missing" if missing else f"no score of {total} is missing"
    bad = [f"{failed[status]} {words}" for status, words in SAID.items() if failed.get(status)]
    if not bad:
        return f"No training of {failed['trainings']} is known to have failed, and {gaps}."
    controls = failed.get("of a control", 0)
    meant = f" ({controls} of them of a control with permuted labels)" if controls else ""
    return (
        f"Of {failed['trainings']} trainings {' and '.join(bad)}{meant}; {gaps}: "
        f"numbers of the main tables that rest on a failed training carry {FAILED}, and count in no claim."
    )


SAID = {"collapsed": "collapsed to one class", "not learned": "learned nothing"}


def _filled(table: MainPage, source: str) -> list[str]:
    return [name for name, value in table.values[source].items() if value is not None and not name.startswith("avg")]


def _comparable(table: MainPage, source: str, column: str) -> bool:
    """Whether a row's average is over the same cells as that of ``none`` and rests on no failed training."""
    partial = [{name for name in table.values[row] if PARTIAL in table.marks(row, name)} for row in (source, BASELINE)]
    same = _filled(table, source) == _filled(table, BASELINE) and partial[0] == partial[1]
    return same and table.values[source].get(column) is not None and FAILED not in table.marks(source, column)


def _gain(table: MainPage, source: str, column: str) -> str:
    bounds = table.bounds(source, column)
    return f"{source} {number(table.values[source][column], True)}" + (f" ({bounds})" if bounds else "")


def _bounds(row: Mapping[str, Any]) -> str:
    return f"{number(row['estimate'], True)}, {number(row['lower'], True)} to {number(row['upper'], True)}"

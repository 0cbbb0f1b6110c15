"""What reports say that the paper found, and whether this run shows it: each claim with its cells and an interval.

A claim is one or several contrasts of cells that it says to be above 0. It *holds* when every contrast's 95 % interval
lies above 0 (an intersection-union test, which needs no correction), and *fails* when the interval of any lies below 0,
corrected by Bonferroni for how many there are. All else, and whatever lacks a row, is *not identified*.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xstilts.reporting.aggregate import OFFICIAL_TASKS
from xstilts.reporting.render import TITLES
from xstilts.scoring.contrasts import Contrast, Weights, contrast
from xstilts.scoring.selection import Noise
from xstilts.scoring.uncertainty import ITEMS_AND_SEEDS, ITEMS_ONLY, Runs
from xstilts.tasks.sources import WITH_TEXT

HOLDS, FAILS, UNKNOWN = "holds", "fails", "not identified"
RETRIEVAL = ("bucc2018", "tatoeba")
Verdict = dict[str, Any]


@dataclass(frozen=True)
class Claim:
    """A claim and the contrasts that it says to be above 0, by what each of them is; none where a row is missing."""

    statement: str
    cells: str = ""  # what is measured, in words
    parts: Mapping[str, Weights] = field(default_factory=dict)
    sign: int = 1  # -1: the claim is that the number measured is below 0
    reported: str = ""  # the source under which the reported number stands
    missing: str = ""


def gain(source: str, tasks: Collection[str], share: float = 1.0) -> dict[tuple[str, str], float]:
    """Return the weights of a source's mean gain on some tasks over ``none``."""
    part = share / len(tasks)
    return {(source, task): part for task in tasks} | {("none", task): -part for task in tasks}


def mean_gain(sources: Collection[str], tasks: Collection[str], share: float = 1.0) -> dict[tuple[str, str], float]:
    """Return the weights of the mean over sources of their gains on some tasks."""
    return add(*(gain(source, tasks, share / len(sources)) for source in sources))


def add(*parts: Weights) -> dict[tuple[str, str], float]:
    """Return the sum of weights."""
    total: dict[tuple[str, str], float] = {}
    for weights in parts:
        for place, weight in weights.items():
            total[place] = total.get(place, 0.0) + weight
    return total


def claims(
    sources: Sequence[str], plain: Sequence[str], translated: Collection[str], tasks: Collection[str]
) -> list[Claim]:
    """Return the claims that are tested on the development table, with the rows that this run has for them.

    Args:
        sources: the rows of the run.
        plain: those of intermediate training in English without raw text beside it.
        translated: those of training on translated data.
        tasks: the columns of the run.
    """
    without_mlm = [(source, source + WITH_TEXT) for source in plain if source + WITH_TEXT in sources]
    pairs = [(source.rpartition("-")[0], source) for source in translated if WITH_TEXT not in source]
    languages = [(english, other) for english, other in pairs if english in sources]
    squad = "squad2" if "squad2" in sources else "squad"
    return [
        _average("SQuAD raises the average", squad, "squad2", sources, tasks),
        _average("MNLI raises the average", "mnli", "mnli", sources, tasks),
        _average("HellaSwag raises the average", "hellaswag", "hellaswag", sources, tasks),
        _average("Nine tasks together (multi) raise the average", "multi", "multi", sources, tasks),
        _retrieval_gains_most(plain, tasks),
        _gain_on("TyDiQA gains", "tydiqa", 1, plain, tasks),
        _gain_on("XNLI does not gain", "xnli", -1, plain, tasks),
        _better("English without MLM beats English with MLM", without_mlm, f"a source with {WITH_TEXT}", tasks),
        _better("English beats translated data", languages, "a translated source beside its English one", tasks),
    ]


def _lacks(names: Collection[str], tasks: Collection[str]) -> str:
    lacking = [TITLES[name] for name in names if name not in tasks]
    return f"this run lacks {', '.join(lacking)}" if lacking else ""


def _average(statement: str, source: str, reported: str, sources: Collection[str], tasks: Collection[str]) -> Claim:
    missing = "" if source in sources else f"{source} is not a row of this run"
    missing = missing or ("" if "none" in sources else "none is not a row of this run")
    missing = missing or _lacks(OFFICIAL_TASKS, tasks)
    name = f"{source} minus none, average of the nine tasks"
    return Claim(statement, name, {} if missing else {name: gain(source, OFFICIAL_TASKS)}, 1, reported, missing)


def _of_sources(plain: Sequence[str]) -> str:
    return f"mean over {', '.join(plain)}"


def _retrieval_gains_most(plain: Sequence[str], tasks: Collection[str]) -> Claim:
    statement = "BUCC and Tatoeba gain most"
    others = [task for task in tasks if task not in RETRIEVAL and task in OFFICIAL_TASKS]
    missing = _lacks(RETRIEVAL, tasks) or ("" if plain else "no intermediate source is a row of this run")
    missing = missing or ("" if others else "no other task is a column of this run")
    cells = f"gain on each of the two minus the gain on each other task, {_of_sources(plain)}"
    if missing:
        return Claim(statement, cells, missing=missing)
    parts = {
        f"{TITLES[one]} minus {TITLES[other]}": add(mean_gain(plain, [one]), mean_gain(plain, [other], -1.0))
        for one in RETRIEVAL
        for other in others
    }
    return Claim(statement, cells, parts)


def _gain_on(statement: str, task: str, sign: int, plain: Sequence[str], tasks: Collection[str]) -> Claim:
    missing = _lacks([task], tasks) or ("" if plain else "no intermediate source is a row of this run")
    cells = f"gain on {TITLES[task]}, {_of_sources(plain)}"
    return Claim(statement, cells, {} if missing else {cells: mean_gain(plain, [task])}, sign, missing=missing)


def _better(statement: str, pairs: Sequence[tuple[str, str]], lacking: str, tasks: Collection[str]) -> Claim:
    missing = (f"this run has no row of {lacking}" if not pairs else "") or _lacks(OFFICIAL_TASKS, tasks)
    named = ", ".join(f"{one} minus {other}" for one, other in pairs)
    cells = f"average of the nine tasks{', ' if named else ''}{named}"
    share = 1.0 / len(OFFICIAL_TASKS) / max(1, len(pairs))
    weights = add(*({(one, t): share, (other, t): -share} for one, other in pairs for t in OFFICIAL_TASKS))
    return Claim(statement, cells, {} if missing else {cells: weights}, missing=missing)


def judge(claim: Claim, runs: Mapping[str, Runs], noise: Noise) -> Verdict:
    """Return what a run says on a claim: the verdict, and of several contrasts the one furthest from holding."""
    base: Verdict = {"statement": claim.statement, "cells": claim.cells, "verdict": UNKNOWN, "split": "dev"}
    if claim.missing:
        return base | {"reason": claim.missing}
    measured = {name: contrast(runs, weights, noise) for name, weights in claim.parts.items()}
    found = {name: one for name, one in measured.items() if one is not None}
    if len(found) < len(measured):
        lacking = [name for name, one in measured.items() if one is None]
        return base | {"reason": f"no scores yet: {', '.join(lacking[:3])}{' …' if len(lacking) > 3 else ''}"}
    margins = {name: _on_side(one, claim.sign) for name, one in found.items()}
    opposed = {name: _on_side(one, -claim.sign, 1 - 0.05 / len(found)) for name, one in found.items()}
    shown = min(margins, key=lambda name: margins[name])
    verdict = HOLDS if margins[shown] > 0 else UNKNOWN
    if max(opposed.values()) > 0:
        verdict, shown = FAILS, max(opposed, key=lambda name: opposed[name])
    return (
        base
        | _numbers(found[shown])
        | {
            "verdict": verdict,
            "shown": shown if len(found) > 1 else "",
            "reason": "the interval holds 0" if verdict == UNKNOWN else "",
        }
    )


def _on_side(one: Contrast, sign: int, level: float = 0.95) -> float:
    """How far the interval lies on the side of ``sign``: below 0 when it does not."""
    lower, upper = one.interval(level)
    return lower if sign > 0 else -upper


def _numbers(one: Contrast) -> Verdict:
    lower, upper = one.interval()
    method = ITEMS_AND_SEEDS if one.seeds >= 3 else ITEMS_ONLY
    return {"estimate": one.value, "lower": lower, "upper": upper, "seeds": one.seeds, "method": method}


def judge_gain(statement: str, cells: str, value: float | None, bounds: tuple[Any, Any], why_not: str) -> Verdict:
    """Return what a run says on a gain of the best sources, whose interval was computed with the choice.

    Args:
        statement: the claim.
        cells: what is measured.
        value: the gain in points, None where there is none.
        bounds: its interval, (None, None) where there is none.
        why_not: why there is no gain.
    """
    base: Verdict = {"statement": statement, "cells": cells, "verdict": UNKNOWN, "split": "test"}
    lower, upper = bounds
    if value is None or lower is None:
        return base | {"reason": why_not or "no interval"}
    verdict = HOLDS if lower > 0 else FAILS if upper < 0 else UNKNOWN
    numbers = {"estimate": value, "lower": lower, "upper": upper}
    return base | numbers | {"verdict": verdict, "reason": "the interval holds 0" if verdict == UNKNOWN else ""}

"""Whether a run shows a claim: its contrasts' intervals beside 0.

A claim *holds* when every contrast's 95 % interval lies above 0 (an intersection-union test, which needs no
correction), and *fails* when the interval of any lies below 0, corrected by Bonferroni for how many there are. All
else, and whatever lacks a row or rests on fewer than three seeds, is *not identified*: of one or two trainings nothing
says how far another would differ.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from xstilts.reporting.claims import Claim
from xstilts.uncertainty.best import Noise
from xstilts.uncertainty.contrasts import Contrast, contrast
from xstilts.uncertainty.intervals import ITEMS_AND_SEEDS, ITEMS_ONLY, TOO_FEW_SEEDS, Runs

HOLDS, FAILS, UNKNOWN = "holds", "fails", "not identified"
Verdict = dict[str, Any]
NO_SPLITS: Mapping[str, str] = MappingProxyType({})
UNMEASURED: Verdict = {"seeds": 0, "method": "nothing measured"}


def judge(claim: Claim, runs: Mapping[str, Runs], noise: Noise, splits: Mapping[str, str] = NO_SPLITS) -> Verdict:
    """Return what a run says on a claim: the verdict, and of several contrasts the one furthest from holding.

    Args:
        claim: what is said.
        runs: the sound runs of each task.
        noise: how the statistic over seeds varies.
        splits: the split of each task that is measured.
    """
    read = {splits[task] for weights in claim.parts.values() for _, task in weights if task in splits}
    base: Verdict = {
        "statement": claim.statement,
        "cells": claim.cells,
        "verdict": UNKNOWN,
        "split": "/".join(sorted(read)),
    } | UNMEASURED
    if claim.missing:
        return base | {"reason": claim.missing}
    measured = {name: contrast(runs, weights, noise) for name, weights in claim.parts.items()}
    found = {name: one for name, one in measured.items() if one is not None}
    if len(found) < len(measured):
        lacking = [name for name, one in measured.items() if one is None]
        there = all(runs.get(task, {}).get(source) for name in lacking for source, task in claim.parts[name])
        why = "no seed is sound in all of its cells" if there else "no scores yet"
        return base | {"reason": f"{why}: {', '.join(lacking[:3])}{' …' if len(lacking) > 3 else ''}"}
    margins = {name: _on_side(one, claim.sign) for name, one in found.items()}
    opposed = {name: _on_side(one, -claim.sign, 1 - 0.05 / len(found)) for name, one in found.items()}
    shown = min(margins, key=lambda name: margins[name])
    verdict = HOLDS if margins[shown] > 0 else UNKNOWN
    if max(opposed.values()) > 0:
        verdict, shown = FAILS, max(opposed, key=lambda name: opposed[name])
    few = min(one.seeds for one in found.values()) < 3
    verdict = UNKNOWN if few else verdict
    against = _on_side(found[shown], -claim.sign) > 0
    why = f"against it, but not after correction for {len(found)} contrasts" if against else "the interval holds 0"
    return (
        base
        | _numbers(found[shown])
        | {
            "verdict": verdict,
            "shown": shown if len(found) > 1 else "",
            "reason": TOO_FEW_SEEDS if few else why if verdict == UNKNOWN else "",
        }
    )


def _on_side(one: Contrast, sign: int, level: float = 0.95) -> float:
    """How far the interval lies on the side of ``sign``: below 0 when it does not."""
    lower, upper = one.interval(level)
    return lower if sign > 0 else -upper


def _numbers(one: Contrast) -> Verdict:
    lower, upper = one.interval()
    return {"estimate": one.value, "lower": lower, "upper": upper} | _over(one.seeds)


def judge_gain(
    statement: str, cells: str, value: float | None, bounds: tuple[Any, Any], why_not: str, seeds: int = 0
) -> Verdict:
    """Return what a run says on a gain of the best sources, whose interval was computed with the choice.

    Args:
        statement: the claim.
        cells: what is measured.
        value: the gain in points, None where there is none.
        bounds: its interval, (None, None) where there is none.
        why_not: why there is no gain.
        seeds: over how many seeds the interval goes.
    """
    base: Verdict = {"statement": statement, "cells": cells, "verdict": UNKNOWN, "split": "test"} | UNMEASURED
    lower, upper = bounds
    if value is None or lower is None:
        return base | {"reason": why_not or "no interval"}
    verdict = UNKNOWN if seeds < 3 or lower <= 0 <= upper else HOLDS if lower > 0 else FAILS
    numbers = {"estimate": value, "lower": lower, "upper": upper} | _over(seeds)
    reason = TOO_FEW_SEEDS if seeds < 3 else "the interval holds 0" if verdict == UNKNOWN else ""
    return base | numbers | {"verdict": verdict, "reason": reason}


def _over(seeds: int) -> Verdict:
    return {"seeds": seeds, "method": ITEMS_AND_SEEDS if seeds >= 3 else ITEMS_ONLY}

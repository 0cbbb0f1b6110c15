"""Two systems that answer the same queries, a query each by turns: what one takes over what the other takes.

Whatever slows the machine for longer than a query falls on both alike. Two measurements of half a second, one after the
other, do not share that: on a virtual machine their ratio has a standard deviation of a sixth.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xstilts.config.study import WHOLE
from xstilts.serving.scenarios import SEEDS, System
from xstilts.uncertainty.quantiles import student_quantile

PRIMARY = "lora"  # the method whose adapters, as they are, decide
KINDS = ("primary", "null", "secondary")
MEASURES = ("processor", "latency")
QUERIES = 64  # of one sample each, in every round the same
RATIO = ("value", "lower", "upper", "rounds")  # what is written of one
Clock = Callable[[], float]


@dataclass(frozen=True)
class Pair:
    """A model and the one that it is compared with."""

    plus: str
    minus: str
    kind: str


@dataclass(frozen=True)
class Ratio:
    """What one system takes over what another takes, over rounds."""

    value: float
    lower: float
    upper: float
    rounds: int

    def is_within(self, share: float) -> bool:
        """Say whether the interval lies within a share of equal."""
        return self.lower >= 1 / (1 + share) and self.upper <= 1 + share

    def is_beyond(self, share: float) -> bool:
        """Say whether the interval lies wholly beyond a share of equal."""
        return self.lower > 1 + share or self.upper < 1 / (1 + share)


def pairs_of(models: Sequence[Mapping[str, Any]], chosen: str) -> list[Pair]:
    """Return each model beside the one trained whole after the same arm, and that one beside no intermediate training.

    Args:
        models: by ``name``, ``arm``, ``source`` and ``kind``, ``merged`` or not, ``everywhere`` or not.
        chosen: the arm whose models decide: the primary pair comes first, then the null test.
    """
    whole = {one["source"]: one["name"] for one in models if one["kind"] == WHOLE}
    found = [Pair(one["name"], whole[one["source"]], _kind(one, chosen)) for one in models if one["kind"] != WHOLE]
    plain = whole.get("none")
    found += [Pair(name, plain, "secondary") for name in whole.values() if plain and name != plain]
    return sorted(found, key=lambda pair: KINDS.index(pair.kind))


def _kind(one: Mapping[str, Any], chosen: str) -> str:
    if one["merged"] and one["everywhere"]:
        return "null"
    return "primary" if one["arm"] == f"{PRIMARY} after {chosen}" else "secondary"


def measure_pairs(
    systems: Mapping[str, tuple[System, int]],
    pairs: Sequence[Pair],
    rounds: int,
    say: Callable[[str], None] = lambda line: None,
    processor: Clock = time.process_time,
    clock: Clock = time.perf_counter,
) -> list[dict[str, Any]]:
    """Return what both systems of each pair took, a number a round: seconds a query.

    Args:
        systems: by name what answers, and how many samples it knows; all have the same.
        pairs: whom to compare.
        rounds: in each, every pair answers the same queries once; in every other the pairs come in reverse.
        say: takes a line of progress.
        processor: seconds that the processor has spent on this process.
        clock: seconds that have passed.

    Returns:
        ``plus``, ``minus`` and ``kind`` of each pair, and for each measure the numbers of both.
    """
    samples = np.random.default_rng(SEEDS[0]).integers(min(there for _, there in systems.values()), size=QUERIES)
    found: list[dict[str, Any]] = [
        {"plus": one.plus, "minus": one.minus, "kind": one.kind}
        | {measure: {"plus": [], "minus": []} for measure in MEASURES}
        for one in pairs
    ]
    for number in range(rounds):
        for one in found if number % 2 == 0 else found[::-1]:
            spent = {name: dict.fromkeys(MEASURES, 0.0) for name in ("plus", "minus")}
            for place, sample in enumerate(samples.tolist()):
                for name in ("plus", "minus") if (number + place) % 2 == 0 else ("minus", "plus"):
                    before = processor(), clock()
                    systems[one[name]][0]([sample])
                    for measure, start, now in zip(MEASURES, before, (processor(), clock()), strict=True):
                        spent[name][measure] += now - start
            for name, by in spent.items():
                for measure, seconds in by.items():
                    one[measure][name].append(seconds / QUERIES)
        say(f"pairs: {number + 1} of {rounds}")
    return found


def ratio(own: Sequence[float | None], other: Sequence[float | None]) -> Ratio | None:
    """Return a ratio of what is paired by round; None where one has no number.

    The interval is Student's, of the mean of the ratios' logarithms: rounds drawn again would make that of few too
    narrow. With one round it is without bounds.
    """
    both = list(zip(own, other, strict=False))
    logs = np.array([np.log(a / b) for a, b in both if a and b])
    if not len(logs) or len(logs) < len(both):
        return None
    reach = float("inf")
    if len(logs) > 1:
        reach = student_quantile(0.975, len(logs) - 1) * float(logs.std(ddof=1)) / len(logs) ** 0.5
    low, high = np.exp([logs.mean() - reach, logs.mean() + reach])
    return Ratio(float(np.exp(logs.mean())), float(low), float(high), len(logs))

"""The four scenarios of MLPerf Inference, their settings, and what a measurement in one of them gave.

In the manner of MLPerf's Open division, unverified: never an MLPerf result.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from xstilts.serving.names import Scenario

SEEDS = (
    2085463073848966840,
    2747215439041700203,
    16159082839903944936,
)  # of MLPerf 6.0: set, order, arrivals
PROBE = 256  # samples by which the rate of an Offline load is found beforehand
PERCENTILES = (0.5, 0.9, 0.95, 0.99, 0.999)

System = Callable[[list[int]], None]  # answers the samples of these numbers, and returns when it has


@dataclass(frozen=True)
class Load:
    """What is asked of a system in a scenario."""

    scenario: Scenario
    percentile: float  # of the latency that counts; of Offline none does
    seconds: float  # at least
    queries: int  # at least; of Offline samples
    samples: int = 1  # a query
    rate: float = 0.0  # queries a second that arrive, of Server
    limit: float = 0.0  # seconds, that the percentile shall hold, of Server

    @property
    def is_shortened(self) -> bool:
        """Whether it asks less than MLPerf's rules, which every number then has to say."""
        full = MLPERF[self.scenario]
        return self.seconds < full.seconds or self.queries < full.queries


# mlcommons/inference, loadgen/mlperf.conf: BERT's limit in Server; Offline at least 24,576 samples.
MLPERF: dict[Scenario, Load] = {
    "SingleStream": Load("SingleStream", 0.9, 600.0, 64),
    "MultiStream": Load("MultiStream", 0.99, 600.0, 662, samples=8),
    "Server": Load("Server", 0.99, 600.0, 459, limit=0.130),
    "Offline": Load("Offline", 0.9, 600.0, 24_576),
}


@dataclass(frozen=True)
class Measured:
    """What a system did under a load, in seconds and samples."""

    load: Load
    tool: str
    queries: int
    samples: int
    seconds: float
    rate: float  # samples a second
    latency: dict[str, float]  # of queries, by percentile: "0.9" and so on
    estimate: float | None  # of the load's percentile, by early stopping
    reasons: tuple[str, ...]  # why it does not count; none where it does

    @property
    def counts(self) -> bool:
        """Whether the load was met: long enough, enough queries, in Server within the limit."""
        return not self.reasons


def shortened(scenario: Scenario, seconds: float, samples: int | None = None) -> Load:
    """Return MLPerf's load with a shorter duration, and for Offline fewer samples; query counts stay."""
    load = replace(MLPERF[scenario], seconds=seconds)
    return replace(load, queries=samples) if scenario == "Offline" and samples is not None else load


def offline(load: Load, answered: int, seconds: float) -> Load:
    """Return an Offline load with as many samples as its duration needs of a system that answered some in seconds.

    A tenth more, as in LoadGen: a rate that is measured on few samples is not exact.
    """
    needed = math.ceil(1.1 * answered / max(seconds, 1e-9) * load.seconds)
    return replace(load, queries=max(load.queries, needed))


def percentiles(latencies: Sequence[float]) -> dict[str, float]:
    """Return percentiles as LoadGen takes them: of n sorted latencies the one at place n p, rounded down."""
    ordered = np.sort(np.asarray(latencies, dtype=float))
    return {f"{p:g}": float(ordered[min(len(ordered) - 1, int(len(ordered) * p))]) for p in PERCENTILES}


def peak(run: Callable[[float], Measured], start: float, tolerance: float = 0.05) -> Measured | None:
    """Return the measurement with the highest arrival rate that still holds, None when not even a tiny one does.

    Doubles until a rate fails (halves until one holds), then halves the interval down to ``tolerance`` of it.

    Args:
        run: measures Server at a rate.
        start: the first rate to try.
        tolerance: relative width at which the search ends.
    """
    held, failed, rate = None, float("inf"), start
    for _ in range(60):
        found = run(rate)
        if found.counts:
            held = found
        else:
            failed = min(failed, rate)
        low = held.load.rate if held else 0.0
        if failed == float("inf"):
            rate = 2 * rate
        elif held is None:
            rate = rate / 2
            if rate < start / 2**12:
                return None
        elif failed - low <= tolerance * failed:
            return held
        else:
            rate = (low + failed) / 2
    return held

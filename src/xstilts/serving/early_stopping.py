"""How many queries say something about a percentile of the latency, and what they say.

MLPerf's rule (mlcommons/inference_policies, inference_rules.adoc, "Early Stopping"; LoadGen's results.cc): with t of n
queries over a latency, it holds for a share p of all queries when P(Binomial(n, 1 - p) <= t) <= 1 - c, with confidence
c = 0.99 and no tolerance.
"""

import math
from collections.abc import Sequence
from functools import cache

CONFIDENCE = 0.99


@cache
def queries_needed(percentile: float, over: int) -> int:
    """Return the fewest queries of which ``over`` may be over a latency that a share ``percentile`` shall hold.

    Known: 44, 64, 81 of 90 % and 459, 662, 838 of 99 % with none, one and two over it.
    """
    low, high = over + 1, 2 * (over + 1)
    while _at_most(high, percentile, over) > 1 - CONFIDENCE:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        if _at_most(middle, percentile, over) > 1 - CONFIDENCE:
            low = middle + 1
        else:
            high = middle
    return low


def _at_most(queries: int, percentile: float, over: int) -> float:
    """Return P(Binomial(queries, 1 - percentile) <= over)."""
    rare = 1 - percentile
    logs = [
        math.lgamma(queries + 1)
        - math.lgamma(count + 1)
        - math.lgamma(queries - count + 1)
        + count * math.log(rare)
        + (queries - count) * math.log(percentile)
        for count in range(over + 1)
    ]
    return math.fsum(map(math.exp, logs))


def estimate(latencies: Sequence[float], percentile: float) -> float | None:
    """Return the latency that a share ``percentile`` of all queries holds, with confidence; None from too few queries.

    It is the t-th largest, with the largest t that so many queries allow.
    """
    over, beyond = 0, len(latencies) + 1  # so many are allowed, so many are not
    while beyond - over > 1:
        middle = (over + beyond) // 2
        over, beyond = (middle, beyond) if queries_needed(percentile, middle) <= len(latencies) else (over, middle)
    return sorted(latencies)[len(latencies) - over] if over else None


def holds(latencies: Sequence[float], percentile: float, limit: float) -> bool:
    """Say whether queries show that a share ``percentile`` of all stays within a limit."""
    over = sum(latency > limit for latency in latencies)
    return len(latencies) >= queries_needed(percentile, over)

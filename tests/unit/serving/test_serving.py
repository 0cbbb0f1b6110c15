"""How fast a model answers: known answers of early stopping, the twin beside LoadGen on a fake system under test."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from xstilts.serving import loadgen, twin
from xstilts.serving.early_stopping import estimate, holds, queries_needed
from xstilts.serving.names import Scenario
from xstilts.serving.scenarios import MLPERF, Load, Measured, peak, percentiles, shortened

Measure = Callable[..., Measured]


@pytest.mark.parametrize(
    ("percentile", "over", "queries"),
    [(0.9, 0, 44), (0.9, 1, 64), (0.9, 2, 81), (0.99, 0, 459), (0.99, 1, 662), (0.99, 2, 838), (0.999, 1, 6636)],
)
def test_known_answers_of_early_stopping(percentile: float, over: int, queries: int) -> None:
    assert queries_needed(percentile, over) == queries


def test_the_estimate_is_the_largest_latency_that_the_queries_allow() -> None:
    latencies = list(np.random.default_rng(0).permutation(np.arange(1.0, 101.0)))
    assert estimate(latencies[:63], 0.9) is None, "under 64 queries nothing is known of 90 %"
    assert estimate(latencies[:64], 0.9) == max(latencies[:64])
    assert estimate(latencies, 0.9) == 98.0, "three of a hundred may be over it"
    assert estimate(latencies, 0.99) is None


def test_the_estimate_is_rarely_too_low() -> None:
    """Its confidence is 99 %: of a thousand estimates about ten lie under the true percentile."""
    rng = np.random.default_rng(1)
    true = -math.log(0.1)  # of the exponential distribution
    low = sum(estimate(list(rng.exponential(size=300)), 0.9) < true for _ in range(1000))
    assert 1 <= low <= 25


def test_a_limit_holds_from_so_many_queries_on() -> None:
    assert not holds([0.1] * 458, 0.99, 0.13)
    assert holds([0.1] * 459, 0.99, 0.13)
    assert not holds([0.1] * 660 + [0.2], 0.99, 0.13)
    assert holds([0.1] * 661 + [0.2], 0.99, 0.13)


class Clock:
    """Time that passes only where somebody works or waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Fake:
    """Takes 2 ms a call and 1 ms a sample, and remembers what it was asked."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock
        self.calls: list[list[int]] = []

    def __call__(self, asked: list[int]) -> None:
        self.calls.append(asked)
        if self.clock:
            self.clock.sleep(0.002 + 0.001 * len(asked))


def timed(load: Load, most: int = 64) -> tuple[Fake, Measured]:
    clock = Clock()
    system = Fake(clock)
    return system, twin.measure(system, 50, load, most, clock, clock.sleep)


def test_one_query_after_the_other() -> None:
    system, found = timed(Load("SingleStream", 0.9, 0.5, 64))
    assert {len(call) for call in system.calls} == {1} and found.counts
    assert (found.queries, found.samples) == (167, 167), "half a second of 3 ms each"
    assert found.estimate == pytest.approx(0.003) and found.latency["0.5"] == pytest.approx(0.003)
    assert found.rate == pytest.approx(1 / 0.003)
    system, found = timed(Load("MultiStream", 0.99, 0.0, 662, samples=8))
    assert {len(call) for call in system.calls} == {8} and (found.queries, found.samples) == (662, 5296)
    assert found.estimate == pytest.approx(0.010) and found.counts


def test_too_few_queries_do_not_count() -> None:
    _, found = timed(Load("MultiStream", 0.99, 0.0, 661, samples=8))
    assert found.estimate is None and found.reasons == ("too few queries for an estimate of 99 %",)


def test_all_at_once() -> None:
    system, found = timed(Load("Offline", 0.9, 0.0, 500))
    assert [len(call) for call in system.calls] == [500] and found.samples == 500 and found.counts
    assert found.rate == pytest.approx(500 / 0.502) and found.estimate is None
    system, found = timed(Load("Offline", 0.9, 60.0, 500))
    assert [len(call) for call in system.calls] == [256, found.samples], (
        "a fast system is asked as much as takes so long"
    )
    assert found.counts and 60 < found.seconds < 70


def test_queries_that_arrive_by_chance_wait_and_go_together() -> None:
    load = Load("Server", 0.99, 0.0, 2000, rate=200.0, limit=0.130)
    system, found = timed(load)
    assert found.queries == 2000 and found.counts
    assert 0.9 * 200 < found.rate < 1.1 * 200, "as they arrive"
    assert found.latency["0.5"] >= 0.003 and max(map(len, system.calls)) > 1
    _, late = timed(replace(load, limit=0.004))
    assert late.reasons == ("the limit of 4 ms does not hold for 99 %",)
    _, swamped = timed(replace(load, rate=5000.0), most=4)  # 4 samples take 6 ms: 667 a second at most
    assert not swamped.counts and swamped.rate == pytest.approx(4 / 0.006, rel=0.01)


def test_the_highest_rate_that_holds_is_found() -> None:
    def run(rate: float) -> Measured:
        return timed(Load("Server", 0.99, 0.0, 1000, rate=rate, limit=0.130), most=4)[1]

    found = peak(run, 1.0)
    assert found is not None and found.counts and 500 < found.load.rate < 800
    assert not run(1.2 * found.load.rate).counts
    assert peak(lambda rate: replace(run(rate), reasons=("never",)), 1.0) is None


def test_a_shortened_load_says_so() -> None:
    assert not any(load.is_shortened for load in MLPERF.values())
    assert all(shortened(scenario, 5.0).is_shortened for scenario in MLPERF)
    assert shortened("MultiStream", 5.0).queries == 662, "counts stay: without them there is no estimate"
    assert (MLPERF["Server"].limit, MLPERF["Offline"].queries, MLPERF["SingleStream"].queries) == (0.130, 24576, 64)


LOADS: dict[Scenario, Load] = {
    "SingleStream": Load("SingleStream", 0.9, 0.0, 100),
    "MultiStream": Load("MultiStream", 0.99, 0.0, 662, samples=8),
    "Server": Load("Server", 0.99, 0.0, 459, rate=2000.0, limit=10.0),
    "Offline": Load("Offline", 0.9, 0.0, 300),
}


@pytest.mark.parametrize("scenario", MLPERF)
def test_the_twin_asks_what_loadgen_asks(scenario: Scenario) -> None:
    """On a fake system: as many queries, as many samples in each, drawn over all samples; a result of the same form."""
    load = LOADS[scenario]
    asked = {}
    for name, measure in {"LoadGen": loadgen.measure, "twin": twin.measure}.items():
        system = Fake()
        found = measure(system, 50, load)
        asked[name] = [number for call in system.calls for number in call]
        assert found.samples == len(asked[name]) and found.tool.startswith(name)
        assert found.counts and found.latency["0.5"] <= found.latency["0.999"] and found.rate > 0
        assert (found.queries, found.samples) == ((1, 300) if scenario == "Offline" else (load.queries, found.samples))
        assert set(asked[name]) <= set(range(50)) and len(set(asked[name])) >= 40
        assert (found.estimate is None) == (scenario in ("Server", "Offline"))
    assert len(asked["LoadGen"]) == len(asked["twin"])


@pytest.mark.parametrize(("percentile", "queries", "over"), [(0.9, 64, 1), (0.9, 100, 3), (0.9, 81, 2)])
def test_the_estimate_is_loadgens(percentile: float, queries: int, over: int) -> None:
    """LoadGen's own percentiles say where in its latencies its estimate lies: where ours would be."""
    found = loadgen.measure(Fake(), 50, Load("SingleStream", percentile, 0.0, queries))
    assert found.queries == queries and found.estimate is not None
    ranks = list(range(queries))
    assert estimate([float(rank) for rank in ranks], percentile) == queries - over
    for share, latency in found.latency.items():
        place = ranks[min(queries - 1, int(queries * float(share)))]
        assert percentiles([float(rank) for rank in ranks])[share] == place
        if place >= queries - over:
            assert latency >= found.estimate
        if place <= queries - over:
            assert latency <= found.estimate


def test_what_the_system_raises_reaches_the_caller() -> None:
    def broken(asked: list[int]) -> None:
        raise ValueError("no such sample")

    with pytest.raises(ValueError, match="no such sample"):
        loadgen.measure(broken, 50, LOADS["SingleStream"])

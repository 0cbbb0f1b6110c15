"""The four scenarios in plain Python, for machines without LoadGen: one thread, arrivals drawn beforehand."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from xstilts.serving.early_stopping import estimate, holds
from xstilts.serving.scenarios import PROBE, SEEDS, Load, Measured, System, offline, percentiles

Clock = Callable[[], float]
Sleep = Callable[[float], None]


def measure(
    system: System,
    there: int,
    load: Load,
    most: int = 64,
    clock: Clock = time.perf_counter,
    sleep: Sleep = time.sleep,
) -> Measured:
    """Put a load on a system.

    Args:
        system: what answers.
        there: how many samples there are; a query draws its own with replacement.
        load: the scenario and its numbers.
        most: samples that Server hands over at once when as many wait.
        clock: seconds that only grow.
        sleep: waits so many seconds.
    """
    drawn = _samples(there)
    began = clock()
    if load.scenario == "Offline" and load.seconds:
        first = [next(drawn) for _ in range(min(PROBE, load.queries))]
        system(first)
        load, began = offline(load, len(first), clock() - began), clock()
    if load.scenario == "Offline":
        asked = [next(drawn) for _ in range(load.queries)]
        system(asked)
        latencies, samples = [clock() - began], len(asked)
    elif load.scenario == "Server":
        latencies = _server(system, drawn, load, most, clock, sleep)
        samples = len(latencies)
    else:
        latencies = []
        while len(latencies) < load.queries or clock() - began < load.seconds:
            asked, start = [next(drawn) for _ in range(load.samples)], clock()
            system(asked)
            latencies.append(clock() - start)
        samples = len(latencies) * load.samples
    return result(load, "twin", latencies, samples, clock() - began)


def _server(system: System, drawn: Iterator[int], load: Load, most: int, clock: Clock, sleep: Sleep) -> list[float]:
    """Answer queries that arrive as a Poisson process, those that wait together; a latency counts from the arrival."""
    gaps = np.random.default_rng(SEEDS[2])
    began = clock()
    arrivals: list[float] = []
    while len(arrivals) < load.queries or arrivals[-1] < load.seconds:
        arrivals.append((arrivals[-1] if arrivals else 0.0) + gaps.exponential(1 / load.rate))
    latencies: list[float] = []
    while len(latencies) < len(arrivals):
        now, first = clock() - began, len(latencies)
        if arrivals[first] > now:
            sleep(arrivals[first] - now)
            now = max(clock() - began, arrivals[first])  # a sleep may end a hair early
        last = first
        while last < len(arrivals) and last - first < most and arrivals[last] <= now:
            last += 1
        system([next(drawn) for _ in range(first, last)])
        done = clock() - began
        latencies += [done - arrival for arrival in arrivals[first:last]]
    return latencies


def _samples(there: int) -> Iterator[int]:
    generator = np.random.default_rng(SEEDS[1])
    while True:
        yield from map(int, generator.integers(0, there, 1024))


def result(load: Load, tool: str, latencies: list[float], samples: int, seconds: float) -> Measured:
    """Return what latencies in seconds come to, with the reasons for which they do not count."""
    found = None if load.scenario == "Offline" else estimate(latencies, load.percentile)
    reasons = []
    if seconds < load.seconds:
        reasons.append(f"took {seconds:.1f} s of {load.seconds:g}")
    if (samples if load.scenario == "Offline" else len(latencies)) < load.queries:
        reasons.append(f"{len(latencies)} queries of {load.queries}")
    if load.scenario == "Server":
        if not holds(latencies, load.percentile, load.limit):
            reasons.append(f"the limit of {1000 * load.limit:g} ms does not hold for {100 * load.percentile:g} %")
    elif load.scenario != "Offline" and found is None:
        reasons.append(f"too few queries for an estimate of {100 * load.percentile:g} %")
    return Measured(
        load, tool, len(latencies), samples, seconds, samples / seconds, percentiles(latencies), found, tuple(reasons)
    )

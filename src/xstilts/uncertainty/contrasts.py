"""Sums and differences of the cells of a table with their intervals: what a claim about several cells rests on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xstilts.uncertainty.best import Noise, deviations
from xstilts.uncertainty.intervals import Runs, weighted
from xstilts.uncertainty.resampling import Array

Weights = Mapping[tuple[str, str], float]  # (source, task) -> what its score is multiplied with


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of cells: its value in points, its deviations (resamples,), and over how many seeds it goes."""

    value: float
    around: Array
    seeds: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the two-sided interval of a level."""
        low, high = np.quantile(self.around, [(1 - level) / 2, (1 + level) / 2])
        return self.value + float(low), self.value + float(high)


def contrast(runs: Mapping[str, Runs], weights: Weights, noise: Noise) -> Contrast | None:
    """Return a weighted sum of cells over the seeds that all of them have; None where a cell is not there.

    Args:
        runs: {task: scores by source and seed}.
        weights: of the cells.
        noise: what ``seed_noise`` gave for the seeds of the run.
    """
    cells = {place: runs.get(place[1], {}).get(place[0], {}) for place in weights}
    shared = set.intersection(*(set(cell) for cell in cells.values())) if cells else set()
    if not shared:
        return None
    factors = list(weights.values())
    by_seed = {seed: weighted([cells[place][seed] for place in weights], factors) for seed in sorted(shared)}
    return Contrast(*deviations(by_seed, noise), len(shared))

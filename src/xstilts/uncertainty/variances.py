"""The variance of scores over seeds, pooled over the cells of a table.

Three seeds say little about their own variance (a t variate of two degrees of freedom is beyond 50 as often as a
normal one beyond 3.5), but a table has many cells. The variance of a cell is modelled as the mean variance of its
column (some tasks vary more), times how much more or less its source varies than others in the same columns (some
sources train less stably). A cell whose own variance is far above that, as where one of three trainings failed, keeps
its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.uncertainty.quantiles import f_quantile

Column = tuple[str, str]  # task, metric
Scores = Mapping[str, Mapping[int, float]]  # source -> seed -> score
OUTLIER = 0.999  # of the F distribution: above it a cell keeps its own variance


@dataclass(frozen=True)
class Spread:
    """A variance over seeds and its degrees of freedom."""

    variance: float
    freedom: float


@dataclass(frozen=True)
class SeedVariances:
    """The variance of each cell over seeds; none where a cell has under three seeds or does not vary by them."""

    cells: Mapping[Column, Mapping[str, Spread]]

    def of(self, column: Column, sources: Sequence[str]) -> Spread:
        """Return the variance of a sum or difference of sources' scores (Welch and Satterthwaite's freedom)."""
        found = [one for one in (self.cells[column].get(source) for source in sources) if one and one.variance > 0]
        total = sum(one.variance for one in found)
        if not total:
            return Spread(0.0, 1.0)
        return Spread(total, total**2 / sum(one.variance**2 / one.freedom for one in found))


def seed_variances(columns: Mapping[Column, Scores], average: Column, of_average: Scores) -> SeedVariances:
    """Return the variances of a table's cells and of its average.

    Args:
        columns: the scores of each column by source and seed.
        average: the name of the average.
        of_average: its scores; its sources vary among one another as in the columns.
    """
    every = {column: _own(scores) for column, scores in columns.items()}
    apart = {
        (column, source) for column, found in every.items() for source in found if _outlying(every, column, source)
    }
    own = {column: {s: one for s, one in found.items() if (column, s) not in apart} for column, found in every.items()}
    ratios = {source: _ratio(own, source) for source in {source for found in own.values() for source in found}}
    known = {source: ratio for source, ratio in ratios.items() if ratio.freedom}
    cells = {
        column: _modelled(own[column], known) | {s: one for s, one in found.items() if (column, s) in apart}
        for column, found in every.items()
    }
    return SeedVariances(cells | {average: _modelled(_own(of_average), known)})


def _ratio(own: Mapping[Column, Mapping[str, Spread]], source: str, without: Column | None = None) -> Spread:
    """Return how much more a source varies than the mean of each column (without the source where a cell is judged)."""
    ratios, by_task = [], {}  # a task's two metrics vary together
    for column, found in own.items():
        rest = [one for name, one in found.items() if without is None or name != source]
        if source in found and column != without and rest:
            ratios.append(found[source].variance / _mean(rest).variance)
            by_task[column[0]] = found[source].freedom
    return Spread(float(np.mean(ratios)), sum(by_task.values())) if ratios else Spread(1.0, 0.0)


def _outlying(own: Mapping[Column, Mapping[str, Spread]], column: Column, source: str) -> bool:
    """Say whether a cell varies far more than the other cells of its column and of its source would have it."""
    rest = [one for name, one in own[column].items() if name != source]
    ratio = _ratio(own, source, column)
    if not rest or not ratio.freedom:
        return False
    level, one = _mean(rest), own[column][source]
    freedom = 1 / (1 / level.freedom + 1 / ratio.freedom)
    return one.variance > f_quantile(OUTLIER, one.freedom, freedom) * level.variance * ratio.variance


def _own(scores: Scores) -> dict[str, Spread]:
    """Return the variances of sources with three seeds that do not all score the same."""
    found = {source: list(by_seed.values()) for source, by_seed in scores.items()}
    spreads = {
        s: Spread(float(np.var(values, ddof=1)), len(values) - 1) for s, values in found.items() if len(values) > 2
    }
    return {source: spread for source, spread in spreads.items() if spread.variance > 0}


def _mean(spreads: Sequence[Spread]) -> Spread:
    if not spreads:
        return Spread(0.0, 0.0)
    freedom = sum(one.freedom for one in spreads)
    return Spread(sum(one.variance * one.freedom for one in spreads) / freedom, freedom)


def _modelled(own: Mapping[str, Spread], ratios: Mapping[str, Spread]) -> dict[str, Spread]:
    """Return the column's mean variance times each source's ratio, with the freedom of both."""
    scaled = [
        Spread(one.variance / ratios[source].variance, one.freedom) for source, one in own.items() if source in ratios
    ]
    level = _mean(scaled)
    found = {}
    for source, one in own.items():
        if source not in ratios:
            found[source] = one
            continue
        freedom = max(1 / (1 / level.freedom + 1 / ratios[source].freedom), one.freedom)
        modelled = Spread(level.variance * ratios[source].variance, freedom)
        outlying = one.variance > f_quantile(OUTLIER, one.freedom, freedom) * modelled.variance
        found[source] = one if outlying else modelled
    return found

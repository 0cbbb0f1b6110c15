"""One number from several seeds and its interval, and Holm's correction.

A draw of a mean over n seeds is its deviation when items are drawn again, plus a t variate times the standard error
over seeds. The variance over seeds holds their interaction with the items (each seed errs on other items), which the
resampled items show too: that part, estimated from the resampling, is taken off the latter, as for two crossed random
factors. Where the median stands for several seeds, a draw deviates further by what a median differs from a mean among
seeds drawn from a normal distribution with the covariances of those that were run. Where all items agree, resampling
shows nothing and the interval is Clopper and Pearson's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.uncertainty.quantiles import clopper_pearson
from xstilts.uncertainty.resampling import Array
from xstilts.uncertainty.seeds import Statistic
from xstilts.uncertainty.variances import Spread

ROUNDING = 1e-9  # points: what adding up terms that cancel leaves of nothing


@dataclass(frozen=True)
class Estimate:
    """A number, its interval, its standard deviation over seeds (None of one) and the p value of its being 0."""

    value: float
    lower: float
    upper: float
    deviation: float | None
    p: float
    seeds: int


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected by Holm's step-down method over this family, in the given order."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [0.0] * len(p_values)
    running = 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = running
    return corrected


def item_draws(draws: Array) -> Array:
    """Return the deviations of the mean over seeds (resamples,) from those of the seeds (seeds, resamples).

    From three seeds on, without the interaction of seeds and items, which the variance over seeds holds already.
    """
    seeds, around = len(draws), draws.mean(axis=0)
    if seeds < 3:
        return around
    items = float(around.var())
    interaction = max(float(draws.var(axis=1).mean()) - items, 0.0) / (seeds - 1)
    return around * np.sqrt(max(1 - interaction / items, 0.0)) if items else around


def over_seeds(values: Array, statistic: Statistic) -> float:
    """Return one number for the seeds of a sum of terms (seeds, terms): of each term over its seeds, then added up.

    Terms that cancel add up to 0: a rest of rounding would lie beside an interval as narrow as it is.
    """
    value = float(values.sum(axis=1).mean() if statistic == "mean" else np.median(values, axis=0).sum())
    return 0.0 if abs(value) < ROUNDING else value


def median_draws(values: Array, normal: Array) -> Array:
    """Return how far medians lie from means (resamples,) when seeds are drawn anew, summed over terms.

    Of normal seeds the two are independent, so these draws are added to those of the mean. Each resample has as many
    new seeds as were run, normal and with the terms' own covariances.

    Shapes: values (seeds, terms); normal (seeds, seeds, resamples), independent standard normal variates.
    """
    seeds, around = len(values), np.zeros(normal.shape[2])
    for apart in (values - values.mean(axis=0)).T:
        if apart.any():
            drawn = np.tensordot(apart, normal, axes=1) / np.sqrt(seeds - 1)
            around += np.median(drawn, axis=0) - drawn.mean(axis=0)
    return around


@dataclass(frozen=True)
class SeedNoise:
    """How seeds become one number, and the variates by which it varies."""

    statistic: Statistic
    resamples: int
    seed: int
    normal: Mapping[int, Array]  # number of seeds -> (seeds, seeds, resamples); empty for means

    def student(self, freedom: float) -> Array:
        """Return t variates (resamples,); the same for the same degrees of freedom."""
        return np.random.default_rng([self.seed, round(10 * freedom)]).standard_t(freedom, size=self.resamples)


def draw_seed_noise(most: int, resamples: int, seed: int, statistic: Statistic) -> SeedNoise:
    """Return variates for up to ``most`` seeds; the same for the same arguments."""
    generator = np.random.default_rng(seed)
    medians = range(3, most + 1) if statistic == "median" else ()
    normal = {n: generator.standard_normal((n, n, resamples)) for n in medians}
    return SeedNoise(statistic, resamples, seed, normal)


def estimate(values: Array, draws: Array, noise: SeedNoise, spread: Spread | None = None, units: int = 0) -> Estimate:
    """Return a sum of terms over seeds with its 95 % interval, and a two-sided p value of its being 0.

    Args:
        values: (seeds, terms), each of which goes over the seeds by itself.
        draws: (seeds, resamples), the deviations of the sum under resampled items.
        noise: the variates of seeds.
        spread: the variance of the sum over seeds; by default that of ``values``.
        units: how many agreed, of a score that is 0 or 100 (percent) in every resample; 0 of all else.
    """
    seeds, totals = len(values), values.sum(axis=1)
    value = over_seeds(values, noise.statistic)
    around = item_draws(draws)
    if seeds >= 3:
        own = Spread(float(totals.var(ddof=1)), seeds - 1)
        used = spread or own
        around = around + noise.student(used.freedom) * np.sqrt(used.variance / seeds)
        if noise.statistic == "median":
            around = around + median_draws(values, noise.normal[seeds])
    low, high = np.quantile(around, [0.025, 0.975])
    lower, upper = value + float(low), value + float(high)
    if units and value in (0.0, 100.0) and not np.any(draws):
        exact = clopper_pearson(int(value > 0), units)
        lower, upper = min(lower, exact[0]), max(upper, exact[1])
    reached = int((np.abs(around) >= abs(value)).sum())
    deviation = float(totals.std(ddof=1)) if seeds > 1 else None
    return Estimate(value, lower, upper, deviation, (1 + reached) / (1 + len(around)), seeds)

"""The one number that stands for several seeds."""

from collections.abc import Sequence
from math import pi
from statistics import fmean, median
from typing import Literal

Statistic = Literal["mean", "median"]


def summarise(values: Sequence[float], statistic: Statistic) -> float:
    """Return the mean or the median over seeds."""
    return fmean(values) if statistic == "mean" else median(values)


def median_variance(count: int) -> float:
    """Return the variance of the median of ``count`` standard normal values.

    Of one and two it is the mean's; of 3 to 6 from David and Nagaraja, Order Statistics; above, pi / 2 n in the limit.
    """
    exact = {1: 1.0, 2: 0.5, 3: 0.4487, 4: 0.2982, 5: 0.2868, 6: 0.2147}
    return exact.get(count, pi / (2 * count))

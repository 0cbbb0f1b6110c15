"""The one number that stands for several seeds."""

from collections.abc import Sequence
from statistics import fmean, median
from typing import Literal

Statistic = Literal["mean", "median"]


def summarise(values: Sequence[float], statistic: Statistic) -> float:
    """Return the mean or the median over seeds."""
    return fmean(values) if statistic == "mean" else median(values)

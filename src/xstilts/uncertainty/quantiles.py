"""Quantiles of the distributions that intervals rest on, from scipy.special (scipy.stats takes a second to import)."""

from math import inf


def student_quantile(level: float, freedom: float) -> float:
    """Return a quantile of Student's t; of the normal distribution where ``freedom`` is infinite."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(level) if freedom == inf else stdtrit(freedom, level))


def f_quantile(level: float, above: float, below: float) -> float:
    """Return a quantile of the ratio of two variance estimates with these degrees of freedom."""
    from scipy.special import fdtri

    return float(fdtri(above, below, level))


def clopper_pearson(right: int, units: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share of units that all agree (0 or all right), in percent.

    Clopper and Pearson 1934: 0 is compatible with a share p as long as (1 - p)^n is at least 2.5 %.
    """
    reach = 100 * (1 - 0.025 ** (1 / units))
    return (0.0, reach) if right == 0 else (100 - reach, 100.0)

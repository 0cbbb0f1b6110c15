"""How a gain may depend on a model's size: three forms, fitted by least squares, and which of them predicts.

N is in billions of parameters. ``line``: a + b log10 N. ``saturating``: a - c N^-d with c, d >= 0, which rises ever
more slowly to a. ``powers``: e + A N^-p - B N^-q with A, B >= 0: the errors of a model without and with the
intermediate training each fall as a power of the size, and the gain is their difference. Exponents are searched on a
grid, all else follows by linear least squares: equal numbers give equal fits.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import nnls

EXPONENTS = tuple(float(value) for value in np.geomspace(0.02, 2.0, 41))
FORMS = ("line", "saturating", "powers")
PARAMETERS = {"line": 2, "saturating": 3, "powers": 5}


@dataclass(frozen=True)
class Fit:
    """A form fitted to gains by size."""

    form: str
    squares: float  # the sum of squared residuals, in points
    aicc: float  # infinite where there are too few sizes for the form
    predict: Callable[[float], float]


def fit(form: str, sizes: Sequence[float], gains: Sequence[float]) -> Fit:
    """Fit a form.

    Args:
        form: one of FORMS.
        sizes: in billions, each once.
        gains: in points.
    """
    x, y = np.asarray(sizes, float), np.asarray(gains, float)
    if form == "line":
        design = np.column_stack([np.ones_like(x), np.log10(x)])
        (start, slope), *_ = np.linalg.lstsq(design, y, rcond=None)
        return _fitted(form, x, y, lambda size: float(start + slope * math.log10(size)))
    if form == "saturating":
        found = [(_positive(x, y, ((-1.0, one),)), (one,)) for one in EXPONENTS]
        (_, (top, fall)), (power,) = min(found, key=lambda entry: entry[0][0])
        return _fitted(form, x, y, lambda size: float(top - fall * size**-power))
    pairs = [*combinations(EXPONENTS[::2], 2)]
    both = [(_positive(x, y, ((1.0, p), (-1.0, q))), (p, q)) for one in pairs for p, q in (one, one[::-1])]
    (_, (top, without, after)), (p, q) = min(both, key=lambda entry: entry[0][0])
    return _fitted(form, x, y, lambda size: float(top + without * size**-p - after * size**-q))


def _positive(x: np.ndarray, y: np.ndarray, terms: tuple[tuple[float, float], ...]) -> tuple[float, tuple[float, ...]]:
    """Return squared residuals and (constant, factors >= 0) of a constant and signed powers of the size."""
    columns = np.column_stack([sign * x**-power for sign, power in terms])
    middle = columns.mean(axis=0)  # the constant may have any sign: it is taken out first
    factors, residual = nnls(columns - middle, y - y.mean())
    return float(residual**2), (float(y.mean() - middle @ factors), *map(float, factors))


def _fitted(form: str, x: np.ndarray, y: np.ndarray, predict: Callable[[float], float]) -> Fit:
    squares = float(sum((gain - predict(size)) ** 2 for size, gain in zip(x, y, strict=True)))
    return Fit(form, squares, aicc(squares, len(x), PARAMETERS[form] + 1), predict)


def aicc(squares: float, count: int, parameters: int) -> float:
    """Return Akaike's criterion with the correction for few points; ``parameters`` count the variance too."""
    if count - parameters - 1 <= 0:
        return float("inf")
    plain = count * math.log(max(squares, 1e-12) / count) + 2 * parameters
    return plain + 2 * parameters * (parameters + 1) / (count - parameters - 1)


def leave_largest_out(form: str, sizes: Sequence[float], gains: Sequence[float]) -> float | None:
    """Return what a form says of the largest size from the others alone, None where these are too few for it."""
    order = np.argsort(sizes)
    if len(order) - 1 < PARAMETERS[form]:
        return None
    kept = order[:-1]
    found = fit(form, [sizes[place] for place in kept], [gains[place] for place in kept])
    return found.predict(float(sizes[order[-1]]))


def slope(sizes: Sequence[float] | np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Return the points a decade of parameters of a straight line through gains [..., sizes]."""
    x = np.log10(np.asarray(sizes, float))
    centred = x - x.mean()
    return np.asarray(gains @ centred / (centred @ centred))

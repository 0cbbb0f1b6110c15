"""Do the gains of intermediate training diminish with the size of the model, and beyond 30 billion parameters?

The gain of a size is the score after the intermediate training minus the score without it, paired by seed and language.
The rule, fixed beforehand: gains diminish beyond 30 B if the slope of the gain against the logarithm of the size is
lower above 30 B than below, with a 95 % interval that excludes 0, from at least three sizes above; with fewer nobody
can tell. The change of slope is one number a seed and language, and the interval that of its mean over both.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from xstilts.studies.gains import Series
from xstilts.uncertainty.best import Noise, deviations, seed_noise
from xstilts.uncertainty.forms import FORMS, Fit, fit, leave_largest_out, slope
from xstilts.uncertainty.resampling import draw_weights, wider

BEYOND = 30.0  # billions of parameters
LEAST = 3  # sizes above it, and below
LEAST_SEEDS = 3  # of fewer nothing says how far another one would differ
DRAWS = 20_000
SHARES = (0.025, 0.975)
SEED = 20200526
YES, NO, UNKNOWN = "yes", "no", "not identified"
WORDS = {"line": "straight in log N", "saturating": "saturating", "powers": "difference of two power laws"}
RULE = (
    f"The rule, fixed beforehand: gains diminish beyond {BEYOND:g} B if their slope against log N is lower above it "
    f"than below, with a 95 % interval that excludes 0, from at least {LEAST} sizes on either side and {LEAST_SEEDS} "
    "seeds. The change of slope is taken seed by seed and language by language; the interval of its mean is Student's "
    f"t over the seeds, with the languages drawn again. With fewer sizes or seeds the answer is `{UNKNOWN}`."
)


@dataclass(frozen=True)
class Answer:
    """What a series says."""

    verdict: str
    reason: str
    slopes: tuple[float | None, float | None]  # points a decade below and above the bound
    interval: tuple[float, float] | None  # of the slope above minus the slope below
    fits: tuple[Fit, ...]
    predictions: Mapping[str, float | None]  # of the largest size by form, from the others alone


def decide(series: Series, beyond: float = BEYOND, least: int = LEAST) -> Answer:
    """Answer for a series whether its gains diminish beyond a size, and fit the three forms to it."""
    sizes, means = np.asarray(series.sizes), series.means
    sides = (sizes <= beyond, sizes > beyond)
    slopes = tuple(float(slope(sizes[side], means[side])) if side.sum() > 1 else None for side in sides)
    fits = tuple(fit(form, series.sizes, list(means)) for form in FORMS)
    predictions = {form: leave_largest_out(form, series.sizes, list(means)) for form in FORMS}
    bounds = None
    few = [
        f"{int(side.sum())} {'size' if side.sum() == 1 else 'sizes'} {where} {beyond:g} B, and the rule needs {least}"
        for side, where in zip(sides, ("up to", "above"), strict=True)
        if side.sum() < least
    ]
    if few:
        verdict, reason = UNKNOWN, "; ".join(few)
    elif (seeds := series.gains.shape[1]) < LEAST_SEEDS:
        verdict, reason = UNKNOWN, f"{seeds} {'seed' if seeds == 1 else 'seeds'}, and the rule needs {LEAST_SEEDS}"
    else:
        below, above = (slope(sizes[side], np.moveaxis(series.gains[side], 0, -1)) for side in sides)
        low, high = bounds = interval(above - below)
        words = f"the slope above minus that below is {low:+.1f} to {high:+.1f} points a decade"
        if high < 0:
            verdict, reason = YES, words
        elif low > 0:
            verdict, reason = NO, words
        else:
            verdict, reason = UNKNOWN, f"{words}, which holds 0"
    return Answer(verdict, reason, (slopes[0], slopes[1]), bounds, fits, predictions)


def interval(values: np.ndarray, draws: int = DRAWS) -> tuple[float, float]:
    """Return the 95 % interval of the mean of values [seeds, languages].

    Over seeds it is Student's t and over languages they are drawn again, the same ones in every seed, as the items of a
    score are (``uncertainty``). Under three seeds it is over languages alone.
    """
    seeds, languages = values.shape
    apart = values - values.mean(axis=1, keepdims=True)
    drawn = wider(languages) * apart @ _weights(languages, draws) / languages
    by_seed = {seed: (float(values[seed].mean()), drawn[seed]) for seed in range(seeds)}
    value, around = deviations(by_seed, _noise(seeds, draws))
    low, high = np.quantile(around, SHARES)
    return value + float(low), value + float(high)


@cache
def _weights(languages: int, draws: int) -> np.ndarray:
    """Return how often each language is drawn [languages, draws]."""
    return np.concatenate(list(draw_weights("languages", SEED, languages, draws))).T.astype(float)


@cache
def _noise(seeds: int, draws: int) -> Noise:
    return seed_noise(range(seeds), draws, SEED)


def page(title: str, all_series: Iterable[Series], remarks: Sequence[str] = ()) -> str:
    """Return what series say, as a page: gains by size, the three forms, the answer and its reason."""
    parts = [f"# {title}", *remarks, RULE]
    for series in all_series:
        parts += [f"## {series.name}", *section(series)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def section(series: Series) -> list[str]:
    """Return what one series says, below its heading."""
    answer = decide(series)
    largest = f"{series.sizes[-1]:g} B"
    return [
        f"**Diminishing beyond {BEYOND:g} B: {answer.verdict}.** The reason: {answer.reason}.",
        _by_size(series),
        _forms(series, answer),
        f"{_preferred(answer)} {_slopes(answer)} The largest size is {largest}.",
    ]


def _by_size(series: Series) -> str:
    head = "| billions | gain | of what was left, % |\n| ---: | ---: | ---: |\n"
    rows = zip(series.sizes, series.means, series.normalised, strict=True)
    return head + "".join(
        f"| {size:g} | {gain:+.1f} | {'–' if share is None else f'{share:.1f}'} |\n" for size, gain, share in rows
    )


def _forms(series: Series, answer: Answer) -> str:
    head = "| form | residual, points | AICc | largest size from the others | error |\n"
    head += "| --- | ---: | ---: | ---: | ---: |\n"
    rows = []
    for one in answer.fits:
        spread = math.sqrt(one.squares / len(series.sizes))
        criterion = f"{one.aicc:.1f}" if math.isfinite(one.aicc) else "too few sizes"
        told = answer.predictions[one.form]
        ends = ["–", "–"] if told is None else [f"{told:+.1f}", f"{told - float(series.means[-1]):+.1f}"]
        rows.append(f"| {' | '.join([WORDS[one.form], f'{spread:.2f}', criterion, *ends])} |\n")
    return head + "".join(rows)


def _preferred(answer: Answer) -> str:
    finite = [one for one in answer.fits if math.isfinite(one.aicc)]
    if not finite:
        return "There are too few sizes to prefer a form."
    best = min(finite, key=lambda one: one.aicc)
    others = [one.aicc - best.aicc for one in finite if one is not best]
    by = f", by {min(others):.1f} over the next" if others else ""
    return f"AICc prefers the form {WORDS[best.form]}{by}."


def _slopes(answer: Answer) -> str:
    below, above = answer.slopes
    if below is None:
        return "There is no slope up to the bound."
    text = f"Up to {BEYOND:g} B the gain {_moves(below)} points a decade"
    return f"{text}." if above is None else f"{text}, above it {_moves(above)}."


def _moves(slope: float) -> str:
    return f"{'falls' if slope < 0 else 'rises'} by {abs(slope):.1f}"

"""Resampled scores: Poisson weights on sampling units, as matrix products with the units' sufficient statistics.

All arms (an arm is a source with a seed) get the same weights, so that their differences are paired. A unit that
occurs in several languages (a translated item, a sentence of parallel treebanks, an English sentence of Tatoeba) has
one weight in all of them; languages without a unit in common are drawn independently. Languages are fixed: a resampled
task score is the mean over the same languages.

Of few units, weights are multinomial (else none may be drawn) and deviations wider: those of n units are of variance
(n - 1) / n, and their mean is a Student's t(n - 1) variate.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.tasks import task as task_entry
from xstilts.uncertainty.quantiles import student_quantile

Array = NDArray[Any]
Arm = tuple[str, int]  # source, seed
Key = tuple[str, int, str, str]  # source, seed, task, language

BUNDLES = 1000  # at most so many weights a draw: more units are bundled at random, which leaves the variance unbiased
FEW = 30  # units under which weights are multinomial and intervals say that they rest on few
BLOCK = 2000  # draws in one matrix product
THRESHOLDS = 16  # BUCC thresholds a resampled dev set can choose from


@dataclass(frozen=True)
class TaskDraws:
    """One task and split: each arm's scores and how they vary when items are drawn again.

    Shapes: values (arms, metrics) in percent; draws (arms, metrics, resamples), centred on 0. ``english``
    are the values of English alone; None where there is no English.
    """

    task: str
    arms: tuple[Arm, ...]
    metrics: tuple[str, ...]
    languages: tuple[str, ...]
    examples: int
    values: Array
    draws: Array
    english: Array | None = None
    units: int = 0  # independent ones, in the languages that have fewest


def poisson_table() -> Array:
    """Return 256 quantiles of Poisson(1): indexed with random bytes they are weights of mean 1 and variance 1."""
    cumulative = np.cumsum([exp(-1) / factorial(count) for count in range(12)])
    return np.searchsorted(cumulative, (np.arange(256) + 0.5) / 256).astype(np.float32)


def draw_weights(name: str, seed: int, units: int, resamples: int) -> Iterator[Array]:
    """Yield weights of mean 1 in blocks (draws, units): Poisson, or multinomial ones of few units.

    They are the same for the same name, seed and sizes.
    """
    generator = np.random.SFC64([seed, zlib.crc32(name.encode())])
    if units < FEW:
        for start in range(0, resamples, BLOCK):
            size = min(BLOCK, resamples - start)
            drawn = np.random.Generator(generator).multinomial(units, np.full(units, 1 / units), size)
            yield drawn.astype(np.float32)
        return
    table = poisson_table()
    for start in range(0, resamples, BLOCK):
        size = min(BLOCK, resamples - start) * units
        random_bytes = generator.random_raw(-(-size // 8)).view(np.uint8)[:size]
        yield table.take(random_bytes).reshape(-1, units)


def wider(units: int) -> float:
    """Return by what deviations under few units are multiplied (module docstring)."""
    if not 1 < units < FEW:
        return 1.0
    return float((units / (units - 1)) ** 0.5 * student_quantile(0.975, units - 1) / student_quantile(0.975, np.inf))


def _linked(units: Mapping[str, set[str]]) -> list[tuple[str, ...]]:
    """Return groups of languages that share units, directly or by way of others."""
    groups: list[tuple[set[str], set[str]]] = []
    for language, own in units.items():
        together = [group for group in groups if not group[1].isdisjoint(own)]
        groups = [group for group in groups if group not in together]
        groups.append(({language}.union(*(g[0] for g in together)), own.union(*(g[1] for g in together))))
    return sorted(tuple(sorted(names)) for names, _ in groups)


def halves(scores: Mapping[Key, Mapping[str, Any]], task: str, split: str) -> list[dict[Key, dict[str, Any]]] | None:
    """Return the score files of a task on either half of a split's units, of which the same lie in the same half.

    Their metrics are those of the half. Returns None where scores are no ratio of sums over units (BUCC), and where a
    half of a language would be empty.
    """
    found: list[dict[Key, dict[str, Any]]] = [{}, {}]
    for key, content in scores.items():
        if key[2] != task or split not in content["splits"]:
            continue
        items = content["splits"][split]["items"]
        if "score" in items:
            return None
        first = np.array([zlib.crc32(f"half/{unit}".encode()) % 2 == 0 for unit in items["unit"]])
        for part, chosen in zip(found, (first, ~first), strict=True):
            places = np.flatnonzero(chosen)
            if not len(places):
                return None
            kept = {name: [values[place] for place in places] for name, values in items.items()}
            sums = {metric: [side.sum() for side in ratio(kept, metric)] for metric in task_entry(task).metrics}
            metrics = {metric: 100 * above / max(below, 1e-9) for metric, (above, below) in sums.items()}
            part[key] = {"splits": {split: {"metrics": metrics, "examples": len(places), "items": kept}}}
    return found if found[0] else None


def resample_task(
    scores: Mapping[Key, Mapping[str, Any]], task: str, split: str, resamples: int, seed: int
) -> TaskDraws | None:
    """Resample one task on one split, over the languages that any arm has.

    An arm without one of these languages is left out: its mean would be over other languages. Returns None when no
    arm is left.
    """
    found = {
        (source, chain, language): content["splits"][split]
        for (source, chain, name, language), content in scores.items()
        if name == task and split in content["splits"]
    }
    languages = tuple(sorted({language for _, _, language in found}))
    arms = tuple(
        arm
        for arm in dict.fromkeys(key[:2] for key in found)
        if all((*arm, language) in found for language in languages)
    )
    if not arms:
        return None
    metrics = task_entry(task).metrics
    by_language = np.array(
        [[[found[(*arm, language)]["metrics"][metric] for metric in metrics] for language in languages] for arm in arms]
    )
    draws = np.zeros((len(arms), len(metrics), resamples), dtype=np.float32)
    pairs = "score" in found[(*arms[0], languages[0])]["items"]
    named = {code: set().union(*(found[(*arm, code)]["items"]["unit"] for arm in arms)) for code in languages}
    groups = [(code,) for code in languages] if pairs else _linked(named)
    few = min(len(set().union(*(named[code] for code in group))) for group in groups)
    for group in groups:
        splits = [[found[(*arm, language)]["items"] for arm in arms] for language in group]
        name = f"{task}/{split}/{group[0]}"
        if pairs:
            dev = [scores[(*arm, task, group[0])]["splits"]["dev"]["items"] for arm in arms]
            draws[:, 0] += _draw_bucc(f"{task}/dev/{group[0]}", name, dev, splits[0], resamples, seed)
        else:
            of_group = _draw_ratios(name, splits, metrics, resamples, seed)
            of_group -= of_group.mean(axis=2, keepdims=True)
            draws += wider(len(set().union(*(named[code] for code in group)))) * of_group
    draws *= 100 / len(languages)
    draws -= draws.mean(axis=2, keepdims=True)
    examples = sum(found[(*arms[0], language)]["examples"] for language in languages)
    english = by_language[:, languages.index("en")] if "en" in languages else None
    return TaskDraws(task, arms, metrics, languages, examples, by_language.mean(axis=1), draws, english, few)


class _Units:
    """Numbers the units of many lists alike, bundled at random when they are more than BUNDLES."""

    def __init__(self, lists: Sequence[Sequence[str]], name: str, seed: int) -> None:
        place: dict[str, int] = {}
        for units in lists:
            if not place or units != lists[0]:  # arms mostly hold the same units
                for unit in units:
                    place.setdefault(unit, len(place))
        self.size = min(len(place), BUNDLES)
        order = np.random.default_rng([seed, zlib.crc32(f"bundles/{name}".encode())]).permutation(len(place))
        bundles = order % self.size if len(place) > BUNDLES else np.arange(len(place))
        self._bundle = {unit: int(bundles[number]) for unit, number in place.items()}
        self._last: tuple[Sequence[str], Array] = ((), np.empty(0, dtype=np.int64))

    def places(self, units: Sequence[str]) -> Array:
        """Return each unit's bundle; the last answer is kept, for arms mostly hold the same units."""
        if units != self._last[0]:
            self._last = (units, np.array([self._bundle[unit] for unit in units], dtype=np.int64))
        return self._last[1]

    def sums(self, units: Sequence[str], values: Sequence[float] | Array) -> Array:
        """Return the values summed by bundle, shape (size,)."""
        return np.bincount(self.places(units), weights=np.asarray(values, dtype=float), minlength=self.size)


def ratio(items: Mapping[str, Sequence[float]], metric: str) -> tuple[Array, Array]:
    """Return a metric's numerator and denominator per unit: the metric is the ratio of their sums (0 to 1)."""
    if metric == "accuracy":
        return np.asarray(items["correct"]), np.asarray(items["total"])
    if "tp" in items:
        return 2 * np.asarray(items["tp"]), np.asarray(items["pred"]) + np.asarray(items["gold"])
    return np.asarray(items[metric]), np.asarray(items["total"])


def _draw_ratios(
    name: str,
    splits: Sequence[Sequence[Mapping[str, Any]]],
    metrics: Sequence[str],
    resamples: int,
    seed: int,
) -> Array:
    """Return resampled ratios summed over the group's languages, shape (arms, metrics, resamples).

    ``splits`` holds the items of each language and arm.
    """
    units = _Units([items["unit"] for arms in splits for items in arms], name, seed)
    shape = (units.size, len(splits), len(splits[0]), len(metrics))
    above, below = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
    for language, arms in enumerate(splits):
        for arm, items in enumerate(arms):
            for number, metric in enumerate(metrics):
                numerator, denominator = ratio(items, metric)
                above[:, language, arm, number] = units.sums(items["unit"], numerator)
                below[:, language, arm, number] = units.sums(items["unit"], denominator)
    if (below == below[:, :, :1, :1]).all():
        below = below[:, :, :1, :1]  # numbers of examples: the same in all arms
    blocks = []
    for weights in draw_weights(name, seed, units.size, resamples):
        top, bottom = (
            (weights @ side.reshape(units.size, -1)).reshape(len(weights), *side.shape[1:]) for side in (above, below)
        )
        blocks.append((top / np.maximum(bottom, 1e-9)).sum(axis=1))
    return np.concatenate(blocks).transpose(1, 2, 0)


def bucc_thresholds(items: Mapping[str, Sequence[Any]]) -> Array:
    """Return the THRESHOLDS that resampled dev sets choose from, highest first, with the one tuned on all of dev.

    Each lies below a right candidate, for F1 is best only there. They are spread over the part of the list where F1
    is within ten points of its best.
    """
    scores = np.array([-np.inf if score is None else score for score in items["score"]], dtype=float)
    order = np.argsort(-scores, kind="stable")
    order = order[np.isfinite(scores[order])]
    right = np.asarray(items["correct"])[order].astype(bool)
    if not right.any():
        return np.zeros(THRESHOLDS)
    f1 = 2 * np.cumsum(right) / (np.arange(1, len(order) + 1) + sum(items["gold"]))
    best = int(np.argmax(np.where(right, f1, -1)))
    near = np.flatnonzero(right & (f1 >= f1[best] - 0.1))
    spread = near[np.linspace(0, len(near) - 1, THRESHOLDS - 1).round().astype(int)]
    ends = np.sort(np.append(spread, best))
    sorted_scores = scores[order]
    return (sorted_scores[ends] + sorted_scores[np.minimum(ends + 1, len(order) - 1)]) / 2


def _draw_bucc(
    dev_name: str,
    name: str,
    dev: Sequence[Mapping[str, Any]],
    items: Sequence[Mapping[str, Any]],
    resamples: int,
    seed: int,
) -> Array:
    """Return resampled BUCC F1s (arms, resamples): dev is drawn, the threshold tuned on it anew, then applied."""
    dev_units = _Units([arm["unit"] for arm in dev], dev_name, seed)
    units = _Units([arm["unit"] for arm in items], name, seed)
    thresholds = [bucc_thresholds(arm) for arm in dev]
    dev_table = np.stack([_bucc_table(dev_units, arm, cuts) for arm, cuts in zip(dev, thresholds, strict=True)], axis=1)
    table = np.stack([_bucc_table(units, arm, cuts) for arm, cuts in zip(items, thresholds, strict=True)], axis=1)
    blocks = []
    other_weights = draw_weights(name, seed, units.size, resamples)
    for dev_weights in draw_weights(dev_name, seed, dev_units.size, resamples):
        on_dev = _bucc_f1(dev_weights, dev_table)
        f1 = on_dev if name == dev_name else _bucc_f1(next(other_weights), table)
        blocks.append(np.take_along_axis(f1, on_dev.argmax(axis=2)[:, :, None], axis=2)[:, :, 0])
    return np.concatenate(blocks).T


def _bucc_table(units: _Units, items: Mapping[str, Any], thresholds: Array) -> Array:
    """Return (units, 2, thresholds): twice the right pairs, and predicted plus gold pairs, at each threshold."""
    scores = np.array([-np.inf if score is None else score for score in items["score"]], dtype=float)
    places, right = units.places(items["unit"]), np.asarray(items["correct"], dtype=bool)
    table = np.zeros((units.size, 2, THRESHOLDS + 1), dtype=np.float32)
    first = np.searchsorted(-thresholds, -scores)  # the first threshold that keeps the candidate; none: behind the last
    np.add.at(table[:, 0], (places[right], first[right]), 2)
    np.add.at(table[:, 1], (places, first), 1)
    table = table[:, :, :-1].cumsum(axis=2)
    table[:, 1] += units.sums(items["unit"], items["gold"])[:, None]
    return table


def _bucc_f1(weights: Array, table: Array) -> Array:
    """Return F1 (draws, arms, thresholds) under weights (draws, units) from a table (units, arms, 2, thresholds)."""
    counts = (weights @ table.reshape(len(table), -1)).reshape(len(weights), *table.shape[1:])
    return counts[:, :, 0] / np.maximum(counts[:, :, 1], 1e-9)

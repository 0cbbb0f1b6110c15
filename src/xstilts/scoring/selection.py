"""Intervals of the best source for each task, the source being chosen anew in every resample.

Chosen where it looked best, a source looks better than it is. So the error of a resample is what its own winner scores
there minus what that winner scores in the data: positive on average where one set of items chooses and scores, and the
interval then lies lower around the observed value, or even below it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from xstilts.scoring.benchmark import TASKS
from xstilts.scoring.resampling import Array, TaskDraws
from xstilts.scoring.seeds import Statistic
from xstilts.scoring.uncertainty import (
    ITEMS_AND_SEEDS,
    ITEMS_ONLY,
    SEED,
    Cell,
    Drawn,
    Expected,
    Interval,
    Runs,
    Tables,
    all_languages,
    item_draws,
    median_draws,
    over_seeds,
    runs_of,
    weighted,
)


@dataclass(frozen=True)
class Noise:
    """How seeds become one number, and the variates by which it varies in each resample, by seed."""

    statistic: Statistic
    weights: Mapping[int, Array]  # (resamples,)
    normal: Mapping[int, Array]  # (seeds, resamples); empty for means


@dataclass(frozen=True)
class OwnDev:
    """How a target training did on its own English development examples, in percent."""

    score: float
    examples: int


def own_dev_runs(scores: Mapping[tuple[str, int], OwnDev], name: str, resamples: int, seed: int = SEED) -> Runs:
    """Return runs from summary scores by (source, seed), whose items are not kept.

    Their deviations are binomial, p (1 - p) / n, the largest variance that a score between 0 and 100 can have, and
    independent: sources seem less alike than they are, so that the choice varies rather too much.
    """
    generator = np.random.default_rng([seed, crc32(f"own dev/{name}".encode())])
    runs: Runs = {}
    for (source, chain), dev in sorted(scores.items()):
        share = dev.score / 100
        spread = 100 * np.sqrt(share * (1 - share) / dev.examples)
        runs.setdefault(source, {})[chain] = dev.score, spread * generator.standard_normal(resamples)
    return runs


def english_runs(draws: TaskDraws) -> Runs:
    """Return the mean of a task's metrics on English alone by source and seed; none where there is no English."""
    runs: Runs = {}
    if draws.english is not None and draws.english_draws is not None:
        for place, (source, chain) in enumerate(draws.arms):
            mean = float(draws.english[place].mean()), draws.english_draws[place].mean(axis=0)
            runs.setdefault(source, {})[chain] = mean
    return runs


def seed_noise(chains: Sequence[int], resamples: int, seed: int = SEED, statistic: Statistic = "mean") -> Noise:
    """Return weights of the seeds in each resample, one set for all sources, tasks and splits.

    ``sum(weight * (value - mean)) / sqrt(n (n - 1))`` over n seeds is then a t(n - 1) variate times the standard error
    over seeds, and a difference of two sources varies as their differences by seed do. For medians there are also the
    variates of ``median_draws``.
    """
    generator = np.random.default_rng([seed, len(chains)])
    normal = generator.standard_normal((len(chains), resamples))
    if len(chains) > 1:
        normal *= np.sqrt((len(chains) - 1) / generator.chisquare(len(chains) - 1, resamples))
    medians = {}
    if statistic == "median":
        medians = {chain: generator.standard_normal((len(chains), resamples)) for chain in chains}
    return Noise(statistic, dict(zip(chains, normal, strict=True)), medians)


def deviations(by_seed: Mapping[int, Cell], noise: Noise) -> tuple[float, Array]:
    """Return the number over seeds and its deviations (resamples,), over items and from three seeds on over seeds."""
    values = np.stack([np.atleast_1d(value) for value, _ in by_seed.values()])
    around = item_draws(np.stack([draws for _, draws in by_seed.values()]))
    count = len(values)
    if count >= 3:
        totals = values.sum(axis=1)
        weights = np.stack([noise.weights[chain] for chain in by_seed])
        around = around + (totals - totals.mean()) @ weights / np.sqrt(count * (count - 1))
        if noise.statistic == "median":
            normal = np.stack([noise.normal[chain][:count] for chain in by_seed])
            around = around + median_draws(values, normal)
    return over_seeds(values, noise.statistic), around


def winners(runs: Runs, candidates: Collection[str], noise: Noise) -> tuple[list[str], Array]:
    """Return the candidates that have a score and, for each resample, the number of the best one."""
    names = [source for source in runs if source in candidates]
    scores = []
    for source in names:
        mean, around = deviations(runs[source], noise)
        scores.append(mean + around)
    return names, np.argmax(np.stack(scores), axis=0) if scores else np.empty(0, dtype=np.int64)


def _differences(runs: Runs, baseline: str) -> Runs:
    base = runs.get(baseline, {})
    found = {
        source: {chain: weighted([cell, base[chain]], [1.0, -1.0]) for chain, cell in by_seed.items() if chain in base}
        for source, by_seed in runs.items()
    }
    return {source: by_seed for source, by_seed in found.items() if by_seed}


@dataclass(frozen=True)
class _Error:
    """What the chosen source scores, how far resampled winners lie from their own values, and over how many seeds."""

    value: float
    around: Array
    seeds: int


def _error(runs: Runs, chosen: str, names: Sequence[str], picked: Array, noise: Noise) -> _Error | None:
    if chosen not in runs or any(name not in runs for name in names):
        return None
    around = np.stack([deviations(runs[name], noise)[1] for name in names])
    return _Error(deviations(runs[chosen], noise)[0], around[picked, np.arange(len(picked))], len(runs[chosen]))


def _mean(errors: Sequence[_Error]) -> _Error:
    around = np.mean([error.around for error in errors], axis=0)
    return _Error(float(np.mean([error.value for error in errors])), around, min(error.seeds for error in errors))


def best_intervals(
    drawn: Drawn,
    tables: Tables,
    rule: str,
    chosen: Mapping[str, str],
    selection: Mapping[str, Runs],
    candidates: Collection[str],
    chains: Sequence[int],
    baseline: str = "none",
    expected: Expected = all_languages,
    seed: int = SEED,
    statistic: Statistic = "mean",
) -> list[Interval]:
    """Return the rows of a row of best sources: each task and metric of each table, and the average.

    Args:
        drawn: what ``draw_tables`` gave for these tables.
        tables: {table: {task: split}}.
        rule: the name of the row.
        chosen: the source of each task; a task that is not in it has no row.
        selection: for each task the scores that choose; a task that is not in it had its source fixed beforehand.
        candidates: the sources that are chosen from.
        chains: the seeds of the run.
        baseline: the source from which differences are taken, seed by seed.
        expected: the languages of a complete score by task and split.
        seed: of the draws.
        statistic: how seeds become one number.

    Returns:
        Rows without p values: after a choice they would mean nothing.
    """
    resamples = next(iter(drawn.values())).draws.shape[2] if drawn else 0
    noise = seed_noise(chains, resamples, seed, statistic)
    rows: list[Interval] = []
    for table, splits in tables.items():
        means: list[_Error] = []
        gains: list[_Error] = []
        examples, complete = 0, set()
        for task, split in splits.items():
            if task not in chosen or (task, split) not in drawn:
                continue
            draws = drawn[task, split]
            names, picked = [chosen[task]], np.zeros(draws.draws.shape[2], dtype=np.int64)
            if task in selection:
                scored = {source for source, _ in draws.arms}
                names, picked = winners(selection[task], scored.intersection(candidates), noise)
            for number, metric in enumerate([*draws.metrics, None]):
                runs = runs_of(draws, slice(None) if metric is None else slice(number, number + 1), baseline)
                own = _error(runs, chosen[task], names, picked, noise)
                gain = _error(_differences(runs, baseline), chosen[task], names, picked, noise)
                if own is None:
                    break
                if metric is not None:
                    rows.append(_row(rule, (task, metric, split, table), own, gain, baseline, draws.examples))
                    continue
                means.append(own)
                gains += [gain] if gain else []
                examples += draws.examples
                complete |= {task} if set(draws.languages) == set(expected(task, split)) else set()
        if means:
            name = "avg" if complete.issuperset(TASKS) else "avg_available"
            place = name, "avg_metric", "/".join(sorted(set(splits.values()))), table
            gain = _mean(gains) if len(gains) == len(means) else None
            rows.append(_row(rule, place, _mean(means), gain, baseline, examples))
    return rows


def _row(
    rule: str, place: tuple[str, str, str, str], own: _Error, gain: _Error | None, baseline: str, examples: int
) -> Interval:
    task, metric, split, table = place
    low, high = np.quantile(own.around, [0.025, 0.975])
    below, above = np.quantile(gain.around, [0.025, 0.975]) if gain else (0.0, 0.0)
    return Interval(
        source=rule,
        task=task,
        metric=metric,
        split=split,
        value=own.value,
        lower=max(own.value - float(high), 0.0),
        upper=min(own.value - float(low), 100.0),
        deviation=None,
        baseline=baseline,
        difference=gain.value if gain else None,
        diff_lower=gain.value - float(above) if gain else None,
        diff_upper=gain.value - float(below) if gain else None,
        diff_deviation=None,
        p=None,
        p_holm=None,
        method=ITEMS_AND_SEEDS if own.seeds >= 3 else ITEMS_ONLY,
        seeds=own.seeds,
        examples=examples,
        table=table,
    )

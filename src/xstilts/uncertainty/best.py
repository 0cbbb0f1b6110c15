"""Intervals of the best source for each task, cross-fitted: what chooses a source does not score it.

Chosen where it looked best, a source looks better than it is: by the luck of the items, where the scores shown choose,
and by the luck of its seeds, which one training brings to development and test data alike. So an interval lies around
an estimate of its own. For each seed the source is chosen by the other seeds, and where the scores shown choose also by
the other half of the items; that seed and half then score it, and all of these are averaged. Choices are held fixed
when items are resampled. The number that a table shows is the chosen source's score; where it was lucky, the interval
lies lower around it or even below it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.tasks.benchmark import XTREME, Benchmark
from xstilts.uncertainty.estimates import item_draws, median_draws, over_seeds
from xstilts.uncertainty.intervals import (
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
    runs_of,
    weighted,
)
from xstilts.uncertainty.resampling import Array, TaskDraws
from xstilts.uncertainty.seeds import Statistic, summarise


@dataclass(frozen=True)
class Noise:
    """How seeds become one number, and the variates by which it varies in each resample, by seed."""

    statistic: Statistic
    weights: Mapping[int, Array]  # (resamples,), normal
    scales: Mapping[int, Array]  # by how many seeds there are, from two on: (resamples,), normal to t
    normal: Mapping[int, Array]  # (seeds, resamples); empty for means


Choosing = Mapping[str, Mapping[int, float]]  # source -> seed -> the score that chooses


def english_scores(draws: TaskDraws) -> dict[str, dict[int, float]]:
    """Return the mean of a task's metrics on English alone by source and seed; none where there is no English."""
    found: dict[str, dict[int, float]] = {}
    if draws.english is not None:
        for place, (source, chain) in enumerate(draws.arms):
            found.setdefault(source, {})[chain] = float(draws.english[place].mean())
    return found


def whole_scores(draws: TaskDraws) -> dict[str, dict[int, float]]:
    """Return the mean of a task's metrics over all languages by source and seed."""
    found: dict[str, dict[int, float]] = {}
    for place, (source, chain) in enumerate(draws.arms):
        found.setdefault(source, {})[chain] = float(draws.values[place].mean())
    return found


def seed_noise(chains: Sequence[int], resamples: int, seed: int = SEED, statistic: Statistic = "mean") -> Noise:
    """Return weights of the seeds in each resample, one set for all sources, tasks and splits.

    ``scale of n * sum(weight * (value - mean)) / sqrt(n (n - 1))`` over n seeds is then a t(n - 1) variate times the
    standard error over seeds, also where failed trainings leave fewer than the run has, and a difference of two sources
    varies as their differences by seed do. For medians there are also the variates of ``median_draws``.
    """
    generator = np.random.default_rng([seed, len(chains)])
    normal = generator.standard_normal((len(chains), resamples))
    counts = range(len(chains), 1, -1)
    scales = {count: np.sqrt((count - 1) / generator.chisquare(count - 1, resamples)) for count in counts}
    medians = {}
    if statistic == "median":
        medians = {chain: generator.standard_normal((len(chains), resamples)) for chain in chains}
    return Noise(statistic, dict(zip(chains, normal, strict=True)), scales, medians)


def deviations(by_seed: Mapping[int, Cell], noise: Noise, crossed: bool = False) -> tuple[float, Array]:
    """Return the number over seeds and its deviations (resamples,), over items and from three seeds on over seeds.

    ``crossed``: each seed scores the source that the others chose. What differs between seeds by items may then be the
    sources, and is not taken off; and seeds that rise together choose together, so that their mean varies more than
    that of as many independent numbers, by simulation about as one of one seed less.
    """
    values = np.stack([np.atleast_1d(value) for value, _ in by_seed.values()])
    items = np.stack([draws for _, draws in by_seed.values()])
    around = items.mean(axis=0) if crossed else item_draws(items)
    count = len(values)
    if count >= 3:
        totals = values.sum(axis=1)
        weights = np.stack([noise.weights[chain] for chain in by_seed]) * noise.scales[count]
        spread = np.sqrt(count / (count - 1)) if crossed else 1.0
        around = around + spread * (totals - totals.mean()) @ weights / np.sqrt(count * (count - 1))
        if noise.statistic == "median":
            normal = np.stack([noise.normal[chain][:count] for chain in by_seed])
            around = around + median_draws(values, normal)
    return over_seeds(values, noise.statistic), around


def best_of(
    choosing: Choosing, candidates: Collection[str], seeds: Collection[int], statistic: Statistic
) -> str | None:
    """Return the best candidate by its scores of some seeds; of equal ones the first."""
    scores = {
        source: summarise([by_seed[seed] for seed in seeds if seed in by_seed], statistic)
        for source, by_seed in choosing.items()
        if source in candidates and any(seed in by_seed for seed in seeds)
    }
    return max(scores, key=lambda source: scores[source]) if scores else None


@dataclass(frozen=True)
class Half:
    """One part of a task's items (or all of them): what chooses for it, and what scores the choice there."""

    choosing: Choosing
    runs: Runs


def cross_fitted(
    halves: Sequence[Half], candidates: Collection[str], baseline: str, statistic: Statistic
) -> tuple[dict[int, Cell], dict[int, Cell]]:
    """Return the scores by seed of the sources that the other seeds choose, and their differences to the baseline.

    A seed that lacks a candidate is left out. With a single seed it is the seed that chooses as well.
    """
    own: dict[int, Cell] = {}
    gains: dict[int, Cell] = {}
    scored = set.intersection(*(set(half.runs) for half in halves)) & set(candidates)
    seeds = {seed for source in scored for seed in halves[0].runs[source]}
    for seed in sorted(seeds):
        others = (seeds - {seed}) or seeds
        names = [best_of(half.choosing, scored, others, statistic) for half in halves]
        places = [half.runs[name].get(seed) for half, name in zip(halves, names, strict=True) if name]
        bases = [half.runs.get(baseline, {}).get(seed) for half in halves]
        found, base = [cell for cell in places if cell], [cell for cell in bases if cell]
        if len(found) < len(halves):
            continue
        shares = [1 / len(halves)] * len(halves)
        own[seed] = weighted(found, shares)
        if len(base) == len(halves):
            gains[seed] = weighted([own[seed], weighted(base, shares)], [1.0, -1.0])
    return own, gains


def best_intervals(
    drawn: Drawn,
    tables: Tables,
    rule: str,
    chosen: Mapping[str, str],
    selection: Mapping[str, Choosing],
    candidates: Collection[str],
    chains: Sequence[int],
    baseline: str = "none",
    expected: Expected = all_languages,
    seed: int = SEED,
    statistic: Statistic = "mean",
    halved: Mapping[tuple[str, str], tuple[TaskDraws, TaskDraws]] | None = None,
    choose: Callable[[TaskDraws], Choosing] | None = None,
    benchmark: Benchmark = XTREME,
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
        halved: the tasks and splits whose shown scores choose, on either half of their items (``draw_halves``).
        choose: what of these scores chooses, by default the mean over languages (``whole_scores``).
        benchmark: whose tasks the average is over.

    Returns:
        Rows without p values: after a choice they would mean nothing. The average is over the benchmark's tasks.
    """
    resamples = next(iter(drawn.values())).draws.shape[2] if drawn else 0
    noise = seed_noise(chains, resamples, seed, statistic)
    choose = choose or whole_scores
    rows: list[Interval] = []
    for table, splits in tables.items():
        shown: list[tuple[Runs, str]] = []
        fitted: list[tuple[dict[int, Cell], dict[int, Cell]]] = []
        examples, few, complete = 0, [], set()
        for task, split in splits.items():
            if task not in chosen or (task, split) not in drawn:
                continue
            draws = drawn[task, split]
            parts = (halved or {}).get((task, split)) or (draws,)
            choosing = [choose(part) for part in reversed(parts)] if len(parts) > 1 else [selection.get(task)]
            for number, metric in enumerate([*draws.metrics, None]):
                of_metric = slice(None) if metric is None else slice(number, number + 1)
                runs = runs_of(draws, of_metric, baseline)
                if chosen[task] not in runs:
                    break
                halves = [
                    Half(
                        {chosen[task]: dict.fromkeys(chains, 0.0)} if by is None else by,
                        runs_of(part, of_metric, baseline),
                    )
                    for by, part in zip(choosing, parts, strict=True)
                ]
                crossed = cross_fitted(
                    halves, [chosen[task]] if choosing[0] is None else candidates, baseline, statistic
                )
                if not crossed[0]:
                    break
                if metric is None and task in benchmark.tasks:
                    shown.append((runs, chosen[task]))
                    fitted.append(crossed)
                    examples += draws.examples
                    few.append(draws.units)
                    complete |= {task} if set(draws.languages) == set(expected(task, split)) else set()
                elif metric is not None:
                    value = _shown([(runs, chosen[task])], baseline, noise)
                    place = task, metric, split, table
                    rows.append(_row(rule, place, value, crossed, baseline, noise, draws.examples, draws.units))
        if shown:
            name = "avg" if complete.issuperset(benchmark.tasks) else "avg_available"
            place = name, "avg_metric", "/".join(sorted(set(splits.values()))), table
            own, gains = (_over_tasks([one[side] for one in fitted]) for side in (0, 1))
            value = _shown(shown, baseline, noise)
            rows.append(_row(rule, place, value, (own, gains), baseline, noise, examples, min(few)))
    return rows


def _over_tasks(tasks: Sequence[dict[int, Cell]]) -> dict[int, Cell]:
    """Return the mean over tasks for the seeds that all of them have."""
    shared = set.intersection(*(set(by_seed) for by_seed in tasks))
    share = [1 / len(tasks)] * len(tasks)
    return {seed: weighted([by_seed[seed] for by_seed in tasks], share) for seed in sorted(shared)}


def _shown(parts: Sequence[tuple[Runs, str]], baseline: str, noise: Noise) -> tuple[float, float | None]:
    """Return what tables show: the mean over tasks of the chosen sources' scores, and of their differences."""
    own = [deviations(runs[source], noise)[0] for runs, source in parts]
    gains = []
    for runs, source in parts:
        base = runs.get(baseline, {})
        cells = {seed: weighted([cell, base[seed]], [1.0, -1.0]) for seed, cell in runs[source].items() if seed in base}
        gains += [deviations(cells, noise)[0]] if cells else []
    return float(np.mean(own)), float(np.mean(gains)) if len(gains) == len(own) else None


def _row(
    rule: str,
    place: tuple[str, str, str, str],
    shown: tuple[float, float | None],
    crossed: tuple[dict[int, Cell], dict[int, Cell]],
    baseline: str,
    noise: Noise,
    examples: int,
    units: int,
) -> Interval:
    task, metric, split, table = place
    value, difference = shown
    bounds: list[tuple[float, float] | None] = []
    for by_seed in crossed:
        if by_seed:
            centre, around = deviations(by_seed, noise, crossed=True)
            low, high = np.quantile(around, [0.025, 0.975])
            bounds.append((centre + float(low), centre + float(high)))
        else:
            bounds.append(None)
    own, gain = bounds
    assert own is not None
    seeds = len(crossed[0])
    return Interval(
        source=rule,
        task=task,
        metric=metric,
        split=split,
        value=value,
        lower=max(own[0], 0.0),
        upper=min(own[1], 100.0),
        deviation=None,
        baseline=baseline,
        difference=difference,
        diff_lower=gain[0] if gain and difference is not None else None,
        diff_upper=gain[1] if gain and difference is not None else None,
        diff_deviation=None,
        p=None,
        p_holm=None,
        method=ITEMS_AND_SEEDS if seeds >= 3 else ITEMS_ONLY,
        seeds=seeds,
        examples=examples,
        table=table,
        units=units,
        own_seeds=seeds,
    )

"""Intervals of scores and of differences from a baseline, paired p values, Holm's correction.

Two things vary: the items that were drawn (resampled, see `resampling`) and the seeds that were run. A draw of a mean
over n seeds is its deviation when items are drawn again, plus a t(n-1) variate times the standard error over seeds.
The variance over seeds holds their interaction with the items (each seed errs on other items), which the resampled
items show too: that part, estimated from the resampling, is taken off the latter, as for two crossed random factors.
Where the median stands for several seeds, a draw deviates further by what a median differs from a mean among seeds
drawn from a normal distribution with the covariances of those that were run. Intervals are 95 % and uncorrected.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xstilts.scoring.benchmark import TASKS
from xstilts.scoring.resampling import Array, Key, TaskDraws, resample_task
from xstilts.scoring.seeds import Statistic
from xstilts.tasks import task as task_entry

RESAMPLES = 20_000
SEED = 20200527
ITEMS_AND_SEEDS = "items and seeds"
ITEMS_ONLY = "item sampling only"  # under three seeds, whose variance then cannot be estimated: no marks


@dataclass(frozen=True)
class Interval:
    """One row of intervals.csv: a cell of a table, its interval, and its difference from the baseline's cell.

    ``deviation`` and ``diff_deviation`` are standard deviations over seeds, None of a single seed.
    """

    source: str
    task: str
    metric: str
    split: str
    value: float
    lower: float
    upper: float
    deviation: float | None
    baseline: str
    difference: float | None
    diff_lower: float | None
    diff_upper: float | None
    diff_deviation: float | None
    p: float | None
    p_holm: float | None  # corrected within the table; the average is a family of its own; None: no mark is due
    method: str
    seeds: int
    examples: int
    table: str


@dataclass(frozen=True)
class _Estimate:
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
    """Return one number for the seeds of a sum of terms (seeds, terms): of each term over its seeds, then added up."""
    return float(values.sum(axis=1).mean() if statistic == "mean" else np.median(values, axis=0).sum())


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
    """How seeds become one number, and the variates by which it varies, each by the number of seeds from three on."""

    statistic: Statistic
    student: Mapping[int, Array]  # (resamples,): t variates, one degree of freedom less than seeds
    normal: Mapping[int, Array]  # (seeds, seeds, resamples); empty for means


def draw_seed_noise(most: int, resamples: int, seed: int, statistic: Statistic) -> SeedNoise:
    """Return variates for up to ``most`` seeds; the same for the same arguments."""
    generator = np.random.default_rng(seed)
    numbers = range(3, most + 1)
    student = {n: generator.standard_t(n - 1, size=resamples) for n in numbers}
    medians = numbers if statistic == "median" else ()
    return SeedNoise(statistic, student, {n: generator.standard_normal((n, n, resamples)) for n in medians})


def estimate(values: Array, draws: Array, noise: SeedNoise) -> _Estimate:
    """Return a sum of terms over seeds with its 95 % interval, and a two-sided p value of its being 0.

    Shapes: values (seeds, terms), each of which goes over the seeds by itself; draws (seeds, resamples), the deviations
    of the sum under resampled items.
    """
    seeds, totals = len(values), values.sum(axis=1)
    value = over_seeds(values, noise.statistic)
    around = item_draws(draws)
    if seeds >= 3:
        around = around + noise.student[seeds] * totals.std(ddof=1) / np.sqrt(seeds)
        if noise.statistic == "median":
            around = around + median_draws(values, noise.normal[seeds])
    low, high = np.quantile(around, [0.025, 0.975])
    reached = int((np.abs(around) >= abs(value)).sum())
    deviation = float(totals.std(ddof=1)) if seeds > 1 else None
    p = (1 + reached) / (1 + len(around))
    return _Estimate(value, value + float(low), value + float(high), deviation, p, seeds)


# A run's number as the terms that it is the sum of (a float when it is one), and the draws of the sum.
Cell = tuple[float | Array, Array]
Runs = dict[str, dict[int, Cell]]  # source -> seed -> cell
Expected = Callable[[str, str], Collection[str]]  # task, split -> the languages of a complete score
Tables = Mapping[str, Mapping[str, str]]  # table -> task -> split
Drawn = dict[tuple[str, str], TaskDraws]  # task, split


def all_languages(task: str, split: str) -> tuple[str, ...]:
    """Return XTREME's languages of a task."""
    return task_entry(task).languages


def draw_tables(
    scores: Mapping[Key, Mapping[str, Any]], tables: Tables, resamples: int = RESAMPLES, seed: int = SEED
) -> Drawn:
    """Resample every task and split of some tables; what has no scores is left out."""
    wanted = dict.fromkeys((task, split) for table in tables.values() for task, split in table.items())
    found = {place: resample_task(scores, *place, resamples, seed) for place in wanted}
    return {place: draws for place, draws in found.items() if draws is not None}


def runs_of(draws: TaskDraws, metrics: slice, baseline: str = "none") -> Runs:
    """Return the mean of some of a task's metrics by source and seed.

    The encoder as it comes was trained with no seed: in retrieval one result of the baseline stands for all.
    """
    runs: Runs = {}
    for place, (source, seed) in enumerate(draws.arms):
        mean = float(draws.values[place, metrics].mean()), draws.draws[place, metrics].mean(axis=0)
        runs.setdefault(source, {})[seed] = mean
    if task_entry(draws.task).target == "none" and len(runs.get(baseline, {})) == 1:
        chains = sorted({seed for _, seed in draws.arms})
        runs[baseline] = dict.fromkeys(chains, next(iter(runs[baseline].values())))
    return runs


def weighted(cells: Sequence[Cell], weights: Sequence[float]) -> Cell:
    """Return a weighted sum of cells of one seed, whose terms stay apart."""
    terms = [weight * np.atleast_1d(value) for (value, _), weight in zip(cells, weights, strict=True)]
    draws = np.sum([weight * draws for (_, draws), weight in zip(cells, weights, strict=True)], axis=0)
    return np.concatenate(terms), draws


def average_runs(tasks: Sequence[Runs]) -> Runs:
    """Return the mean over tasks, for the sources and seeds that every task has."""
    average: Runs = {}
    for source in tasks[0]:
        for seed in tasks[0][source]:
            parts = [runs[source][seed] for runs in tasks if seed in runs.get(source, {})]
            if len(parts) == len(tasks):
                average.setdefault(source, {})[seed] = weighted(parts, [1 / len(parts)] * len(parts))
    return average


def intervals(
    scores: Mapping[Key, Mapping[str, Any]],
    tables: Tables,
    baseline: str = "none",
    resamples: int = RESAMPLES,
    seed: int = SEED,
    controls: Sequence[str] = (),
    expected: Expected = all_languages,
    drawn: Drawn | None = None,
    statistic: Statistic = "mean",
) -> list[Interval]:
    """Return a row for each cell of each table, and for each source's average.

    Args:
        scores: contents of scores files by (source, seed, task, language).
        tables: for each table {task: split}, such as {"main": {"xnli": "dev"}, "main_test": {"xnli": "test"}}.
        baseline: the source from which differences are taken, seed by seed.
        resamples: draws of the items.
        seed: of the draws; the same rows come out for the same scores.
        controls: sources from which every other one but the baseline is taken as well, in rows of their own that are
            in no family of tests.
        expected: the languages of a complete score by task and split.
        drawn: what ``draw_tables`` gave for the same arguments, when it was called already.
        statistic: how seeds become one number; a difference is that of the two numbers, an average that of the tasks'.

    Returns:
        Rows by table, task, metric, baseline and source. A source and seed that lacks a language others have gives no
        row for that task. The average is over the tasks the table has scores for: `avg` when these are XTREME's nine in
        all expected languages, else `avg_available`.
    """
    drawn = draw_tables(scores, tables, resamples, seed) if drawn is None else drawn
    noise = draw_seed_noise(len({key[1] for key in scores}), resamples, seed, statistic)
    rows: list[Interval] = []
    against = (baseline, *controls)
    for table, splits in tables.items():
        cells, mains, examples, complete = [], [], 0, set()
        for task, split in splits.items():
            if (task, split) not in drawn:
                continue
            draws = drawn[task, split]
            parts = [slice(number, number + 1) for number in range(len(draws.metrics))]
            runs = [runs_of(draws, part, baseline) for part in [*parts, slice(None)]]
            for metric, of_metric in zip(draws.metrics, runs, strict=False):
                cells += _rows((task, metric, split, table), of_metric, against, noise, draws.examples)
            mains.append(runs[-1])
            examples += draws.examples
            complete |= {task} if set(draws.languages) == set(expected(task, split)) else set()
        if not mains:
            continue
        name = "avg" if complete.issuperset(TASKS) else "avg_available"
        over = "/".join(sorted(set(splits.values())))
        average = _rows((name, "avg_metric", over, table), average_runs(mains), against, noise, examples)
        rows += _corrected(cells, baseline) + _corrected(average, baseline)
    return rows


def _rows(
    place: tuple[str, str, str, str], runs: Runs, against: Sequence[str], noise: SeedNoise, examples: int
) -> list[Interval]:
    """Return one cell's row for each source and baseline; ``place`` is (task, metric, split, table)."""

    def estimated(cells: Sequence[Cell]) -> _Estimate:
        values = np.stack([np.atleast_1d(value) for value, _ in cells])
        return estimate(values, np.stack([draws for _, draws in cells]), noise)

    task, metric, split, table = place
    own = {source: estimated(list(by_seed.values())) for source, by_seed in runs.items()}
    pairs = [(source, against[0]) for source in runs]
    pairs += [(source, control) for control in against[1:] for source in runs if source not in against]
    rows = []
    for source, baseline in pairs:
        by_seed, base = runs[source], runs.get(baseline, {})
        shared = [seed for seed in by_seed if seed in base] if source != baseline else []
        differences = [weighted([by_seed[seed], base[seed]], [1.0, -1.0]) for seed in shared]
        gain = estimated(differences) if differences else None
        seeds = gain.seeds if gain else own[source].seeds
        rows.append(
            Interval(
                source=source,
                task=task,
                metric=metric,
                split=split,
                value=own[source].value,
                lower=max(own[source].lower, 0.0),
                upper=min(own[source].upper, 100.0),
                deviation=own[source].deviation,
                baseline=baseline,
                difference=gain.value if gain else None,
                diff_lower=gain.lower if gain else None,
                diff_upper=gain.upper if gain else None,
                diff_deviation=gain.deviation if gain else None,
                p=gain.p if gain else None,
                p_holm=None,
                method=ITEMS_AND_SEEDS if seeds >= 3 else ITEMS_ONLY,
                seeds=seeds,
                examples=examples,
                table=table,
            )
        )
    return rows


def _corrected(family: list[Interval], baseline: str) -> list[Interval]:
    """Fill in Holm's p values over the rows of a family that have three seeds and are differences to the baseline."""
    tested = [
        number
        for number, row in enumerate(family)
        if row.p is not None and row.method == ITEMS_AND_SEEDS and row.baseline == baseline
    ]
    corrected = dict(zip(tested, holm([family[number].p or 0.0 for number in tested]), strict=True))
    return [replace(row, p_holm=corrected.get(number)) for number, row in enumerate(family)]

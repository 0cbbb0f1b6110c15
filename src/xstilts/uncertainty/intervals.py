"""Intervals of scores and of differences from a baseline, paired p values, Holm's correction.

Two things vary: the items that were drawn (resampled, see `resampling`) and the seeds that were run, whose variance is
pooled over the cells of the table (see `variances`); `estimates` puts the two together. Intervals are 95 % and
uncorrected.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xstilts.tasks import task as task_entry
from xstilts.tasks.benchmark import XTREME, Benchmark
from xstilts.uncertainty.estimates import Estimate, SeedNoise, draw_seed_noise, estimate, holm
from xstilts.uncertainty.resampling import Array, Key, TaskDraws, halves, resample_task
from xstilts.uncertainty.seeds import Statistic
from xstilts.uncertainty.variances import SeedVariances, seed_variances

RESAMPLES = 20_000
SEED = 20200527
ITEMS_AND_SEEDS = "items and seeds"
ITEMS_ONLY = "item sampling only"  # under three seeds, whose variance then cannot be estimated: no marks
TOO_FEW_SEEDS = "fewer than three seeds"


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
    units: int = 0  # independent ones in the languages that have fewest; under FEW the interval says so
    own_seeds: int = 0  # of the score itself; ``seeds`` and ``method`` are the difference's, where there is one


# A run's number as the terms that it is the sum of (a float when it is one), and the draws of the sum.
Cell = tuple[float | Array, Array]
Runs = dict[str, dict[int, Cell]]  # source -> seed -> cell
Expected = Callable[[str, str], Collection[str]]  # task, split -> the languages of a complete score
Tables = Mapping[str, Mapping[str, str]]  # table -> task -> split
Drawn = dict[tuple[str, str], TaskDraws]  # task, split


def all_languages(task: str, split: str) -> tuple[str, ...]:
    """Return XTREME's languages of a task."""
    return XTREME.languages_of(task_entry(task))


def draw_tables(
    scores: Mapping[Key, Mapping[str, Any]], tables: Tables, resamples: int = RESAMPLES, seed: int = SEED
) -> Drawn:
    """Resample every task and split of some tables; what has no scores is left out."""
    wanted = dict.fromkeys((task, split) for table in tables.values() for task, split in table.items())
    found = {place: resample_task(scores, *place, resamples, seed) for place in wanted}
    return {place: draws for place, draws in found.items() if draws is not None}


def draw_halves(
    scores: Mapping[Key, Mapping[str, Any]], task: str, split: str, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[TaskDraws, TaskDraws] | None:
    """Resample a task on either half of its items; None where it cannot be halved (see ``halves``)."""
    parts = halves(scores, task, split)
    drawn = [resample_task(part, task, split, resamples, seed + 1 + place) for place, part in enumerate(parts or ())]
    first, second = drawn if len(drawn) == 2 else (None, None)
    return (first, second) if first is not None and second is not None else None


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
    for source, by_seed in tasks[0].items() if tasks else ():
        for seed in by_seed:
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
    benchmark: Benchmark = XTREME,
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
        benchmark: whose tasks the average is over.

    Returns:
        Rows by table, task, metric, baseline and source. A source and seed that lacks a language others have gives no
        row for that task. The average is over those of the benchmark's tasks that the table has scores for: `avg` when
        it has all, in all expected languages, else `avg_available`. A task of the user's own is in none.
    """
    drawn = draw_tables(scores, tables, resamples, seed) if drawn is None else drawn
    noise = draw_seed_noise(len({key[1] for key in scores}), resamples, seed, statistic)
    rows: list[Interval] = []
    against = (baseline, *controls)
    for table, splits in tables.items():
        columns: dict[tuple[str, str, str, str], tuple[Runs, int, int]] = {}
        mains, examples, few, complete = [], 0, [], set()
        for task, split in splits.items():
            if (task, split) not in drawn:
                continue
            draws = drawn[task, split]
            parts = [slice(number, number + 1) for number in range(len(draws.metrics))]
            runs = [runs_of(draws, part, baseline) for part in [*parts, slice(None)]]
            for metric, of_metric in zip(draws.metrics, runs, strict=False):
                columns[task, metric, split, table] = of_metric, draws.examples, draws.units
            if task not in benchmark.tasks:
                continue
            mains.append(runs[-1])
            examples += draws.examples
            few.append(draws.units)
            complete |= {task} if set(draws.languages) == set(expected(task, split)) else set()
        if not columns:
            continue
        name = "avg" if complete.issuperset(benchmark.tasks) else "avg_available"
        place = name, "avg_metric", "/".join(sorted(set(splits.values()))), table
        average = average_runs(mains)
        model = seed_variances({key[:2]: totals(cell[0]) for key, cell in columns.items()}, place[:2], totals(average))
        cells = [
            row
            for key, (of_metric, number, units) in columns.items()
            for row in _rows(key, of_metric, against, noise, model, number, units)
        ]
        whole = _rows(place, average, against, noise, model, examples, min(few, default=0))
        rows += _corrected(cells, baseline) + _corrected(whole, baseline)
    return rows


def totals(runs: Runs) -> dict[str, dict[int, float]]:
    """Return the numbers of runs by source and seed, without their terms and draws."""
    return {
        source: {seed: float(np.sum(value)) for seed, (value, _) in by_seed.items()} for source, by_seed in runs.items()
    }


def _rows(
    place: tuple[str, str, str, str],
    runs: Runs,
    against: Sequence[str],
    noise: SeedNoise,
    model: SeedVariances,
    examples: int,
    units: int,
) -> list[Interval]:
    """Return one cell's row for each source and baseline; ``place`` is (task, metric, split, table)."""

    def estimated(cells: Sequence[Cell], *sources: str) -> Estimate:
        values = np.stack([np.atleast_1d(value) for value, _ in cells])
        varies = len(cells) >= 3 and bool(np.ptp(values.sum(axis=1)))  # equal systems differ by nothing
        spread = model.of(place[:2], sources) if varies else None
        of_score = units if len(sources) == 1 else 0
        return estimate(values, np.stack([draws for _, draws in cells]), noise, spread, of_score)

    task, metric, split, table = place
    own = {source: estimated(list(by_seed.values()), source) for source, by_seed in runs.items()}
    pairs = [(source, against[0]) for source in runs]
    pairs += [(source, control) for control in against[1:] for source in runs if source not in against]
    rows = []
    for source, baseline in pairs:
        by_seed, base = runs[source], runs.get(baseline, {})
        shared = [seed for seed in by_seed if seed in base] if source != baseline else []
        differences = [weighted([by_seed[seed], base[seed]], [1.0, -1.0]) for seed in shared]
        gain = estimated(differences, source, baseline) if differences else None
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
                units=units,
                own_seeds=own[source].seeds,
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

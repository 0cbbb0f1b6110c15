"""Means over languages and seeds: what the numbers of every table are made of."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from xstilts.reporting.failures import COLLAPSED, NOT_LEARNED
from xstilts.tasks.benchmark import XTREME, Benchmark

if TYPE_CHECKING:
    import pandas as pd

Policy = Literal["dev", "test"]
Grid = Mapping[int, Mapping[str, float]]  # seed -> language -> value in percent
Key = tuple[str, str, str, str]  # source, task, split, metric


@dataclass(frozen=True)
class Scores:
    """One model's rows of ``scores.csv``, indexed."""

    grids: Mapping[Key, dict[int, dict[str, float]]]
    failed: Mapping[tuple[str, str, int], str]  # source, task, seed -> status of what was not trained well
    reasons: Mapping[tuple[str, str, str], dict[str, str]]  # source, task, split -> language -> why it is missing
    seeds: tuple[int, ...]

    def grid(self, source: str, task: str, split: str, metric: str) -> Grid:
        """Return the values of one cell of the table; an empty grid where there are none."""
        return self.grids.get((source, task, split, metric), {})

    def splits_with_values(self, task: str) -> set[str]:
        """Return the splits in which any source has a value of ``task``."""
        return {split for _, name, split, _ in self.grids if name == task}

    def languages(self, task: str, split: str) -> set[str]:
        """Return the languages in which any source has a value of ``task`` on ``split``."""
        grids = [grid for (_, name, place, _), grid in self.grids.items() if (name, place) == (task, split)]
        return {language for grid in grids for values in grid.values() for language in values}


@dataclass(frozen=True)
class Pairing:
    """The seeds and languages over which two arms are compared."""

    seeds: tuple[int, ...]
    base_seeds: tuple[int, ...]
    languages: tuple[str, ...]


def index_scores(scores: "pd.DataFrame", model: str) -> Scores:
    """Index the rows of one model; a row that is missing contributes its reason only."""
    grids: dict[Key, dict[int, dict[str, float]]] = {}
    failed = {}
    reasons: dict[tuple[str, str, str], dict[str, str]] = {}
    rows = scores[scores["model"] == model].to_dict("records")
    for row in rows:
        source, task, split, seed = row["source"], row["task"], row["split"], int(row["seed"])
        if row["status"] == "missing":
            reasons.setdefault((source, task, split), {}).setdefault(row["language"], row["reason"])
            continue
        cell = grids.setdefault((source, task, split, row["metric"]), {})
        cell.setdefault(seed, {})[row["language"]] = float(row["value"])
        if row["status"] in (COLLAPSED, NOT_LEARNED):
            failed[source, task, seed] = row["status"]
    return Scores(grids, failed, reasons, tuple(sorted({int(row["seed"]) for row in rows})))


def restrict(grid: Grid, languages: Iterable[str]) -> Grid:
    """Return the grid with only the given languages."""
    keep = set(languages)
    return {
        seed: {name: value for name, value in values.items() if name in keep}
        for seed, values in grid.items()
        if keep & set(values)
    }


def _largest(sets: Mapping[int, frozenset[str]]) -> tuple[frozenset[str], tuple[int, ...]]:
    """Return the largest language set (of equals the commonest, then the lowest seed's) and the seeds that cover it."""
    often = Counter(sets.values())
    best = min(sets, key=lambda seed: (-len(sets[seed]), -often[sets[seed]], seed))
    return sets[best], tuple(sorted(seed for seed, names in sets.items() if names >= sets[best]))


def pair(grid: Grid, base: Grid) -> Pairing | None:
    """Return the seeds and languages that both arms have, None where they share none.

    A half-finished run has some seeds with few languages: the largest shared set of languages counts, over the seeds
    that cover it. Arms without a common seed are compared unpaired, each over its own seeds.
    """
    common = sorted(set(grid) & set(base))
    if common:
        languages, seeds = _largest({seed: frozenset(grid[seed]) & frozenset(base[seed]) for seed in common})
        return Pairing(seeds, seeds, tuple(sorted(languages))) if languages else None
    if not grid or not base:
        return None
    ours, _ = _largest({seed: frozenset(values) for seed, values in grid.items()})
    theirs, _ = _largest({seed: frozenset(values) for seed, values in base.items()})
    languages = ours & theirs
    if not languages:
        return None
    covering = [tuple(sorted(seed for seed in arm if languages <= set(arm[seed]))) for arm in (grid, base)]
    return Pairing(covering[0], covering[1], tuple(sorted(languages)))


def seed_means(grids: Sequence[Grid], seeds: Iterable[int], languages: Sequence[str]) -> tuple[float, ...]:
    """Return for each seed the mean over languages, then over metrics (the task score of QA is that of F1 and EM)."""
    return tuple(fmean(fmean(grid[seed][name] for name in languages) for grid in grids) for seed in seeds)


def metric_column(task: str, metrics: Sequence[str], metric: str) -> str:
    """Return the table column of a metric: the task's name, or with ``_f1`` or ``_em`` where a task has several."""
    return task if len(metrics) == 1 else f"{task}_{'em' if metric == 'exact_match' else metric}"


def choose_split(task: str, entry: Mapping[str, Any], policy: Policy, scores: Scores) -> str:
    """Return the split that a table of ``policy`` shows for a task.

    ``dev`` shows dev where the task has one, else its only split; ``test`` the benchmark's test split. Where a run has
    values on another split alone (TyDiQA's training files, where the labels of dev cannot be had), that one is shown.
    """
    splits: list[str] = entry["splits"]
    wanted = policy if policy in splits else splits[-1]
    found = scores.splits_with_values(task)
    outside = sorted(found - set(splits))
    return outside[0] if outside and wanted not in found else wanted


def expected_languages(entry: Mapping[str, Any], split: str) -> tuple[str, ...]:
    """Return the languages that a full average of this split covers."""
    absent = (entry.get("absent") or {}).get(split, ())
    return tuple(name for name in entry["languages"] if name not in absent)


def task_entries(
    languages: Mapping[str, Sequence[str]] | None = None, benchmark: Benchmark = XTREME, beside: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """Return a benchmark's tasks as the entries that tables are built from, in the order of the columns.

    Args:
        languages: task to the languages of a complete score where these are not the benchmark's, that is in a run on
            generated languages (without those that the encoder never saw); a task that is not in it keeps its own.
        benchmark: whose tasks, order, languages and gaps count.
        beside: further tasks of the registry, which stand behind its own.
    """
    given = languages or {}
    return {
        name: {
            "family": task.family,
            "dataset": task.dataset,
            "target": task.target,
            "metrics": list(task.metrics),
            "scoring": list(task.scoring),
            "splits": list(task.splits),
            "languages": list(given.get(name, benchmark.languages_of(task))),
            "absent": benchmark.unlabelled.get(name, {}),
        }
        for name, task in benchmark.entries.items()
        if name in benchmark.tasks or name in beside
    }

"""The rows of the main table: scores and differences over the languages and seeds that both arms have."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from xstilts.reporting.aggregate import (
    Grid,
    Scores,
    expected_languages,
    metric_column,
    pair,
    restrict,
    seed_means,
)
from xstilts.reporting.failures import COLLAPSED, NOT_LEARNED
from xstilts.reporting.main.best import Choice
from xstilts.tasks.benchmark import XTREME, Benchmark
from xstilts.uncertainty.seeds import Statistic, summarise

Tasks = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Cells:
    """The cells of ``scores.csv`` behind a number: means over languages, metrics and seeds; less those of ``minus``."""

    source: str
    minus: str | None
    task: str
    split: str
    metrics: Sequence[str]
    languages: Sequence[str]
    seeds: Sequence[int]
    base_seeds: Sequence[int]  # of ``minus``


@dataclass(frozen=True)
class Score:
    """A number of the table and what stands behind it; ``value`` is a difference unless ``relative`` is false."""

    value: float | None = None
    absolute: float | None = None
    relative: bool = False
    split: str = ""
    by_seed: tuple[float, ...] = ()
    seeds: tuple[int, ...] = ()
    languages: tuple[str, ...] = ()
    complete: bool = False
    collapsed: int = 0  # seeds whose training failed, this way
    unlearned: int = 0  # or that
    base_failed: int = 0  # seeds of the row that is taken off whose training failed
    reason: str = ""
    cells: Cells | None = None

    @property
    def failed(self) -> int:
        """How many seeds rest on a training that failed."""
        return self.collapsed + self.unlearned

    @property
    def unsound(self) -> bool:
        """Whether a training behind the printed value failed: its own, or that of the row which is taken off."""
        return bool(self.failed or self.base_failed)


@dataclass(frozen=True)
class Row:
    """One source: printed columns, task scores (QA: mean of F1 and EM), and the averages over them."""

    source: str
    columns: Mapping[str, Score]
    tasks: Mapping[str, Score]
    average: Score
    available: Score
    other: Score  # over the languages beside the headline
    over: tuple[str, ...]  # the tasks of ``available``
    others: Mapping[str, Score]  # the task scores of ``other``


def _why_missing(scores: Scores, source: str, task: str, split: str) -> str:
    reasons = scores.reasons.get((source, task, split), {})
    if not reasons:  # of another split: a row without data has none of the files that others are scored on instead
        reasons = {
            language: reason
            for (of, about, _), said in scores.reasons.items()
            if (of, about) == (source, task)
            for language, reason in said.items()
        }
    return "; ".join(dict.fromkeys(reasons.values())) or "not part of this run"


def _score(
    scores: Scores,
    source: str,
    baseline: str | None,
    task: str,
    split: str,
    metrics: Sequence[str],
    expected: Sequence[str],
    shown: Sequence[str],
    statistic: Statistic,
) -> Score:
    """Return the score of ``source`` on the mean of ``metrics``, as a difference when there is a baseline.

    ``shown`` are the languages that count here, ``expected`` those of a complete score.
    """
    ours: list[Grid] = [restrict(scores.grid(source, task, split, metric), shown) for metric in metrics]
    if not ours[0]:
        return Score(split=split, reason=_why_missing(scores, source, task, split))
    base = ours
    if baseline is not None:
        base = [restrict(scores.grid(baseline, task, split, metric), shown) for metric in metrics]
    shared = pair(ours[0], base[0])
    if shared is None:
        alone = pair(ours[0], ours[0])
        assert alone is not None
        absolute = summarise(seed_means(ours, alone.seeds, alone.languages), statistic)
        reason = f"no score of {baseline} on the same languages to compare with (its own score is {absolute:.1f})"
        return Score(absolute=absolute, split=split, reason=reason)
    arm = seed_means(ours, shared.seeds, shared.languages)
    absolute = summarise(arm, statistic)
    states = [scores.failed.get((source, task, seed)) for seed in shared.seeds]
    value, by_seed, base_failed = absolute, arm, 0
    if baseline is not None:
        other = seed_means(base, shared.base_seeds, shared.languages)
        value = absolute - summarise(other, statistic)
        base_failed = sum((baseline, task, seed) in scores.failed for seed in shared.base_seeds)
        paired = shared.seeds == shared.base_seeds
        by_seed = tuple(mine - theirs for mine, theirs in zip(arm, other, strict=True)) if paired else ()
    complete = set(expected) <= set(shared.languages)
    return Score(
        value,
        absolute,
        baseline is not None,
        split,
        by_seed,
        shared.seeds,
        shared.languages,
        complete,
        states.count(COLLAPSED),
        states.count(NOT_LEARNED),
        base_failed,
        cells=Cells(source, baseline, task, split, metrics, shared.languages, shared.seeds, shared.base_seeds),
    )


def _average(task_scores: Mapping[str, Score], names: Collection[str]) -> Score:
    """Return the mean of the task scores of ``names``; over seeds too, where all of them have the same ones."""
    parts = [task_scores[name] for name in names]
    same = len({part.seeds for part in parts}) == 1 and all(part.by_seed for part in parts)
    return Score(
        value=fmean(part.value for part in parts if part.value is not None),
        absolute=fmean(part.absolute for part in parts if part.absolute is not None),
        relative=parts[0].relative,
        by_seed=tuple(fmean(values) for values in zip(*(part.by_seed for part in parts), strict=True)) if same else (),
        seeds=parts[0].seeds if same else (),
        complete=all(part.complete for part in parts),
        collapsed=sum(part.collapsed for part in parts),
        unlearned=sum(part.unlearned for part in parts),
        base_failed=sum(part.base_failed for part in parts),
    )


def source_row(
    scores: Scores,
    source: str,
    baseline: str | None,
    tasks: Tasks,
    splits: Mapping[str, str],
    headline: Collection[str] | None,
    how: Statistic,
    benchmark: Benchmark = XTREME,
) -> Row:
    """Return the row of one source, as differences when there is a baseline."""
    columns: dict[str, Score] = {}
    task_scores: dict[str, Score] = {}
    others: dict[str, Score] = {}
    for task, entry in tasks.items():
        split, metrics = splits[task], entry["metrics"]
        expected = expected_languages(entry, split)
        shown = [name for name in expected if headline is None or name in headline]
        for metric in metrics:
            name = metric_column(task, metrics, metric)
            columns[name] = _score(scores, source, baseline, task, split, [metric], expected, shown, how)
        task_scores[task] = _score(scores, source, baseline, task, split, metrics, expected, shown, how)
        if headline is not None:
            beside = sorted(scores.languages(task, split) - set(headline))
            others[task] = _score(scores, source, baseline, task, split, metrics, beside, beside, how)
    return _with_averages(source, columns, task_scores, others, benchmark)


def _with_averages(
    source: str,
    columns: Mapping[str, Score],
    task_scores: Mapping[str, Score],
    others: Mapping[str, Score],
    benchmark: Benchmark,
) -> Row:
    over = tuple(task for task in benchmark.tasks if task in task_scores and task_scores[task].value is not None)
    available = _average(task_scores, over) if over else Score(reason="no task has a score")
    whole = len(over) == len(benchmark.tasks) and available.complete
    lacking = f"not all {benchmark.count} tasks in all their languages: see avg_available"
    average = available if whole else Score(reason=lacking)
    scored = [task for task in benchmark.tasks if task in others and others[task].value is not None]
    other = _average(others, scored) if scored else Score(reason="no other language has a score")
    return Row(source, columns, task_scores, average, available, other, over, others)


def best_row(
    rule: str,
    choices: Mapping[str, Choice],
    rows: Collection[Row],
    owner: Mapping[str, str],
    benchmark: Benchmark = XTREME,
) -> Row:
    """Return the row that takes each task's numbers from the row of the source that was chosen for it.

    Args:
        rule: its name.
        choices: by task.
        rows: the rows of the sources.
        owner: column to the task that it belongs to.
        benchmark: whose tasks the average is over.
    """
    by_name = {row.source: row for row in rows}
    columns: dict[str, Score] = {}
    task_scores: dict[str, Score] = {}
    others: dict[str, Score] = {}
    for task, score in next(iter(rows)).tasks.items():
        names = [column for column in owner if owner[column] == task]
        choice = choices[task]
        if choice.source is None:
            task_scores[task] = Score(split=score.split, reason=choice.reason)
            columns |= dict.fromkeys(names, task_scores[task])
            continue
        row = by_name[choice.source]
        task_scores[task] = row.tasks[task]
        columns |= {column: row.columns[column] for column in names}
        others |= {task: row.others[task]} if task in row.others else {}
    return _with_averages(rule, columns, task_scores, others, benchmark)

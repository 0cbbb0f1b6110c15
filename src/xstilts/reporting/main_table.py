"""The paper's main table: a row a source, the first absolute, the others as differences to it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

from xstilts.reporting.aggregate import (
    OFFICIAL_TASKS,
    Grid,
    Policy,
    Scores,
    Statistic,
    choose_split,
    expected_languages,
    index_scores,
    metric_column,
    pair,
    restrict,
    seed_means,
    summarise,
)
from xstilts.reporting.notes import table_notes

if TYPE_CHECKING:
    import pandas as pd

Tasks = Mapping[str, Mapping[str, Any]]


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
    collapsed: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Row:
    """One source: printed columns, task scores (QA: mean of F1 and EM), and the two averages."""

    source: str
    columns: Mapping[str, Score]
    tasks: Mapping[str, Score]
    average: Score
    available: Score
    other: Score  # over the languages beside the headline
    over: tuple[str, ...]  # the tasks of ``available``


@dataclass(frozen=True)
class MainTable:
    """A main table before it is written: one model, one policy of splits."""

    model: str
    policy: Policy
    statistic: Statistic
    baseline: str | None  # the row that is absolute; None where all rows are
    seeds: tuple[int, ...]
    columns: tuple[str, ...]
    column_tasks: Mapping[str, str]
    rows: tuple[Row, ...]
    splits: Mapping[str, str]
    marks: Mapping[tuple[str, str], tuple[str, ...]]  # source, column ("" for a whole row or column) -> footnotes
    significant: frozenset[tuple[str, str]]
    notes: tuple[str, ...]
    blocks: Mapping[str, str] = field(default_factory=dict)  # source -> heading of the rows that it stands among

    def row(self, source: str) -> Row:
        """Return the row of a source."""
        return next(row for row in self.rows if row.source == source)


def _why_missing(scores: Scores, source: str, task: str, split: str) -> str:
    reasons = scores.reasons.get((source, task, split), {})
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
    collapsed = sum((source, task, seed) in scores.collapsed for seed in shared.seeds)
    value, by_seed = absolute, arm
    if baseline is not None:
        other = seed_means(base, shared.base_seeds, shared.languages)
        value = absolute - summarise(other, statistic)
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
        collapsed,
    )


def _average(task_scores: Mapping[str, Score], names: Collection[str], relative: bool) -> Score:
    """Return the mean of the task scores of ``names``; over seeds too, where all of them have the same ones."""
    parts = [task_scores[name] for name in names]
    same = len({part.seeds for part in parts}) == 1 and all(part.by_seed for part in parts)
    return Score(
        value=fmean(part.value for part in parts if part.value is not None),
        absolute=fmean(part.absolute for part in parts if part.absolute is not None),
        relative=relative,
        by_seed=tuple(fmean(values) for values in zip(*(part.by_seed for part in parts), strict=True)) if same else (),
        seeds=parts[0].seeds if same else (),
        complete=all(part.complete for part in parts),
        collapsed=sum(part.collapsed for part in parts),
    )


def _row(
    scores: Scores,
    source: str,
    baseline: str | None,
    tasks: Tasks,
    splits: Mapping[str, str],
    headline: Collection[str] | None,
    how: Statistic,
) -> Row:
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
    over = tuple(task for task in OFFICIAL_TASKS if task in task_scores and task_scores[task].value is not None)
    available = _average(task_scores, over, baseline is not None) if over else Score(reason="no task has a score")
    whole = len(over) == len(OFFICIAL_TASKS) and available.complete
    average = available if whole else Score(reason="not all nine tasks in all their languages: see avg_available")
    scored = [task for task, score in others.items() if score.value is not None]
    other = _average(others, scored, baseline is not None) if scored else Score(reason="no other language has a score")
    return Row(source, columns, task_scores, average, available, other, over)


def place_marks(
    marks: Mapping[tuple[str, str], str], column_tasks: Mapping[str, str]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Put footnotes where they are printed: keys are (source, task or column), ``*`` stands for any.

    A footnote on a whole row stands at the name of its source, (source, ""), one on a whole task at the titles of its
    columns, ("", column).
    """
    placed: dict[tuple[str, str], tuple[str, ...]] = {}
    for (source, task), text in marks.items():
        columns = [""] if task == "*" else [name for name, owner in column_tasks.items() if task in (owner, name)]
        for column in columns:
            key = ("" if source == "*" else source, column)
            placed[key] = (*placed.get(key, ()), text)
    return placed


def build_main_table(
    scores: "pd.DataFrame",
    sources: Sequence[str],
    tasks: Tasks,
    split_policy: Policy = "dev",
    seeds_statistic: Statistic = "mean",
    marks: Mapping[tuple[str, str], str] | None = None,
    significant: Collection[tuple[str, str]] = (),
    remarks: Sequence[str] = (),
    headline: Collection[str] | None = None,
    model: str | None = None,
    baseline: str = "none",
    blocks: Mapping[str, str] | None = None,
) -> MainTable:
    """Build the main table of one model.

    A task score is the mean over languages, English included, of its metric (QA: of F1 and EM); ``avg`` is the mean of
    the nine task scores and exists only over all nine tasks and all expected languages, as XTREME's ``evaluate.py`` and
    the paper compute it. A difference is taken over the languages and seeds that both arms have.

    Args:
        scores: the rows of ``scores.csv``.
        sources: the rows of the table in order; all are absolute where ``baseline`` is not among them.
        tasks: registry entries (``metrics``, ``splits``, ``languages`` and ``absent``) in the order of the columns; in
            a run on generated languages their ``languages`` are the generated ones.
        split_policy: ``dev`` (dev where a task has it, else its only split) or ``test`` (the benchmark's test split).
        seeds_statistic: how seeds become one number.
        marks: (source, task or column) to a footnote, ``*`` for any: contamination and the allowed exceptions.
        significant: (source, column) of the differences to be marked; ignored under three seeds.
        remarks: further sentences below the table, such as what ``multi`` was trained on.
        headline: the languages that count, where the encoder hardly or never saw the others; these get the column
            ``avg_other``, the mean of their task scores.
        model: which model; may be left out when there is one.
        baseline: the source that the others are compared with.
        blocks: source to the heading of its block of rows, "" for none.
    """
    names = sorted(scores["model"].unique())
    if model is None and len(names) > 1:
        raise ValueError(f"several models ({', '.join(names)}): say which")
    chosen = model or (names[0] if names else "")
    indexed = index_scores(scores, chosen)
    splits = {task: choose_split(task, entry, split_policy, indexed) for task, entry in tasks.items()}
    relative_to = baseline if baseline in sources else None
    rows = tuple(
        _row(indexed, source, None if source == baseline else relative_to, tasks, splits, headline, seeds_statistic)
        for source in sources
    )
    column_tasks = {
        metric_column(task, entry["metrics"], metric): task
        for task, entry in tasks.items()
        for metric in entry["metrics"]
    }
    whole = all(row.average.value is not None for row in rows)
    columns = (*column_tasks, "avg") if whole else (*column_tasks, "avg", "avg_available")
    if any(row.other.value is not None for row in rows):
        columns = (*columns, "avg_other")
    footnotes = place_marks(marks or {}, {**column_tasks, "avg": "avg", "avg_available": "avg", "avg_other": "avg"})
    notes = table_notes(rows, tasks, splits, indexed, split_policy, seeds_statistic, relative_to, headline, remarks)
    return MainTable(
        model=chosen,
        policy=split_policy,
        statistic=seeds_statistic,
        baseline=relative_to,
        seeds=indexed.seeds,
        columns=columns,
        column_tasks=column_tasks,
        rows=rows,
        splits=splits,
        marks=footnotes,
        significant=frozenset(significant) if len(indexed.seeds) >= 3 else frozenset(),
        notes=notes,
        blocks=blocks or {},
    )

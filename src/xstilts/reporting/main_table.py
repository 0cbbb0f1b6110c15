"""The paper's main table: a row a source, the first absolute, the others as differences to it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xstilts.reporting.aggregate import Policy, choose_split, index_scores, metric_column
from xstilts.reporting.best import Choices
from xstilts.reporting.notes import table_notes
from xstilts.reporting.rows import Row, Tasks, best_row, source_row
from xstilts.scoring.seeds import Statistic

if TYPE_CHECKING:
    import pandas as pd


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
    best: Choices | None = None,
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
        best: further rows below the sources: rule to the source that was chosen for each task.
    """
    names = sorted(scores["model"].unique())
    if model is None and len(names) > 1:
        raise ValueError(f"several models ({', '.join(names)}): say which")
    chosen = model or (names[0] if names else "")
    indexed = index_scores(scores, chosen)
    splits = {task: choose_split(task, entry, split_policy, indexed) for task, entry in tasks.items()}
    relative_to = baseline if baseline in sources else None
    rows = tuple(
        source_row(
            indexed, source, None if source == baseline else relative_to, tasks, splits, headline, seeds_statistic
        )
        for source in sources
    )
    column_tasks = {
        metric_column(task, entry["metrics"], metric): task
        for task, entry in tasks.items()
        for metric in entry["metrics"]
    }
    rows += tuple(best_row(rule, choices, rows, column_tasks) for rule, choices in (best or {}).items())
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

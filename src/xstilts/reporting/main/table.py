"""The paper's main table: a row a source, the first absolute, the others as differences to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from xstilts.reporting.aggregate import Policy, choose_split, metric_column
from xstilts.reporting.main.best import Choices, best_marks, best_remarks
from xstilts.reporting.main.marks import selection_remarks
from xstilts.reporting.main.notes import table_notes
from xstilts.reporting.main.results import Results
from xstilts.reporting.main.rows import Row, best_row, source_row
from xstilts.tasks.benchmark import XTREME, Benchmark
from xstilts.uncertainty.seeds import Statistic

BASELINE = "none"


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
    choices: Choices = field(default_factory=dict)  # of the rows of best sources
    benchmark: Benchmark = XTREME

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


def build_main_table(results: Results, policy: Policy = "dev") -> MainTable:
    """Build the main table of one model.

    A task score is the mean over languages, English included, of its metric (QA: of F1 and EM); ``avg`` is the mean of
    the benchmark's task scores and exists only over all its tasks and all expected languages, as XTREME's
    ``evaluate.py`` and the paper compute it. A difference is taken over the languages and seeds that both arms have.

    Args:
        results: of the model.
        policy: ``dev`` (dev where a task has it, else its only split) or ``test`` (the benchmark's test split).
    """
    scores, tasks, how, headline = results.scores, results.tasks, results.statistic, results.headline
    splits = {task: choose_split(task, entry, policy, scores) for task, entry in tasks.items()}
    baseline = BASELINE if BASELINE in results.sources else None
    rows = tuple(
        source_row(
            scores, source, None if source == baseline else baseline, tasks, splits, headline, how, results.benchmark
        )
        for source in results.sources
    )
    column_tasks = {
        metric_column(task, entry["metrics"], metric): task
        for task, entry in tasks.items()
        for metric in entry["metrics"]
    }
    rows += tuple(
        best_row(rule, choices, rows, column_tasks, results.benchmark) for rule, choices in results.choices.items()
    )
    whole = all(row.average.value is not None for row in rows)
    columns = (*column_tasks, "avg") if whole else (*column_tasks, "avg", "avg_available")
    if any(row.other.value is not None for row in rows):
        columns = (*columns, "avg_other")
    marks = {**results.marks, **best_marks(results.choices, policy)}
    chosen = [words for (task, split), words in results.chosen_on.items() if splits.get(task) == split]
    remarks = [*results.remarks, *best_remarks(results.choices), *selection_remarks(chosen)]
    few = len(scores.seeds) < 3
    return MainTable(
        model=results.model,
        policy=policy,
        statistic=how,
        baseline=baseline,
        seeds=scores.seeds,
        columns=columns,
        column_tasks=column_tasks,
        rows=rows,
        splits=splits,
        marks=place_marks(marks, {**column_tasks, "avg": "avg", "avg_available": "avg", "avg_other": "avg"}),
        significant=frozenset() if few else results.significant("main" if policy == "dev" else "main_test"),
        notes=table_notes(rows, tasks, splits, scores, policy, how, baseline, headline, remarks, results.benchmark),
        blocks={**results.blocks, **dict.fromkeys(results.choices, "Best source for each task")},
        choices=results.choices,
        benchmark=results.benchmark,
    )

"""From a place in a table to the scores behind it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from xstilts.errors import DataError, UserError
from xstilts.planning.tables import ScoreRow, find_row, read_table, score_rows
from xstilts.reporting.aggregate import metric_column
from xstilts.reporting.best import Choice
from xstilts.reporting.main_table import MainTable, build_main_table
from xstilts.reporting.render import main_stem
from xstilts.reporting.rows import Score
from xstilts.reporting.rules.choices import best_choices
from xstilts.reporting.run import POLICIES, RunFolder
from xstilts.reporting.scores import COLUMNS

KNOWN = "main main_test scores languages languages/*"
OTHERS = ("intermediate.csv", "intervals.csv", "comparison.csv", "seeds.csv", "overlaps.csv")
MEANS = ("mean", "mean_without_english", "gap", "english", "headline", "other")


@dataclass(frozen=True)
class Number:
    """A number of a table: how it is made, and the scores that it is made of."""

    value: float | None
    words: tuple[str, ...]
    cells: tuple[ScoreRow, ...]


def find_number(run: RunFolder, table: Path, row: str, column: str) -> Number:
    """Return a number of a table by its row and column.

    Args:
        run: of the table.
        table: ``main.csv``, ``main_test.csv``, ``scores.csv``, ``languages.csv`` or one of ``languages/``.
        row: the first field of the row; of ``scores.csv`` and ``languages.csv``, which have several rows of a source,
            fields that single one out, with commas.
        column: the column's name.

    Raises:
        UserError: a table, row or column that is not known; the message lists the known ones.
    """
    header, rows = read_table(table)
    if header[:1] not in (["source"], ["model"], ["language"]) or table.name in OTHERS:
        raise UserError(f"{table}: not a table that can be followed back; known: {KNOWN}")
    fields = find_row(table, header, rows, row)
    if column not in header:
        raise UserError(f"{table}: unknown column {column!r}; known: {' '.join(header)}")
    number = _made_of(run, table, fields, column)
    printed = float(fields[column]) if _is_number(fields[column]) else None
    if printed is None and number.value is None:
        return number
    if printed is None or number.value is None or abs(printed - number.value) > 1e-5:
        raise DataError(
            table, f"{fields[column] or 'nothing'} at {row}, {column}", f"{_word(number.value)}, by its scores"
        )
    return number


def _made_of(run: RunFolder, table: Path, fields: dict[str, str], column: str) -> Number:
    cells = score_rows(run)
    if table.name == "scores.csv":
        return _score(cells, fields, column)
    models = run.settings["models"]
    for model in models:
        own = [cell for cell in cells if cell.model == model]
        for stem in POLICIES:
            if table.stem == main_stem(stem, model, models):
                return _main(run, own, model, stem, fields["source"], column)
        stem = main_stem("languages", model, models)
        if table.stem == stem and "column" in fields:
            task, metric = _metric(run, fields["column"])
            return _languages(run, own, task, metric, fields["split"], fields["source"], column)
        if table.parent.name == stem:
            task, metric = _metric(run, table.stem)
            return _by_language(run, own, task, metric, fields["language"], column)
    raise UserError(f"{table}: not a table that can be followed back; known: {KNOWN}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _score(cells: Iterable[ScoreRow], fields: dict[str, str], column: str) -> Number:
    if column != "value":
        raise UserError(f"scores.csv: column {column!r} has no scores behind it; known: value (of {' '.join(COLUMNS)})")
    names = ("model", "source", "target", "seed", "task", "language", "split", "metric")
    key = tuple(fields[name] for name in names)
    cell = next(cell for cell in cells if tuple(str(getattr(cell, name)) for name in names) == key)
    return Number(cell.value, (cell.reason,) if cell.value is None else (), (cell,))


def _metric(run: RunFolder, name: str) -> tuple[str, str]:
    for task, entry in run.tasks.items():
        for metric in entry["metrics"]:
            if name in (metric_column(task, entry["metrics"], metric), f"{task}_{metric}"):
                return task, metric
    raise UserError(f"{name}: no task of this run; known: {' '.join(run.tasks)}")


def _main(run: RunFolder, cells: Sequence[ScoreRow], model: str, stem: str, source: str, column: str) -> Number:
    """Follow a number of a main table, whose scores are summed up anew (its marks and notes are not)."""
    best = best_choices(run, model) if run.settings.get("candidates") else {}
    table = build_main_table(
        run.scores(),
        run.settings["sources"],
        run.tasks,
        split_policy=POLICIES[stem],
        seeds_statistic=run.settings["statistic"],
        headline=run.settings["headline"] or None,
        model=model,
        best=best,
    )
    row, chosen = table.row(source), best.get(source, {})
    owner = table.column_tasks
    if column == "source":
        raise UserError(f"column 'source' is a name; known: {' '.join(table.columns)}")
    if column in owner:
        arm, words = _arm(source, owner[column], chosen)
        number = _difference(table, cells, row.columns[column], arm, owner[column], {column})
        return Number(number.value, (*words, *number.words), number.cells)
    average = {"avg": row.average, "avg_available": row.available, "avg_other": row.other}[column]
    if average.value is None:
        return Number(None, (average.reason,), ())
    scores = {
        task: one for task, one in (row.others if column == "avg_other" else row.tasks).items() if one.value is not None
    }
    lines = [
        f"the mean of {len(scores)} task scores; a question answering task counts as the mean of F1 and exact match"
    ]
    behind: list[ScoreRow] = []
    for task, score in scores.items():
        parts = {name for name in owner if owner[name] == task}
        arm, words = _arm(source, task, chosen)
        lines.append(f"  {task:<10} {_word(score.value)}  ({' and '.join(sorted(parts))}, {score.split})")
        lines += [f"             {word}" for word in words]
        behind += _behind(table, cells, score, arm, task, parts)
    return Number(average.value, tuple(lines), tuple(dict.fromkeys(behind)))


def _arm(source: str, task: str, chosen: Mapping[str, Choice]) -> tuple[str, list[str]]:
    """Return the source that a row shows for a task: for the best one the row names a rule, not a source."""
    if task not in chosen or chosen[task].source is None:
        return source, []
    return str(chosen[task].source), [f"{source} takes {chosen[task].source} for {task}, chosen on {chosen[task].on}"]


def _difference(
    table: MainTable, cells: Sequence[ScoreRow], score: Score, source: str, task: str, columns: set[str]
) -> Number:
    if score.value is None:
        return Number(None, (score.reason,), ())
    behind = _behind(table, cells, score, source, task, columns)
    over = f"{table.statistic} over seeds {' '.join(map(str, score.seeds))}"
    mean = f"of the mean over {len(score.languages)} languages ({' '.join(score.languages)})"
    words = [f"{_word(score.absolute)} {source}: {over} {mean}, split {score.split}"]
    if score.relative:
        assert score.absolute is not None
        words.append(f"{_word(score.absolute - score.value)} {table.baseline}: over the same")
        words.append(f"{_word(score.value)} the difference, which the table shows")
    return Number(score.value, tuple(words), tuple(behind))


def _behind(
    table: MainTable, cells: Sequence[ScoreRow], score: Score, source: str, task: str, columns: set[str]
) -> list[ScoreRow]:
    """Return the cells that some columns' score is computed from, the baseline's last."""
    arms = [source, *([table.baseline] if score.relative and table.baseline else [])]
    return [
        cell
        for arm in arms
        for cell in cells
        if (cell.source, cell.task, cell.split) == (arm, task, score.split)
        and cell.language in score.languages
        and (cell.seed in score.seeds or arm != source)
        and cell.value is not None
        and columns & {task, f"{task}_{'em' if cell.metric == 'exact_match' else cell.metric}"}
    ]


def _languages(
    run: RunFolder, cells: Sequence[ScoreRow], task: str, metric: str, split: str, source: str, column: str
) -> Number:
    """Follow an average over languages of one source."""
    own = [
        c
        for c in cells
        if (c.source, c.task, c.split, c.metric) == (source, task, split, metric) and c.value is not None
    ]
    if column not in MEANS:
        raise UserError(f"column {column!r} is no score; known: {' '.join(MEANS)}")
    statistic = run.settings["statistic"]
    values = {language: _over_seeds([c for c in own if c.language == language], statistic) for language in _spoken(own)}
    headline = run.settings["headline"]
    chosen = {
        "mean": list(values),
        "english": [code for code in values if code == "en"],
        "headline": [code for code in values if code != "en" and code in headline],
        "other": [code for code in values if code != "en" and code not in headline],
    }.get(column, [code for code in values if code != "en"])
    if not chosen:
        return Number(None, ("no score",), ())
    value = fmean(values[code] for code in chosen)
    words = [f"{_word(value)} the mean over {' '.join(chosen)} of the {statistic} over seeds"]
    if column == "gap":
        words.append(f"{_word(values['en'])} English, minus that mean: the gap")
        value, chosen = values["en"] - value, list(values)
    return Number(value, tuple(words), tuple(cell for cell in own if cell.language in chosen))


def _by_language(
    run: RunFolder, cells: Sequence[ScoreRow], task: str, metric: str, language: str, source: str
) -> Number:
    """Follow a cell of a task's table by language; its split is the one that the table shows."""
    from xstilts.reporting.language_tables import language_values

    model = cells[0].model
    entry = run.tasks[task]
    sources, statistic = run.settings["sources"], run.settings["statistic"]
    _, _, split = language_values(run.scores(), model, task, entry, metric, sources, "dev", statistic)
    if language in MEANS:
        return _languages(run, cells, task, metric, split, source, language)
    own = [
        cell
        for cell in cells
        if (cell.source, cell.task, cell.split, cell.metric, cell.language) == (source, task, split, metric, language)
        and cell.value is not None
    ]
    if not own:
        return Number(None, ("no score",), ())
    words = f"the {statistic} over seeds {' '.join(str(cell.seed) for cell in own)}, split {split}"
    return Number(_over_seeds(own, statistic), (words,), tuple(own))


def _spoken(cells: Iterable[ScoreRow]) -> list[str]:
    return list(dict.fromkeys(cell.language for cell in cells))


def _over_seeds(cells: Sequence[ScoreRow], statistic: Any) -> float:
    from xstilts.scoring.seeds import summarise

    return summarise([cell.value for cell in cells if cell.value is not None], statistic)


def _word(value: float | None) -> str:
    return "no number" if value is None else f"{value:.6f}"

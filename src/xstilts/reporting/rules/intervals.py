"""The intervals of both main tables."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from xstilts.files import write_text
from xstilts.reporting.aggregate import choose_split, expected_languages, index_scores
from xstilts.reporting.best import DEV_ENGLISH, ENGLISH
from xstilts.reporting.rules.choices import best_choices, own_dev
from xstilts.reporting.run import POLICIES, RunFolder
from xstilts.reporting.scores import csv_text
from xstilts.scoring.resampling import Key
from xstilts.scoring.score_file import read_scores
from xstilts.scoring.selection import OwnDev, best_intervals, english_runs, own_dev_runs
from xstilts.scoring.uncertainty import RESAMPLES, Drawn, Expected, Interval, Runs, Tables, draw_tables, runs_of
from xstilts.scoring.uncertainty import intervals as resample
from xstilts.tasks.sources import CONTROLS


def intervals(run: RunFolder) -> None:
    """Write ``intervals.csv``: of every cell of both main tables, of its differences to ``none`` and to controls."""
    frame = run.scores()
    rows: list[dict[str, Any]] = []
    for model in run.settings["models"]:
        indexed = index_scores(frame, model)
        tables = {
            stem: {task: choose_split(task, entry, policy, indexed) for task, entry in run.tasks.items()}
            for stem, policy in POLICIES.items()
        }
        scores = scores_of(run, model)
        if scores:
            drawn = draw_tables(scores, tables)
            found = [*_of_sources(run, scores, tables, drawn), *_of_best(run, model, tables, drawn)]
            rows += [{"model": model} | asdict(row) for row in found]
    columns = ["model", *(field.name for field in fields(Interval))]
    write_text(run.tables / "intervals.csv", csv_text(rows, columns))


def scores_of(run: RunFolder, model: str) -> dict[Key, Mapping[str, Any]]:
    """Return the contents of one model's score files that have scores, in the languages of a complete score."""
    found: dict[Key, Mapping[str, Any]] = {}
    for cell in run.cells():
        path = cell.path(run.folder / "scores")
        if cell.model == model and cell.language in run.tasks[cell.task]["languages"] and path.is_file():
            content = read_scores(path)
            if content["splits"]:
                found[cell.source, cell.seed, cell.task, cell.language] = content
    return found


def _of_sources(
    run: RunFolder, scores: Mapping[Key, Mapping[str, Any]], tables: Tables, drawn: Drawn
) -> list[Interval]:
    controls = [source for source in run.settings["sources"] if source in CONTROLS]
    statistic = run.settings["statistic"]
    return resample(scores, tables, controls=controls, expected=_expected(run), drawn=drawn, statistic=statistic)


def _of_best(run: RunFolder, model: str, tables: Tables, drawn: Drawn) -> list[Interval]:
    """The rows of best sources, chosen in every resample from what chose them in the table."""
    rows = []
    names, dev = run.settings["candidates"], own_dev(run, model)
    for rule, choices in best_choices(run, model).items():
        selection: dict[str, Runs] = {}
        for task, choice in choices.items():
            place = task, tables["main"][task]
            if not choice.scores or place not in drawn:
                continue
            if rule != ENGLISH:
                selection[task] = runs_of(drawn[place], slice(None))
            elif choice.on == DEV_ENGLISH:
                selection[task] = english_runs(drawn[place])
            else:
                target = run.tasks[task]["target"]
                own = {(s, seed): OwnDev(*one) for (s, name, seed), one in dev.items() if name == target}
                selection[task] = own_dev_runs(own, target, RESAMPLES)
        chosen = {task: choice.source for task, choice in choices.items() if choice.source}
        rows += best_intervals(
            drawn,
            tables,
            rule,
            chosen,
            selection,
            names,
            run.settings["seeds"],
            expected=_expected(run),
            statistic=run.settings["statistic"],
        )
    return rows


def _expected(run: RunFolder) -> Expected:
    return lambda task, split: expected_languages(run.tasks[task], split)

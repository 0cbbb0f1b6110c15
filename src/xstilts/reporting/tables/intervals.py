"""The intervals of both main tables."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from xstilts.config.sources import CONTROLS
from xstilts.files import write_text
from xstilts.reporting.aggregate import choose_split, expected_languages
from xstilts.reporting.main.best import DEV_ENGLISH, ENGLISH
from xstilts.reporting.main.results import Results, read_results
from xstilts.reporting.run import POLICIES, RunFolder
from xstilts.reporting.scores import csv_text
from xstilts.uncertainty.best import Choosing, best_intervals, english_scores, whole_scores
from xstilts.uncertainty.intervals import Drawn, Expected, Interval, Tables, draw_halves, draw_tables
from xstilts.uncertainty.intervals import intervals as resample
from xstilts.uncertainty.resampling import Key


def intervals(run: RunFolder) -> None:
    """Write ``intervals.csv``: of every cell of both main tables, of its differences to ``none`` and to controls."""
    rows: list[dict[str, Any]] = []
    for model in run.settings["models"]:
        results = read_results(run, model)
        tables = {
            stem: {task: choose_split(task, entry, policy, results.scores) for task, entry in run.tasks.items()}
            for stem, policy in POLICIES.items()
        }
        scores = scores_of(run, model)
        if scores:
            drawn = draw_tables(scores, tables)
            found = [*_of_sources(run, scores, tables, drawn), *_of_best(run, results, scores, tables, drawn)]
            rows += [{"model": model} | asdict(row) for row in found]
    columns = ["model", *(field.name for field in fields(Interval))]
    write_text(run.tables / "intervals.csv", csv_text(rows, columns))


def scores_of(run: RunFolder, model: str) -> dict[Key, Mapping[str, Any]]:
    """Return the contents of one model's score files that have scores, in the languages of a complete score."""
    found: dict[Key, Mapping[str, Any]] = {}
    for cell in run.cells():
        if cell.model == model and cell.language in run.tasks[cell.task]["languages"]:
            content = run.scored(cell)
            if content and content["splits"]:
                found[cell.source, cell.seed, cell.task, cell.language] = content
    return found


def _of_sources(
    run: RunFolder, scores: Mapping[Key, Mapping[str, Any]], tables: Tables, drawn: Drawn
) -> list[Interval]:
    controls = [source for source in run.settings["sources"] if source in CONTROLS]
    statistic = run.settings["statistic"]
    return resample(
        scores,
        tables,
        controls=controls,
        expected=_expected(run),
        drawn=drawn,
        statistic=statistic,
        benchmark=run.benchmark,
    )


def _of_best(
    run: RunFolder, results: Results, scores: Mapping[Key, Mapping[str, Any]], tables: Tables, drawn: Drawn
) -> list[Interval]:
    """The rows of best sources, cross-fitted over seeds, and over halves of the items that chose and are shown."""
    rows = []
    names = run.settings["candidates"]
    for rule, choices in results.choices.items():
        selection: dict[str, Choosing] = {}
        halved = {}
        for task, choice in choices.items():
            place = task, tables["main"][task]
            if not choice.scores or place not in drawn:
                continue
            if rule != ENGLISH:
                selection[task] = whole_scores(drawn[place])
            elif choice.on == DEV_ENGLISH:
                selection[task] = english_scores(drawn[place])
            else:
                target = run.tasks[task]["target"]
                own: dict[str, dict[int, float]] = {}
                for (source, name, seed), (score, _) in results.own_dev.items():
                    if name == target:
                        own.setdefault(source, {})[seed] = score
                selection[task] = own
                continue
            both = draw_halves(scores, *place)
            if both is not None:
                halved[place] = both
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
            halved=halved,
            choose=english_scores if rule == ENGLISH else whole_scores,
            benchmark=run.benchmark,
        )
    return rows


def _expected(run: RunFolder) -> Expected:
    return lambda task, split: expected_languages(run.tasks[task], split)

"""The claims that reports make about the paper, decided in a run."""

from collections.abc import Mapping, Sequence
from typing import Any

from xstilts.config.sources import WITH_TEXT
from xstilts.reporting.aggregate import choose_split, expected_languages
from xstilts.reporting.claims import claims, failures, in_languages, sound
from xstilts.reporting.judging import Verdict, judge, judge_gain
from xstilts.reporting.main.best import ENGLISH, PAPER
from xstilts.reporting.main.gains import Row, best_of
from xstilts.reporting.main.marks import recipe_sentence
from xstilts.reporting.main.results import Results, read_results
from xstilts.reporting.main.table import MainTable, build_main_table
from xstilts.reporting.published import ENCODER, benchmark_row, read_published, system_name
from xstilts.reporting.render import MISSING, markdown_table, number, write_both
from xstilts.reporting.run import RunFolder
from xstilts.reporting.tables.intervals import scores_of
from xstilts.tasks.benchmark import XTREME, Benchmark
from xstilts.uncertainty.best import seed_noise
from xstilts.uncertainty.intervals import RESAMPLES, draw_tables, runs_of
from xstilts.uncertainty.seeds import Statistic

COLUMNS = (
    *("statement", "reported", "certainty", "estimate", "lower", "upper", "verdict", "reported_in_interval", "reason"),
    *("cells", "shown", "split", "seeds", "method"),
)
GENERATED = (
    "**These are not the paper's languages.** This run is on languages that a program generated, with a small encoder: "
    "a claim that holds or fails here says nothing about the paper, it shows how a claim is decided."
)


def table_claims(run: RunFolder) -> None:
    """Write ``claims.*``: each claim with its verdict, the cells it rests on and the interval."""
    published = read_published()
    reported = {row["source"]: row for row in published if row["certainty"] == "report"}
    for model in run.settings["models"]:
        system, results = system_name(model), read_results(run, model)
        table = build_main_table(results, "test")
        gains = best_of(results, table, benchmark_row(published))
        rows = [
            with_reported(
                verdict,
                reported.get(name) if run.benchmark is XTREME else None,  # of other tasks
                system == ENCODER and not run.generated,
            )
            for verdict, name in [
                *_on_dev(run, results),
                *_of_best(gains, _failed(table, ENGLISH), _failed(table, "none"), run.benchmark),
            ]
        ]
        title = f"What reports say of the paper, in this run: {model}"
        recipe = recipe_sentence(run.settings)
        encoder = "" if system == ENCODER else model
        text = claims_markdown(rows, title, run.generated, encoder, recipe, run.settings["statistic"])
        write_both(run.tables, run.stem("claims", model), COLUMNS, rows, text)


def _on_dev(run: RunFolder, results: Results) -> list[tuple[Verdict, str]]:
    settings = run.settings
    view = {task: choose_split(task, entry, "dev", results.scores) for task, entry in run.tasks.items()}
    drawn = draw_tables(scores_of(run, results.model), {"main": view})
    runs = {task: runs_of(draws, slice(None)) for (task, _), draws in drawn.items()}
    noise = seed_noise(settings["seeds"], RESAMPLES, statistic=settings["statistic"])
    plain = [name for name in settings["candidates"] if name in settings["trained_on"] and not name.endswith(WITH_TEXT)]
    failed = results.scores.failed
    found = claims(
        settings["sources"],
        plain,
        settings["translated"],
        list(run.tasks),
        failures(runs, failed),
        run.benchmark,
        results.mixtures.get("multi", ()),
    )
    counted = sound(runs, failed)
    asked = {task: expected_languages(run.tasks[task], split) for task, split in view.items()}
    there = {task: set(draws.languages) for (task, _), draws in drawn.items()}
    partial = {task: (len(there[task]), len(asked[task])) for task in there if not there[task].issuperset(asked[task])}
    found = [in_languages(claim, partial, run.benchmark) for claim in found]
    return [(judge(claim, counted, noise, view), claim.reported) for claim in found]


def _failed(table: MainTable, source: str) -> str:
    """Say which cells of a row rest on a training that failed; empty when none does."""
    rows = [row for row in table.rows if row.source == source]
    tasks = [task for row in rows for task, score in row.tasks.items() if score.failed]
    return f"{source} rests on trainings that failed: {', '.join(tasks)}" if tasks else ""


def _of_best(
    gains: Sequence[Row], failed: str, baseline_failed: str, benchmark: Benchmark
) -> list[tuple[Verdict, str]]:
    statement = f"The best source for each task (chosen in English) raises the {benchmark.title} average"
    rows = [row for row in gains if row["rule"] == ENGLISH and row["task"].startswith("avg")]
    row = rows[0] if rows else {}
    unsound = failed or baseline_failed
    none_missing = "this run has less than two sources to choose from"
    whole = row.get("column") == "avg"
    seeds = int(row.get("seeds") or 0)
    lacking = "" if whole else "ours lacks tasks or languages"
    over = (row.get("over_lower"), row.get("over_upper"))
    own = (row.get("diff_lower"), row.get("diff_upper"))
    why = none_missing if not rows else row.get("reason") or lacking
    difference = row.get("difference") if whole else None
    return [
        (
            judge_gain(
                f"{statement}, over {'the benchmark' if benchmark is XTREME else XTREME.title}'s XLM-R Large (68.1)",
                "best-en's average on test minus 68.1",
                None if failed else row.get("over_benchmark"),
                over,
                failed or why,
                seeds,
            ),
            PAPER,
        ),
        (
            judge_gain(
                f"{statement}, over this run's own none",
                f"best-en minus none, average of the {benchmark.count} tasks on test",
                None if unsound else difference,
                own,
                unsound or (none_missing if not rows else lacking or "no row none, or no interval yet"),
                seeds,
            ),
            "",
        ),
    ]


def with_reported(verdict: Verdict, row: Mapping[str, Any] | None, comparable: bool) -> Verdict:
    """Add the reported number, and where the encoder and data are the paper's whether it lies in the interval."""
    if row is None:
        return verdict
    value, inside = float(row["value"]), ""
    if comparable and verdict.get("lower") is not None:
        inside = "yes" if verdict["lower"] <= value <= verdict["upper"] else "no"
    return verdict | {"reported": value, "certainty": row["certainty"], "reported_in_interval": inside}


def claims_markdown(
    rows: Sequence[Verdict],
    title: str,
    generated: bool,
    encoder: str = "",
    recipe: str = "",
    statistic: Statistic = "mean",
) -> str:
    """Return the verdicts as Markdown.

    Args:
        rows: the verdicts.
        title: the first line.
        generated: the run is on generated languages.
        encoder: the name of one that is not the paper's.
        recipe: a sentence that names it.
        statistic: how seeds became one number.
    """
    head = ["claim", "reported", "this run (95 % interval)", "verdict", "cells"]
    lines = []
    for row in rows:
        measured = MISSING
        if row.get("estimate") is not None:
            bounds = f"{number(row['lower'], True)} to {number(row['upper'], True)}"
            measured = f"{number(row['estimate'], True)} ({bounds})"
        cells = row["cells"] + (f"; shown: {row['shown']}" if row.get("shown") else "")
        verdict = f"**{row['verdict']}**" + (f": {row['reason']}" if row["reason"] else "")
        lines.append([row["statement"], number(row.get("reported"), True), measured, verdict, cells])
    notes = [
        "A claim holds when the 95 % interval of its contrast lies on its side of 0, and fails when it lies on the "
        "other; else, where a row is missing or its training failed, or under three seeds, it is not identified. A "
        "claim of several contrasts holds when every one does and fails when one does (corrected for their number); "
        "the one furthest from holding is shown. "
        "A training that collapsed or learned nothing counts in no mean (docs/metrics.md). "
        f"Development sets as in the main table, {statistic}s over seeds, test where a task has no other; the gains of "
        "the best sources are on test, of best-en, whose sources no score of the benchmark's test sets chose.",
        "reported: in points, from reports about the paper's final version and not read in it (certainty: report).",
    ]
    if any(row.get("method") == "item sampling only" for row in rows):
        notes.append("Under three seeds an interval covers the sampling of examples only, not another training.")
    if encoder and not generated:
        notes.append(f"The encoder is {encoder}, not the paper's XLM-R Large: the reported sizes need not come out.")
    notes += [recipe] if recipe else []
    above = f"{GENERATED}\n\n" if generated else ""
    return f"**{title}**\n\n{above}{markdown_table(head, lines)}" + "".join(f"\n{note}\n" for note in notes)

"""The claims that reports make about the paper, decided in a run."""

from xstilts.reporting.aggregate import choose_split, index_scores
from xstilts.reporting.best import PAPER
from xstilts.reporting.claims import Verdict, claims, judge, judge_gain
from xstilts.reporting.claims_table import claims_markdown, with_reported, write_claims
from xstilts.reporting.comparison import ENCODER, read_published, system_name
from xstilts.reporting.render import main_stem
from xstilts.reporting.rules.choices import PUBLISHED, best_of
from xstilts.reporting.rules.intervals import scores_of
from xstilts.reporting.rules.main import main_table
from xstilts.reporting.run import RunFolder
from xstilts.scoring.selection import seed_noise
from xstilts.scoring.uncertainty import RESAMPLES, draw_tables, runs_of
from xstilts.tasks.sources import WITH_TEXT


def table_claims(run: RunFolder) -> None:
    """Write ``claims.*``: each claim with its verdict, the cells it rests on and the interval."""
    reported = {row["source"]: row for row in read_published(PUBLISHED) if row["certainty"] == "report"}
    for model in run.settings["models"]:
        system = system_name(model)
        rows = [
            with_reported(verdict, reported.get(name), system == ENCODER and not run.generated)
            for verdict, name in [*_on_dev(run, model), *_of_best(run, model)]
        ]
        title = f"What reports say of the paper, in this run: {model}"
        text = claims_markdown(rows, title, run.generated, "" if system == ENCODER else model)
        write_claims(rows, text, run.tables, main_stem("claims", model, run.settings["models"]))


def _on_dev(run: RunFolder, model: str) -> list[tuple[Verdict, str]]:
    settings, indexed = run.settings, index_scores(run.scores(), model)
    view = {task: choose_split(task, entry, "dev", indexed) for task, entry in run.tasks.items()}
    drawn = draw_tables(scores_of(run, model), {"main": view})
    runs = {task: runs_of(draws, slice(None)) for (task, _), draws in drawn.items()}
    noise = seed_noise(settings["seeds"], RESAMPLES, statistic=settings["statistic"])
    plain = [name for name in settings["candidates"] if name in settings["trained_on"] and not name.endswith(WITH_TEXT)]
    found = claims(settings["sources"], plain, settings["translated"], list(run.tasks))
    return [(judge(claim, runs, noise), claim.reported) for claim in found]


def _of_best(run: RunFolder, model: str) -> list[tuple[Verdict, str]]:
    statement = "The best source for each task (best-paper) raises the XTREME average"
    table = main_table(run, model, "main_test")
    rows = [row for row in best_of(run, table) if row["rule"] == PAPER and row["task"].startswith("avg")]
    row = rows[0] if rows else {}
    none_missing = "this run has less than two sources to choose from"
    whole = row.get("column") == "avg"
    reason = row.get("reason") or ("" if whole else "ours lacks tasks or languages")
    over = (row.get("over_lower"), row.get("over_upper"))
    own = (row.get("diff_lower"), row.get("diff_upper"))
    why = none_missing if not rows else reason
    difference = row.get("difference") if whole else None
    return [
        (
            judge_gain(
                f"{statement}, over the benchmark's XLM-R Large (68.1)",
                "best-paper's average on test minus 68.1",
                row.get("over_benchmark"),
                over,
                why,
            ),
            PAPER,
        ),
        (
            judge_gain(
                f"{statement}, over this run's own none",
                "best-paper minus none, average of the nine tasks on test",
                difference,
                own,
                why if not whole else "no row none, or no interval yet",
            ),
            "",
        ),
    ]

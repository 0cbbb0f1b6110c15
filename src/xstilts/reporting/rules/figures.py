"""The figures of a run."""

from xstilts.reporting.baselines import chance_levels, not_above_chance
from xstilts.reporting.figures import heat_map, language_bars, learning_curves
from xstilts.reporting.language_tables import language_values
from xstilts.reporting.published_figure import published_scatter
from xstilts.reporting.render import main_stem
from xstilts.reporting.rules.baselines import read_baselines
from xstilts.reporting.rules.comparison import comparison_of
from xstilts.reporting.rules.main import main_table
from xstilts.reporting.run import RunFolder


def figure_differences(run: RunFolder) -> None:
    """Draw the heat map of the differences to ``none``, source by task."""
    for model in run.settings["models"]:
        rows = [row for row in run.intervals(model) if row["table"] == "main"]
        grey = not_above_chance(rows, read_baselines(run), run.tasks)
        stem = main_stem("differences", model, run.settings["models"])
        heat_map(main_table(run, model, "main"), run.folder / "figures", stem, grey)


def figure_languages(run: RunFolder) -> None:
    """Draw each task's scores by language, a bar a source, with the chance line."""
    frame, levels = run.scores(), chance_levels(read_baselines(run))
    model, sources, statistic = run.settings["models"][0], run.settings["sources"], run.settings["statistic"]
    for task, entry in run.tasks.items():
        metric = entry["metrics"][0]
        values, languages, split = language_values(frame, model, task, entry, metric, sources, "dev", statistic)
        chance = {code: levels[key] for code in languages if (key := (task, code, split, metric)) in levels}
        title = f"{task} by language ({split})"
        language_bars(
            values, languages, title, _axis(metric), run.folder / "figures", f"languages_{task}", chance or None
        )


def _axis(metric: str) -> str:
    return {"accuracy": "accuracy (%)", "f1": "F1 (%)", "exact_match": "exact match (%)"}[metric]


def figure_curves(run: RunFolder) -> None:
    """Draw dev score and loss of every training of both phases."""
    trainings = run.trainings()
    for phase in ("intermediate", "target"):
        chosen = [one for one in trainings if (one["target"] == "none") == (phase == "intermediate")]
        title = f"Training curves of the {phase} phase"
        learning_curves(chosen, title, run.folder / "figures", f"curves_{phase}")


def figure_published(run: RunFolder) -> None:
    """Draw this run's numbers against the published ones."""
    published_scatter(comparison_of(run), "This run against the published numbers", run.folder / "figures", "published")

"""The tables beside the main one."""

from dataclasses import asdict

from xstilts.reporting.inputs import read_counts
from xstilts.reporting.language_tables import language_values, languages_table, task_language_table
from xstilts.reporting.render import main_stem
from xstilts.reporting.rules.baselines import read_baselines
from xstilts.reporting.run import RunFolder
from xstilts.reporting.task_tables import (
    baselines_table,
    hyperparameters_table,
    intermediate_table,
    sizes_table,
    tasks_table,
)
from xstilts.tasks import registry


def table_tasks(run: RunFolder) -> None:
    """Write ``tasks.*`` and ``sizes.*``: what was trained and evaluated on, counted from the data."""
    counts = read_counts(run.settings["manifests"])
    training = {name: asdict(entry) for name, entry in registry()[1].items()}
    sources = [name for name in run.settings["sources"] if name in training]
    notes = [f"Evaluation reads the first {run.settings['limit']} examples a language and split."]
    tasks_table(counts, run.tasks, training, sources, run.tables, "tasks", notes if run.settings["limit"] else ())
    sizes_table(counts, run.tables, "sizes")


def table_hyperparameters(run: RunFolder) -> None:
    """Write ``hyperparameters.*``: the settings of every training of the run."""
    used = {"intermediate": run.settings["intermediate_sets"], "target": run.settings["targets"]}
    settings = run.settings
    hyperparameters_table(settings["recipe"], settings["configuration"], used, run.tables, "hyperparameters")


def table_intermediate(run: RunFolder) -> None:
    """Write ``intermediate.*``: how well each source learned its own task, on its own English dev set."""
    intermediate_table(run.trainings(), run.settings["statistic"], run.tables, "intermediate")


def table_languages(run: RunFolder) -> None:
    """Write ``languages.*`` (averages with and without English, the gap) and ``languages/TASK.*``."""
    frame, sources, statistic = run.scores(), run.settings["sources"], run.settings["statistic"]
    for model in run.settings["models"]:
        stem = main_stem("languages", model, run.settings["models"])
        languages_table(
            frame, model, run.tasks, sources, run.tables, stem, "dev", statistic, run.settings["headline"] or None
        )
        for task, entry in run.tasks.items():
            for metric in entry["metrics"]:
                values, languages, split = language_values(frame, model, task, entry, metric, sources, "dev", statistic)
                title = f"{task}: {metric.replace('_', ' ')} on {split}, in percent"
                name = task if len(entry["metrics"]) == 1 else f"{task}_{metric}"
                task_language_table(values, languages, title, run.tables / stem, name)


def table_baselines(run: RunFolder) -> None:
    """Write ``baselines.*``: majority, random, text-blind and bag-of-words scores of every task."""
    baselines_table(read_baselines(run), run.tables, "baselines")

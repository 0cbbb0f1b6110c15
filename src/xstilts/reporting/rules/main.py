"""The main table of a run, with what is marked in it."""

from dataclasses import replace

from xstilts.reporting.best import best_marks, best_remarks
from xstilts.reporting.best_table import gain_sentences
from xstilts.reporting.inputs import read_numbers
from xstilts.reporting.main_table import MainTable, build_main_table
from xstilts.reporting.marks import recipe_sentence, standard_marks, standard_remarks
from xstilts.reporting.render import main_stem, write_main_table
from xstilts.reporting.rules.choices import benchmark, best_choices, best_of, column_of
from xstilts.reporting.run import POLICIES, RunFolder

SIGNIFICANCE = 0.05
CONTAMINATED = 0.05  # share of a task's texts in one language from which a column is marked


def table_main(run: RunFolder) -> None:
    """Write ``main.*`` and ``main_test.*``, one of each a model."""
    for model in run.settings["models"]:
        gains = gain_sentences(best_of(run, main_table(run, model, "main_test")), benchmark())
        for stem in POLICIES:
            table = main_table(run, model, stem)
            table = replace(table, notes=(recipe_sentence(run.settings["recipe"]), *table.notes, *gains))
            write_main_table(table, run.tables, main_stem(stem, model, run.settings["models"]))


def main_table(run: RunFolder, model: str, stem: str) -> MainTable:
    """The main table of a model, with its marks and remarks; ``stem`` is ``main`` or ``main_test``."""
    trainings = [one for one in run.trainings() if one["model"] == model]
    left_out = {one["source"]: one["results"].get("left_out", {}) for one in trainings if one["target"] == "none"}
    mixtures = {name: parts for name, parts in run.settings["mixtures"].items() if name in run.settings["sources"]}
    kept = {name: [part for part in parts if part not in left_out.get(name, {})] for name, parts in mixtures.items()}
    significant = [
        (row["source"], column_of(run, row))
        for row in run.intervals(model)
        if row["table"] == stem and row["p_holm"] is not None and row["p_holm"] <= SIGNIFICANCE
    ]
    best = best_choices(run, model)
    return build_main_table(
        run.scores(),
        run.settings["sources"],
        run.tasks,
        split_policy=POLICIES[stem],
        seeds_statistic=run.settings["statistic"],
        marks=standard_marks(run.settings["sources"], run.settings["translated"], contaminated(run))
        | best_marks(best, POLICIES[stem]),
        significant=significant,
        remarks=standard_remarks(kept, left_out, run.settings["limit"], run.generated) + best_remarks(best),
        headline=run.settings["headline"] or None,
        model=model,
        blocks=run.settings["blocks"] | dict.fromkeys(best, "Best source for each task"),
        best=best,
    )


def contaminated(run: RunFolder) -> dict[tuple[str, str], str]:
    """A sentence for each (source, task) whose evaluated texts occur in the source's training data."""
    path = run.tables / "overlaps.csv"
    found: dict[tuple[str, str], str] = {}
    for row in read_numbers(path, ("shared", "texts")) if path.is_file() else []:
        if row["used"] != "train" or row["shared"] < CONTAMINATED * row["texts"]:
            continue
        for source, names in run.settings["trained_on"].items():
            if row["training"] in names:
                found[source, row["task"]] = (
                    f"{row['shared']:.0f} of {row['texts']:.0f} evaluated {row['field']} texts ({row['language']}) "
                    f"occur in the training data of {row['training']}"
                )
    return found

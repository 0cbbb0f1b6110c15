"""The results of one model, read once: what its main tables are made of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.artifacts import read_manifest
from xstilts.reporting.aggregate import Scores, metric_column
from xstilts.reporting.failures import not_learned_of_mixtures
from xstilts.reporting.main.best import Choices, OwnDev, choose
from xstilts.reporting.main.marks import standard_marks, standard_remarks, vectors_remarks
from xstilts.reporting.main.rows import Tasks
from xstilts.reporting.run import RunFolder, read_numbers
from xstilts.tasks import task
from xstilts.tasks.benchmark import XTREME, Benchmark
from xstilts.uncertainty.seeds import Statistic

SIGNIFICANCE = 0.05
CONTAMINATED = 0.05  # share of a task's texts in one language from which a column is marked


@dataclass(frozen=True)
class Results:
    """What the main tables of one model, dev and test, are made of.

    ``sources`` are the rows in order; all are absolute where ``none`` is not among them. Where the encoder hardly
    or never saw some languages, ``headline`` are those that count; the others get the column ``avg_other``.
    """

    model: str
    scores: Scores
    sources: Sequence[str]
    tasks: Tasks  # in the order of the columns; in a run on generated languages with the generated ones
    statistic: Statistic = "mean"  # how seeds become one number
    headline: Collection[str] | None = None
    blocks: Mapping[str, str] = field(default_factory=dict)  # source -> heading of its block of rows, "" for none
    own_dev: OwnDev = field(default_factory=dict)
    choices: Choices = field(default_factory=dict)  # the best sources: further rows below
    intervals: Sequence[Mapping[str, Any]] = ()  # rows of intervals.csv
    marks: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (source, task or column), * for any
    remarks: Sequence[str] = ()  # further sentences below the table
    generated: bool = False
    benchmark: Benchmark = XTREME
    limit: int | None = None  # of the examples that were evaluated, the first of each language
    mixtures: Mapping[str, Sequence[str]] = field(default_factory=dict)  # source of several tasks -> what it trained on
    chosen_on: Mapping[tuple[str, str], str] = field(
        default_factory=dict
    )  # (task, split) -> what of it chose, in words

    def column_of(self, row: Mapping[str, Any]) -> str:
        """Return the column of the main table that a row of ``intervals.csv`` belongs to."""
        task = str(row["task"])
        return metric_column(task, self.tasks[task]["metrics"], row["metric"]) if task in self.tasks else task

    def significant(self, table: str) -> frozenset[tuple[str, str]]:
        """Return (source, column) of a table's differences that stay clear of 0 after Holm's correction."""
        return frozenset(
            (row["source"], self.column_of(row))
            for row in self.intervals
            if row["table"] == table and row["p_holm"] is not None and row["p_holm"] <= SIGNIFICANCE
        )


def read_results(run: RunFolder, model: str) -> Results:
    """Return the results of a model of a run: intervals and overlaps as far as they were made."""
    settings = run.settings
    trainings = [one for one in run.trainings if one["model"] == model]
    left_out = {one["source"]: one["results"].get("left_out", {}) for one in trainings if one["target"] == "none"}
    mixtures = {name: parts for name, parts in settings["mixtures"].items() if name in settings["sources"]}
    kept = {name: [part for part in parts if part not in left_out.get(name, {})] for name, parts in mixtures.items()}
    own = {
        (one["source"], one["target"], one["seed"]): (dev["score"], dev["examples"])
        for one in trainings
        if (dev := (one["results"].get("dev") or {}).get(one["target"]))
    }
    scores, candidates, statistic = run.scores[model], settings["candidates"], settings["statistic"]
    several = len(candidates) > 1  # else there is nothing to choose
    return Results(
        model,
        scores,
        settings["sources"],
        run.tasks,
        statistic,
        settings["headline"] or None,
        blocks=settings["blocks"],
        own_dev=own,
        choices=choose(scores, run.tasks, candidates, own, settings["retrieval_source"], statistic) if several else {},
        intervals=run.intervals[model],
        marks=standard_marks(settings["sources"], settings["translated"], settings["with_text"], contaminated(run)),
        remarks=[
            *standard_remarks(kept, left_out, settings["limit"], run.generated, settings["text_length"]),
            *vectors_remarks(settings),
            *lacking_candidates(run.tasks, Path(settings["data"])),
            *not_learned_of_mixtures(one for one in trainings if one["target"] == "none"),
        ],
        generated=run.generated,
        benchmark=run.benchmark,
        limit=settings["limit"],
        mixtures=kept,
        chosen_on=chosen_on_scored(run),
    )


def lacking_candidates(names: Iterable[str], data: Path) -> list[str]:
    """Return a sentence for each of the tasks that is searched without the candidates of some language.

    Args:
        names: of tasks.
        data: folder of the prepared data sets.
    """
    remarks = []
    for name in names:
        places = sorted(data.glob(f"{task(name).candidates}/*/manifest.json")) if task(name).candidates else []
        why = {path.parent.name: reason for path in places if (reason := read_manifest(path).reason)}
        if why and len(why) < len(places):
            first, *others = dict.fromkeys(why.values())
            said = f"{first}{f', and so on for {len(others)} more' if others else ''}"
            there = f"{len(places) - len(why)} of {len(places)} languages (without {', '.join(why)}: {said})"
            remarks.append(f"{name} is searched among candidates in {there}, which makes it easier.")
    return remarks


def chosen_on_scored(run: RunFolder) -> dict[tuple[str, str], str]:
    """Say for each (task, split) how much of it chose checkpoints too, in the language where that is most."""
    path = run.tables / "overlaps.csv"
    most: dict[tuple[str, str], tuple[float, bool, str]] = {}  # of as much of a field and of whole rows the latter
    for row in read_numbers(path, ("shared", "texts")) if path.is_file() else []:
        if row["used"] != "selection" or row["shared"] < CONTAMINATED * row["texts"]:
            continue
        place, whole = (row["task"], row["split"]), row["field"] == "rows"
        what = "examples" if whole else f"{row['field']} texts"
        words = f"{row['task']} {row['shared']:,.0f} of {row['texts']:,.0f} {what} ({row['language']})"
        most[place] = max(most.get(place, (0.0, False, "")), (row["shared"] / row["texts"], whole, words))
    return {place: words for place, (_, _, words) in most.items()}


def contaminated(run: RunFolder) -> dict[tuple[str, str], str]:
    """A sentence for each (source, task) whose evaluated texts were trained on, in the language where that is most."""
    path = run.tables / "overlaps.csv"
    most: dict[tuple[str, str], tuple[float, bool, str]] = {}  # of as much of a field and of whole rows the latter
    for row in read_numbers(path, ("shared", "texts")) if path.is_file() else []:
        if row["used"] != "train" or row["shared"] < CONTAMINATED * row["texts"]:
            continue
        whole = row["field"] == "rows"
        what = "rows" if whole else f"{row['field']} texts"
        words = (
            f"{row['shared']:.0f} of {row['texts']:.0f} evaluated {what} ({row['language']}) "
            f"occur in the training data of {row['training']}"
        )
        for source, names in run.settings["trained_on"].items():
            if row["training"] in names:
                place = (source, row["task"])
                most[place] = max(most.get(place, (0.0, False, "")), (row["shared"] / row["texts"], whole, words))
    return {place: words for place, (_, _, words) in most.items()}

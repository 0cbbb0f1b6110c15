"""What tables and figures need to know of the configuration."""

from typing import Any

from xstilts import tasks
from xstilts.config.run import Run
from xstilts.config.sections import Retrieval
from xstilts.config.sources import WITH_TEXT, Source
from xstilts.families.facts import facts
from xstilts.graph.hyperparameters import chosen_on, links
from xstilts.graph.jobs import Jobs

Settings = dict[str, Any]


def reporting(jobs: Jobs) -> Settings:
    """Return what tables and figures need to know of the configuration."""
    run = jobs.run
    chains = {source.name: run.stages(source) for source in run.parsed_sources}
    labelled = list(jobs.labelled())
    trained_on = {source: [name for owner, name, _ in labelled if owner == source] for source, _, _ in labelled}
    training = {name: paths for _, name, paths in labelled}
    training |= {name: [jobs.data(part, "en") for part in tasks.training_set(name).parts] for name in links(run)}
    return {
        "run": run.run,
        "benchmark": run.benchmark,
        "generated": run.data.origin == "world",
        "models": run.models,
        "layers": {name: run.encoders[name].layers for name in run.models if run.encoders[name].layers is not None},
        "sources": run.source_names,
        "targets": run.targets,
        "target_sets": links(run),
        "blocks": _blocks(run),
        "candidates": [source.name for source in run.parsed_sources if source.may_be_best],
        "translated": [name for name, stages in chains.items() if any(one.language != "en" for one in stages)],
        "with_text": [name for name, stages in chains.items() if any(one.mlm for one in stages)],
        "rests_on": {name: _rests_on(jobs, name) for name in run.source_names},
        "training": {name: [str(path) for path in paths] for name, paths in training.items()},
        "chosen_on": {
            name: [str(jobs.data(*one.split("/"))) for one in found] for name, found in chosen_on(run).items()
        },
        "trained_on": trained_on,
        "intermediate_sets": list(dict.fromkeys(name for source in run.parsed_sources for name in _sets(run, source))),
        "mixtures": {
            source.name: run.training_sets(source) + ["raw text (MLM)"] * source.mlm
            for source in run.parsed_sources
            if source.base in run.mixtures
        },
        "text": str(jobs.text) if jobs.has_text else None,
        "text_length": run.intermediate.mlm.length if jobs.has_text and run.intermediate.mlm else None,
        "tasks": {name: vars(tasks.task(name)) for name in run.tasks},  # tables read them in the registry, an own file
        "languages": {name: run.languages_of(name) for name in run.tasks},
        "headline": run.pretrained_languages,
        "seeds": run.seeds,
        "statistic": run.evaluation.seeds,
        "retrieval_source": run.evaluation.retrieval_source,
        "limit": run.evaluation.limit,
        "retrieval": _vectors(run),
        "selection": run.selection.model_dump(),
        "data": str(jobs.data("DATASET", "LANGUAGE").parents[2]),
        "manifests": [str(path) for path in jobs.all_data()],
    }


def _rests_on(jobs: Jobs, name: str) -> list[list[str]]:
    """Return the trainings that a source's cells go on from: [source, "none"], or [source, "target"] for the cell's."""
    source = jobs.run.source(name)
    if source.kind == "shots":
        return [*_rests_on(jobs, source.base), [source.base, "target"]] if source.base else []
    if source.kind not in ("trained", "control"):
        return []
    return [[one, "none"] for one in (*jobs.before(source.root), source.root)]


def _vectors(run: Run) -> Settings | None:
    """Return how sentence vectors are made, and whether as in the paper; None in a run without retrieval."""
    paired = any(facts(tasks.task(name).family).paired for name in run.tasks)
    return run.retrieval.model_dump() | {"paper": run.retrieval == Retrieval()} if paired else None


def _sets(run: Run, source: Source) -> list[str]:
    """Return the training sets of a source, of a chain all, whose settings it uses.

    A mixture's epochs and raw text have theirs; of the controls one has those of MNLI, the other its own.
    """
    names = []
    for stage in run.stages(source):
        names += {"mnli-shuffled": ["mnli"], "mlm-en": ["mlm-en"]}.get(stage.base, run.training_sets(stage))
        names += ["multi"] * (stage.base in run.mixtures) + [WITH_TEXT] * stage.mlm
    return names


def _blocks(run: Run) -> dict[str, str]:
    """Return the headings of the main table by source; none where all rows are plain sources and controls."""
    divided = any(1 < source.place[0] < 4 for source in run.parsed_sources)
    return {source.name: source.block for source in run.parsed_sources} if divided else {}

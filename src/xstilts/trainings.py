"""What a training of either phase is given: the parts that it trains on, and how it is optimised."""

from collections.abc import Iterable
from typing import Any

from xstilts import tasks
from xstilts.config import Phase, Run, TrainingSettings

TEXT = tasks.TrainingSet("mlm", "mlm", ())  # raw text as one part of a mixture


def parts_of_source(run: Run, source: str) -> list[dict[str, Any]]:
    """Return what a source trains on, a part each training set."""
    sets = run.intermediate.sets
    if source == "multi":
        return [part(name, sets[name], sets["multi"].epochs) for name in run.mixture]
    if source == "mnli-shuffled":
        return [part("mnli", sets["mnli"]) | {"shuffle_labels": True}]
    if source == "mlm-en":
        return [part("mlm", sets["mlm-en"], data=["text/en"])]
    return [part(source, sets[source])]


def part(
    name: str, settings: TrainingSettings, epochs: float | None = None, data: list[str] | None = None
) -> dict[str, Any]:
    """Return one training set as a training reads it; ``epochs`` and ``data`` override its own."""
    known = TEXT if name == "mlm" else tasks.training_set(name)
    return {
        "name": name,
        "family": known.family,
        "data": data or [f"{one}/en" for one in known.parts],
        "labels": known.labels,
        "no_answer": known.no_answer,
        "batch_size": settings.batch_size,
        "epochs": epochs or settings.epochs,
        "limit": settings.limit,
        "shuffle_labels": False,
    }


def source_training(run: Run, source: str, seed: int) -> dict[str, Any]:
    """Return the settings of the training on a source."""
    name = {"mnli-shuffled": "mnli"}.get(source, source)
    settings = _training(run, run.intermediate, name, parts_of_source(run, source), seed)
    if source == "mlm-en":
        settings["steps_of"] = part("mnli", run.intermediate.sets["mnli"])
    return settings


def target_training(run: Run, target: str, seed: int) -> dict[str, Any]:
    """Return the settings of the training on a target."""
    return _training(run, run.target, target, [part(target, run.target.sets[target])], seed)


def _training(run: Run, phase: Phase, name: str, parts: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    rate = phase.sets[name].learning_rate if name in phase.sets else None
    return {
        "seed": seed,
        "parts": parts,
        "learning_rate": rate or phase.learning_rate,
        "lengths": lengths(run, {part["family"] for part in parts}),
        "optimisation": optimisation(run),
        "selection": run.selection.model_dump(),
    }


def optimisation(run: Run) -> dict[str, Any]:
    """Return what changes a result: how often a checkpoint is written and what is computed twice does not."""
    return run.optimisation.model_dump(exclude={"checkpoint_minutes", "activation_checkpointing"})


def lengths(run: Run, families: Iterable[str]) -> dict[str, int]:
    """Return the token limits that these families use."""
    all_lengths = run.lengths.model_dump()
    kept = {family: all_lengths["classification" if family == "mlm" else family] for family in sorted(families)}
    if "span_qa" in kept:
        kept |= {"doc_stride": all_lengths["doc_stride"], "max_query": all_lengths["max_query"]}
    return kept

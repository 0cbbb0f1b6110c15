"""What a training of either phase is given: the parts that it trains on, and how it is optimised."""

from collections.abc import Iterable
from typing import Any

from xstilts import tasks
from xstilts.config import Run
from xstilts.data.registry import TRANSLATION
from xstilts.sections import Batches, Phase, TrainingSettings
from xstilts.tasks.sources import Source

TEXT = "text/mlm"  # the run's sample of raw text
OVERRIDES = {"warmup", "weight_decay"}  # settings of `optimisation` that a training set may have of its own
FEATURISED = ("family", "data", "chosen_on", "labels", "no_answer", "limit", "packed")  # settings that features have


def parts_of_source(run: Run, name: str) -> list[dict[str, Any]]:
    """Return what a source trains on, a part each training set, raw text last."""
    source, sets = run.source(name), run.intermediate.sets
    if name == "mnli-shuffled":
        return [part("mnli", sets["mnli"]) | {"shuffle_labels": True}]
    if name == "mlm-en":
        return [_text_part("text/en", sets["mlm-en"], sets["mlm-en"].epochs, packed=True)]
    epochs = sets["multi"].epochs if source.base in run.mixtures else None
    parts = [part(one, sets[one], epochs, source.language) for one in run.training_sets(source)]
    if source.mlm:
        assert run.intermediate.mlm is not None
        parts.append(_text_part(TEXT, run.intermediate.mlm, 0, packed=False))
    return parts


def part(
    name: str,
    settings: TrainingSettings,
    epochs: float | None = None,
    language: str = "en",
    phase: str = "intermediate",
) -> dict[str, Any]:
    """Return one training set as a training reads it; ``epochs`` override its own.

    Translated data train only: ``chosen_on`` names the English data that choose the checkpoint.
    """
    known = tasks.training_set(name)
    english = [f"{one}/en" for one in known.parts]
    translated = {"data": [f"{one}{TRANSLATION}/{language}" for one in known.parts], "chosen_on": english}
    return ({"data": english} if language == "en" else translated) | {
        "name": name,
        "features": f"{phase}/{name}" + (f"-{language}" if language != "en" else ""),
        "family": known.family,
        "labels": known.labels,
        "no_answer": known.no_answer,
        **_batch(settings),
        "epochs": epochs or settings.epochs,
        "limit": settings.limit,
        "shuffle_labels": False,
    }


def _batch(settings: Batches) -> dict[str, int]:
    """Return the one of ``batch_size`` and ``batch_tokens`` that is set."""
    return settings.model_dump(include={"batch_size", "batch_tokens"}, exclude_none=True)


def _text_part(data: str, settings: Batches, epochs: float, packed: bool) -> dict[str, Any]:
    """Return raw text as a part: 0 epochs where the labelled parts beside it say how long the training is."""
    return {
        "name": "mlm",
        "features": "intermediate/mlm" if data == TEXT else "intermediate/mlm-en",
        "family": "mlm",
        "data": [data],
        **_batch(settings),
        "epochs": epochs,
        "limit": None,
        "packed": packed,
    }


def source_training(run: Run, name: str, seed: int) -> dict[str, Any]:
    """Return the settings of the training on a source."""
    source, phase = run.source(name), run.intermediate
    own = {"mnli-shuffled": "mnli", "mlm-en": "mlm-en"}.get(name, source.base)
    rate = phase.mlm.learning_rate if source.mlm and phase.mlm else _rate(phase, own)
    settings = _training(run, parts_of_source(run, name), rate, seed, phase.sets.get(own))
    if name == "mlm-en":
        settings["steps_of"] = part("mnli", phase.sets["mnli"])
    return settings


def target_training(run: Run, source: str, target: str, seed: int) -> dict[str, Any]:
    """Return the settings of the training on a target, after a source."""
    rate = run.source(source).rate or _rate(run.target, target)
    return _training(run, [part_of_target(run, target)], rate, seed, run.target.sets[target])


def part_of_target(run: Run, target: str) -> dict[str, Any]:
    """Return what the training on a target trains on."""
    return part(target, run.target.sets[target], phase="target")


def featurised(run: Run, use: str, name: str) -> dict[str, Any]:
    """Return what the features of a use depend on: neither seed nor rate, batch size, epochs or source.

    Args:
        run: the run.
        use: ``intermediate``, ``target`` or ``task``.
        name: as in a part's ``features``, or the name of a task.

    Returns:
        Settings with kind (who featurises), family, lengths and data; of a training set its labels, limit and the
        choice of dev examples, of a task what is evaluated.
    """
    if use == "task":
        task = tasks.task(name)
        return {
            "kind": "evaluation",
            "family": task.family,
            "splits": task.splits,
            "languages": run.languages_of(name),
            "limit": run.evaluation.limit,
            "lengths": lengths(run, {task.family}),
            "labels": () if task.target == "none" else tasks.training_set(task.target).labels,
        }
    if use == "target":
        found = part_of_target(run, name)
    else:
        parts = (one for source in run.parsed_sources for one in _parts(run, source))
        found = next(one for one in parts if one["features"] == f"{use}/{name}")
    kept = {key: found[key] for key in FEATURISED if key in found}
    kept["lengths"] = lengths(run, {found["family"]})
    if found["family"] == "mlm":
        return kept | {"kind": "raw_text"}
    spared = ["xquad/en"] if use == "target" and name == "squad" and run.selection.recipe == "clean" else []
    return kept | {"kind": "training_set", "selection": run.selection.model_dump(), "spared": spared}


def _parts(run: Run, source: Source) -> list[dict[str, Any]]:
    return parts_of_source(run, source.name) if source.kind in ("trained", "control") else []


def _rate(phase: Phase, name: str) -> float:
    own = phase.sets[name].learning_rate if name in phase.sets else None
    return own or phase.learning_rate


def _training(
    run: Run, parts: list[dict[str, Any]], rate: float, seed: int, own: TrainingSettings | None
) -> dict[str, Any]:
    return {
        "seed": seed,
        "parts": parts,
        "learning_rate": rate,
        "lengths": lengths(run, {part["family"] for part in parts}),
        "optimisation": optimisation(run) | (own.model_dump(include=OVERRIDES, exclude_none=True) if own else {}),
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

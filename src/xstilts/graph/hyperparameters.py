"""What a training of either phase is given: the parts that it trains on, and how it is optimised."""

from collections.abc import Iterable
from typing import Any

from xstilts import tasks
from xstilts.config.run import Run
from xstilts.config.sources import AVERAGED, LONGER, Source
from xstilts.config.trainings import Batches, Phase, TargetSettings, TrainingSettings
from xstilts.data.registry import TRANSLATION
from xstilts.families.facts import facts

TEXT = "text/mlm"  # the run's sample of raw text
OVERRIDES = {
    "warmup",
    "weight_decay",
    "evaluate_every",
}  # settings of `optimisation` that a training set may have of its own
FEATURISED = (
    "family",
    "data",
    "chosen_on",
    "dev",
    "labels",
    "no_answer",
    "limit",
    "packed",
    "spread",
)  # settings that features have


def parts_of_source(run: Run, name: str) -> list[dict[str, Any]]:
    """Return what a source trains on, a part each training set, raw text last; of a chain its last source."""
    source, sets = run.source(name), run.intermediate.sets
    if name == "mnli-shuffled":
        return [part(run, "mnli", sets["mnli"]) | {"shuffle_labels": True}]
    if name == "mlm-en":
        return [_text_part("text/en", sets["mlm-en"], sets["mlm-en"].epochs, packed=True)]
    epochs = sets["multi"].epochs if source.base in run.mixtures else None
    names, told = run.training_sets(source), {"language": source.language, "amount": source.amount}
    parts = [part(run, one, sets[one], epochs, **told) for one in names]
    if source.mlm:
        assert run.intermediate.mlm is not None
        parts.append(_text_part(TEXT, run.intermediate.mlm, 0, packed=False))
    return parts


def part(
    run: Run,
    name: str,
    settings: TrainingSettings,
    epochs: float | None = None,
    language: str = "en",
    phase: str = "intermediate",
    amount: str = "",
) -> dict[str, Any]:
    """Return one training set as a training reads it; ``epochs`` override its own.

    Translated data train only: ``chosen_on`` names the English data of each, which choose the checkpoint. ``dev`` names
    data sets whose English dev chooses it instead, where the settings have one. A group of languages (``spread``) has
    each example in one of them, or in each where ``amount`` is ``full``.
    """
    known = tasks.training_set(name)
    english = [f"{one}/en" for one in known.parts]
    group = run.intermediate.groups.get(language, [])
    names = [
        f"{one}/en" if code == "en" else f"{one}{TRANSLATION}/{code}"
        for code in group or [language]
        for one in known.parts
    ]
    spread = {"spread": group} if group and amount != "full" else {}
    translated = {"data": names, "chosen_on": english * max(1, len(group))} | spread
    other = {"dev": [f"{settings.chosen_on}/en"]} if settings.chosen_on else {}
    return (
        ({"data": english} if language == "en" else translated)
        | other
        | {
            "name": name,
            "features": "-".join([f"{phase}/{name}", *[language] * (language != "en"), *["full"] * (amount == "full")]),
            "family": known.family,
            "labels": known.labels,
            "no_answer": known.no_answer,
            "by_token": known.by_token,
            **_batch(settings),
            "epochs": epochs or settings.epochs,
            "limit": settings.limit or run.training.limit,
            "shuffle_labels": False,
        }
        | ({"in_batch": settings.in_batch} if facts(known.family).contrasted else {})
    )


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
    """Return the settings of the training on a source, of a chain on its last one."""
    source, phase = run.source(name), run.intermediate
    own = {"mnli-shuffled": "mnli", "mlm-en": "mlm-en"}.get(name, source.base)
    rate = phase.mlm.learning_rate if source.mlm and phase.mlm else _rate(phase, own)
    settings = _training(run, parts_of_source(run, name), rate, seed, phase.sets.get(own))
    if source.mlm and phase.mlm:
        settings["length"] = phase.mlm.length
    if name == "mlm-en":
        settings["steps_of"] = part(run, "mnli", phase.sets["mnli"])
    if source.amount == "matched":
        settings["tokens_of"] = english_part(run, source)["features"]
    return settings


def english_part(run: Run, source: Source) -> dict[str, Any]:
    """Return the English training set whose real tokens a source has as many of."""
    return part(run, source.base, run.intermediate.sets[source.base])


def target_training(run: Run, source: str, target: str, seed: int) -> dict[str, Any]:
    """Return the settings of the training on a target, after a source."""
    *before, last = (_link(run, source, target, link, seed) for link in tasks.training_set(target).links)
    settings = last | ({"before": before} if before else {})
    if source == LONGER:  # of a chain its first training has them: the last one may have a few hundred questions
        longer = before[0] if before else settings
        longer["further_steps_of"] = part(run, "mnli", run.intermediate.sets["mnli"])
    if source == AVERAGED:
        settings["optimisation"]["averaged"] = run.optimisation.averaged
    return settings


def _link(run: Run, source: str, target: str, name: str, seed: int) -> dict[str, Any]:
    """Return the settings of one training of a chain, whose head has the name of the whole."""
    rate = run.source(source).rate or _rate(run.target, name)
    return _training(run, [part_of_target(run, name) | {"name": target}], rate, seed, run.target.sets[name])


def method_of(run: Run, model: str, source: str, phase: str) -> dict[str, Any]:
    """Return how a phase trains a model where its encoder says more than weights: method, its rate, sentence vectors.

    Args:
        run: the run.
        model: the model.
        source: what it learns; a learning rate of its own in the target phase counts more than the method's.
        phase: ``intermediate`` or ``target``.
    """
    encoder = run.encoders[model]
    method, at = run.method_in(model, source, phase), {"sentence": encoder.sentence} if encoder.sentence else {}
    if method is None:
        return at
    rate = run.source(source).rate if phase == "target" else None
    own = {"learning_rate": method.learning_rate} if method.learning_rate and not rate else {}
    return {"method": method.settings} | own | at


def division_of(run: Run, model: str) -> dict[str, int]:
    """Return among how many GPUs a training of a model is divided, where that is more than one."""
    gpus = run.encoders[model].gpus_per_job
    return {"gpus_per_job": gpus} if gpus > 1 else {}


def links(run: Run) -> list[str]:
    """Return the training sets of the target phase, of a chain each of its own."""
    return list(dict.fromkeys(one for name in run.targets for one in tasks.training_set(name).links))


def part_of_target(run: Run, name: str) -> dict[str, Any]:
    """Return what the training on a target, or on one link of a chain, trains on."""
    return part(run, name, run.target.sets[name], phase="target")


def chosen_on(run: Run) -> dict[str, list[str]]:
    """Return the training sets of the target phase whose checkpoint other data choose: {name: data}."""
    parts = [part_of_target(run, name) for name in links(run)]
    return {part["name"]: part["dev"] for part in parts if "dev" in part}


def featurised(run: Run, use: str, name: str) -> dict[str, Any]:
    """Return what the features of a use depend on: neither seed nor rate, batch size, epochs or source.

    Args:
        run: the run.
        use: ``intermediate``, ``target``, ``task``, or ``index``, a task's candidates.
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
            "lengths": lengths_of_task(run, name),
            "labels": () if task.target == "none" else tasks.training_set(task.target).labels,
        } | ({"prefix": run.retrieval.prefix} if facts(task.family).paired else {})
    if use == "index":
        return {
            "kind": "evaluation",
            "family": tasks.task(name).family,
            "splits": ("test",),
            "languages": run.candidate_languages(name),
            "limit": None,
            "lengths": lengths_of_task(run, name),
            "labels": (),
        }
    if use == "target":
        found = part_of_target(run, name)
    else:
        stages = (stage for source in run.parsed_sources for stage in run.stages(source))
        parts = (one for source in stages for one in _parts(run, source))
        found = next(one for one in parts if one["features"] == f"{use}/{name}")
    kept = {key: found[key] for key in FEATURISED if key in found}
    kept["lengths"] = lengths(run, {found["family"]}, run.target.sets[name] if use == "target" else None)
    if facts(found["family"]).raw:
        return kept | {"kind": "raw_text"}
    spared = ["xquad/en"] if use == "target" and name == "squad" and run.selection.recipe == "clean" else []
    return kept | {"kind": "training_set", "selection": run.selection.model_dump(), "spared": spared}


def _parts(run: Run, source: Source) -> list[dict[str, Any]]:
    like = [english_part(run, source)] if source.amount == "matched" else []
    return parts_of_source(run, source.name) + like if source.kind in ("trained", "control") else []


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
        "lengths": lengths(run, {part["family"] for part in parts}, own if isinstance(own, TargetSettings) else None),
        "optimisation": optimisation(run) | (own.model_dump(include=OVERRIDES, exclude_none=True) if own else {}),
        "selection": run.selection.model_dump(),
    }


def optimisation(run: Run) -> dict[str, Any]:
    """Return what changes a result: how often a checkpoint is written and what is computed twice does not."""
    return run.optimisation.model_dump(exclude={"checkpoint_minutes", "activation_checkpointing", "averaged"})


def lengths_of_task(run: Run, name: str) -> dict[str, int]:
    """Return the token limits of a task: those of the training set that it is evaluated with."""
    task = tasks.task(name)
    last = None if task.target == "none" else tasks.training_set(task.target).links[-1]
    return lengths(run, {task.family}, run.target.sets[last] if last else None)


def lengths(run: Run, families: Iterable[str], own: TargetSettings | None = None) -> dict[str, int]:
    """Return the token limits that these families use, with what a training set of the target phase overrides."""
    all_lengths = run.lengths.model_dump() | (own.lengths if own else {})
    kept = {family: all_lengths[facts(family).length or family] for family in sorted(families)}
    further = [limit for family in kept for limit in facts(family).limits.values()]
    return kept | {limit: all_lengths[limit] for limit in further}

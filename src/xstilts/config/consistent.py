"""What the settings of a run must agree on, beyond each one by itself: ``check`` says the first thing that does not."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xstilts import tasks
from xstilts.config.naming import NAME, REPOSITORY, check_names, is_folder
from xstilts.config.shots import fault_of
from xstilts.config.sources import AVERAGED, CONTROLS, LONGER, parse
from xstilts.config.trainings import TrainingSettings
from xstilts.data.registry import dataset, names
from xstilts.errors import ConfigError
from xstilts.tasks import outside

WILDCARD = re.compile(r"{\w+")


def check(run: Any) -> None:
    """Refuse settings that do not go together.

    Args:
        run: a ``Run``, whose module imports this one.

    Raises:
        ValueError: it names the key, what was found and what was expected.
    """
    for one in (_sources, _kinds, _models, _languages, _sets, _lengths, _data):
        one(run)


def _sources(run: Any) -> None:
    """Whether each name in `sources` means something, and no list names one twice."""
    for entry in run.sources:
        if isinstance(entry, dict) and (len(entry) != 1 or set(*entry.values()) != {"encoder"}):
            raise ValueError(f"sources: found {entry!r}; expected `name: {{encoder: FOLDER}}`")
    check_names(run.run, run.recipe, run.models, [*run.own_encoders])
    mixtures, groups = ("multi", *run.intermediate.mixtures), run.intermediate.groups
    for entry in run.sources:
        if isinstance(entry, str) and parse(entry, mixtures, groups) is None:
            plain = ("none", "none-tuned", LONGER, AVERAGED, *CONTROLS)
            known = " ".join((*tasks.registry()[1], *mixtures, *plain))
            raise ValueError(
                f"sources: unknown source {entry!r}; known: {known}, a training set with a language (mnli-de), "
                "+mlm behind any of these (mnli+mlm), one after the other (mnli-then-squad), or "
                "`name: {encoder: FOLDER}`"
            )
    fixed = run.evaluation.retrieval_source
    if parse(fixed, mixtures) is None and fixed not in run.own_encoders:
        raise ValueError(f"evaluation.retrieval_source: unknown source {fixed!r}; expected a name as in `sources`")
    for name in run.own_encoders:
        if parse(name, mixtures) is not None:
            raise ValueError(f"sources: the name {name!r} has a meaning of its own; use another")
    named: dict[str, Sequence[object]] = {
        "models": run.models,
        "sources": run.source_names,
        "tasks": run.tasks,
        "seeds": run.seeds,
    }
    if run.languages != "all":
        named["languages"] = run.languages
    for key, values in named.items():
        if not values:
            raise ValueError(f"{key}: found none; expected at least one")
        for value in values:
            if values.count(value) > 1:
                raise ValueError(f"{key}: {value} stands twice; expected each once")
    for seed in run.seeds:
        if seed < 0:
            raise ValueError(f"seeds: found {seed}; expected numbers from 0")
    for name, parts in run.intermediate.mixtures.items():
        if (
            not NAME.fullmatch(name)
            or name in tasks.registry()[1]
            or not parts
            or set(parts) - set(tasks.registry()[1])
        ):
            raise ValueError(f"intermediate.mixtures: {name}: {parts}; expected a new name and training sets")


def _kinds(run: Any) -> None:
    """Whether each source may stand in such a run, and has the settings that it needs."""
    for kind, method in run.methods.items():
        if method.kind != kind:
            raise ValueError(f"methods.{kind}: found kind: {method.kind}; expected kind: {kind}, its name")
    groups = run.intermediate.groups
    grouped = [source for source in run.parsed_sources if any(s.language in groups for s in run.stages(source))]
    if grouped and not run.of_study:
        raise ValueError(
            f"sources: {grouped[0].name} trains on several languages; expected it as an arm of a study alone"
        )
    other = [source for source in run.parsed_sources if source.kind == "trained" and source.root != source.name]
    if other and not run.of_study:
        raise ValueError(f"sources: {other[0].name} has other rates on targets; expected it in a study alone")
    for source in run.parsed_sources:
        if source.in_studies_alone and not run.of_study:
            raise ValueError(f"sources: found {source.name}; expected it as an arm of a study alone")
        if fault := fault_of(source, run.few_shot, run.decoder, run.tasks):
            raise ValueError(fault)
    if any(source.base == "multi" for source in run.parsed_sources) and not run.mixtures["multi"]:
        raise ValueError("sources: multi trains on the intermediate tasks of the run; name at least one of them")
    if any(source.mlm for source in run.parsed_sources) and run.intermediate.mlm is None:
        raise ValueError("intermediate.mlm: is missing; a source with +mlm needs it")
    rates = [run.rates(model) for model in run.models if model in run.encoders]
    if (tuned := [source.name for source in run.parsed_sources if source.tuned]) and not all(rates):
        raise ValueError(f"target.rates: is empty; source {tuned[0]} chooses among them")


def _models(run: Any) -> None:
    """Whether models, tasks and places are there."""
    for name, settings in (*run.intermediate.sets.items(), *run.target.sets.items()):
        _check_chosen_on(name, settings.chosen_on)
    for name in run.models:
        if name not in run.encoders:
            raise ValueError(f"models: {name!r} has no entry in `encoders`; known: {' '.join(run.encoders)}")
    for name in run.tasks:
        try:
            tasks.task(name)
        except ConfigError as error:
            raise ValueError(f"tasks: {error}") from None
    reading = [source.name for source in run.parsed_sources if source.mlm or source.base == "mlm-en"]
    for name in run.models:
        if reading and run.encoders[name].vocabulary == "run":
            raise ValueError(
                f"encoders.{name}.vocabulary: run: source {reading[0]} learns to guess among all pieces; expected "
                "sources without raw text, or vocabulary: whole"
            )
    for key, place in _places(run).items():
        if place is None or Path(place).expanduser().is_dir():
            continue
        if Path(place).is_file():
            raise ValueError(f"{key}: found a file, {place!r}; expected an encoder's folder, or owner/name on the Hub")
        if is_folder(place) or not REPOSITORY.fullmatch(place):
            raise ValueError(f"{key}: found no folder {place!r}; expected an encoder's, or owner/name on the Hub")


def _languages(run: Any) -> None:
    """Whether a task has each language, and each task one of them."""
    if run.languages != "all":
        spoken = {code for name in run.tasks for code in run.goes_by.languages_of(tasks.task(name))}
        for code in run.languages:
            own = any(tasks.task(name).own and code in tasks.task(name).languages for name in run.tasks)
            if run.data.origin == "world" and run.world is not None and code not in run.world.languages and not own:
                known = " ".join(run.world.languages)
                raise ValueError(f"languages: found {code!r}; the generated languages are {known}")
            if code not in spoken | {"en"} and not tasks.PRIVATE_USE.fullmatch(code):
                raise ValueError(f"languages: no task of this run has {code!r}; known: {' '.join(sorted(spoken))}")
        for name in run.tasks:
            if not run.languages_of(name):
                generated = run.data.origin == "world" and run.world is not None and not tasks.task(name).own
                whole = run.model_copy(update={"languages": run.world.languages if generated else "all"})
                its, found = " ".join(whole.languages_of(name)), " ".join(run.languages)
                raise ValueError(f"languages: found {found}; expected one of {its} too, or `tasks` without {name}")


def _sets(run: Any) -> None:
    """Whether each training has settings, and those with which others can count."""
    for phase, more in (("intermediate", ("multi", "mlm-en")), ("target", ())):
        for name in getattr(run, phase).sets:
            _check_trained(phase, name, more)
    controls = {"mnli-shuffled": ["mnli"], "mlm-en": ["mlm-en", "mnli"]}
    stages = [stage for source in run.parsed_sources for stage in run.stages(source)]
    wanted = [name for source in stages for name in controls.get(source.base, run.training_sets(source))]
    wanted += ["multi" for source in stages if source.base in run.mixtures]
    wanted += ["mnli"] * (LONGER in run.source_names)
    links = dict.fromkeys(link for name in run.targets for link in tasks.training_set(name).links)
    for phase, needed in (("intermediate", dict.fromkeys(wanted)), ("target", links)):
        lacking = [name for name in needed if name not in getattr(run, phase).sets]
        if lacking:
            raise ValueError(f"{phase}.sets: no settings for {' '.join(lacking)}")
    for name in controls["mlm-en"] if "mlm-en" in wanted else ():
        _check_counted(f"intermediate.sets.{name}", run.intermediate.sets[name], "mlm-en takes as many")
    if LONGER in run.source_names:
        _check_counted("intermediate.sets.mnli", run.intermediate.sets["mnli"], f"{LONGER} takes as many more")
        for name in links:
            _check_counted(f"target.sets.{name}", run.target.sets[name], f"{LONGER} takes as many more")


def _lengths(run: Any) -> None:
    """Whether a question leaves room for its passage, whatever special tokens an encoder has."""
    own = {f"target.sets.{name}.lengths.": one.lengths for name, one in run.target.sets.items() if one.lengths}
    for key, changes in {"lengths.": {}, **own}.items():
        lengths = run.lengths.model_dump() | changes
        if lengths["max_query"] >= lengths["span_qa"]:
            raise ValueError(
                f"{key}max_query: found {lengths['max_query']} beside span_qa: {lengths['span_qa']}; expected fewer "
                "tokens of a question than of it with its passage"
            )


def _data(run: Any) -> None:
    """Whether places can be named, and the data are there."""
    places = [encoder.weights for encoder in run.encoders.values()] + [*run.own_encoders.values()]
    places += [run.translation.model] if run.translation else []
    for place in places:
        if place and WILDCARD.search(place):
            raise ValueError(f"encoders: {place!r}: Snakemake takes braces for a wildcard; a link to it may be named")
    if run.data.origin == "world" and run.world is None:
        raise ValueError("data.origin is world: give the section `world`")
    if run.data.origin == "world" and run.world is not None:
        read = {"pretrained_languages": run.pretrained_languages} | {
            f"encoders.{name}.pretraining.languages": run.encoders[name].pretraining.languages
            for name in run.models
            if run.is_pretrained_here(name)
        }
        for key, codes in read.items():
            if strange := [code for code in codes if code not in run.world.languages]:
                known = " ".join(run.world.languages)
                raise ValueError(f"{key}: found {strange[0]!r}; the generated languages are {known}")
    if run.data.origin != "world" and run.pretrained_languages:
        raise ValueError(
            "pretrained_languages: found on real data, where a score is a mean over the benchmark's languages; "
            "expected generated languages, or `languages` to leave some out"
        )
    if run.data.origin != "world" and run.mirror is not None and not Path(run.mirror).is_dir():
        raise ValueError(f"mirror: found no folder {run.mirror!r}; expected one of real data")


def _check_trained(phase: str, name: str, more: Sequence[str]) -> None:
    """Refuse settings of what is no training set: nothing would read them."""
    every, training = tasks.registry()
    known = [*(one for one, what in training.items() if not what.chain), *more]
    if name in known or name in outside.entries():
        return
    target = every[name].target if name in every else name
    why = f", whose settings are those of {' and '.join(training[target].links)}" if target in training else ""
    raise ValueError(
        f"{phase}.sets: found {name!r}{why}; expected training sets: {' '.join(known)}, or those of a file in "
        "`tasks` or `task_files`"
    )


def _check_counted(key: str, settings: TrainingSettings, who: str) -> None:
    """Refuse batches whose number nothing tells beforehand, where another training takes as many steps."""
    if settings.batch_size is None:
        raise ValueError(
            f"{key}: found batch_tokens; expected batch_size, because source {who} steps as mnli, which only "
            "batches of so many examples tell beforehand"
        )


def _check_chosen_on(name: str, other: str | None) -> None:
    """Refuse a data set that cannot choose the checkpoint of a training set."""
    if other is None:
        return
    fitting = [one for one in names() if dataset(one).family == tasks.training_set(name).family]
    known = [one for one in fitting if "en" in dataset(one).languages and "dev" in dataset(one).splits]
    if other not in known:
        raise ValueError(f"sets.{name}.chosen_on: found {other!r}; expected one of {' '.join(known)}")


def _places(run: Any) -> dict[str, str | None]:
    """Where the encoders come from that the run fetches, by the key that says so."""
    models = [name for name in run.models if not run.is_pretrained_here(name)]
    own = {f"sources.{name}.encoder": place for name, place in run.own_encoders.items()}
    return {f"encoders.{name}.weights": run.encoders[name].weights for name in models} | own

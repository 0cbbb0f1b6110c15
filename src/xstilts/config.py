"""The configuration of a run: its sections put together, checked against each other before anything runs."""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from xstilts import tasks
from xstilts.errors import ConfigError
from xstilts.sections import (
    INTERMEDIATE,
    Data,
    Encoder,
    Evaluation,
    Intermediate,
    Lengths,
    Names,
    Optimisation,
    Section,
    Selection,
    Target,
    Translation,
    World,
    read_list,
    read_number,
)
from xstilts.tasks.sources import CONTROLS, Source, at_rate, parse

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


class Run(Section):
    """A whole configuration."""

    run: str = Field(description="name of the run: its results stand in results/NAME")
    recipe: str = Field(
        description="name of the training settings, beside every result; changed settings want another name, "
        "a changed name changes no result"
    )
    data: Data = Field(description="where data come from")
    models: Names = Field(description="encoders of this run, by their names in `encoders`")
    encoders: dict[str, Encoder] = Field(description="encoders that a run can name")
    pretrain: bool = Field(
        default=False, description="pretrain the small encoders anew although their weights are kept"
    )
    sources: Annotated[list[str | dict[str, dict[str, str]]], BeforeValidator(read_list)] = Field(
        description="what the encoder learns before the target phase, a row of the main table each (names: below); "
        "a checkpoint of your own: `name: {encoder: FOLDER}`"
    )
    tasks: Names = Field(description="what is evaluated")
    languages: Annotated[list[str] | Literal["all"], BeforeValidator(read_list)] = Field(
        description="XTREME's codes; all: every language of each task"
    )
    pretrained_languages: list[str] = Field(
        default=[], description="languages of the headline when some were hardly or never pretrained on; empty: all"
    )
    seeds: Annotated[list[Annotated[int, BeforeValidator(read_number)]], BeforeValidator(read_list)] = Field(
        description="one drives a chain of both phases"
    )
    world: World | None = Field(default=None, description="the generated languages, where data.origin is world")
    translation: Translation | None = Field(default=None, description="translations of intermediate data made here")
    lengths: Lengths = Field(description="token limits, special tokens included")
    optimisation: Optimisation = Field(description="settings of both phases")
    intermediate: Intermediate = Field(description="training on the sources")
    target: Target = Field(description="training on the English data of the tasks")
    selection: Selection = Field(description="choice of the best checkpoint")
    evaluation: Evaluation = Field(description="what is scored")
    keep: Literal["all", "sources", "none"] = Field(
        default="all",
        description="whose weights stay on the disk: all; sources: a target's model goes after its predictions; "
        "none: a source's encoder too, once nothing needs it. A machine's setting: it changes no result",
    )
    mirror: str | None = Field(default=None, description="folder of the mirror; a place, not a setting")

    @model_validator(mode="after")
    def _consistent(self) -> "Run":
        for entry in self.sources:
            if isinstance(entry, dict) and (len(entry) != 1 or set(*entry.values()) != {"encoder"}):
                raise ValueError(f"sources: {entry!r}; expected `name: {{encoder: FOLDER}}`")
        for name in (self.run, self.recipe, *self.models, *self.own_encoders):
            if not NAME.fullmatch(name):
                raise ValueError(f"name {name!r}: use lower-case letters, digits, dots and dashes")
        mixtures = ("multi", *self.intermediate.mixtures)
        for entry in self.sources:
            if isinstance(entry, str) and parse(entry, mixtures) is None:
                known = " ".join((*INTERMEDIATE, *mixtures, "none", "none-tuned", *CONTROLS))
                raise ValueError(
                    f"sources: unknown source {entry!r}; known: {known}, a training set with a language (mnli-de), "
                    "+mlm behind any of these (mnli+mlm), or `name: {encoder: FOLDER}`"
                )
        fixed = self.evaluation.retrieval_source
        if parse(fixed, mixtures) is None and fixed not in self.own_encoders:
            raise ValueError(f"evaluation.retrieval_source: unknown source {fixed!r}; expected a name as in `sources`")
        for name in self.own_encoders:
            if parse(name, mixtures) is not None:
                raise ValueError(f"sources: the name {name!r} has a meaning of its own; use another")
        if len({source.name for source in self.parsed_sources}) != len(self.sources):
            raise ValueError("sources: a name stands twice")
        for name, parts in self.intermediate.mixtures.items():
            if not NAME.fullmatch(name) or name in INTERMEDIATE or not parts or set(parts) - set(INTERMEDIATE):
                raise ValueError(f"intermediate.mixtures: {name}: {parts}; expected a new name and training sets")
        if any(source.base == "multi" for source in self.parsed_sources) and not self.mixtures["multi"]:
            raise ValueError("sources: multi trains on the intermediate tasks of the run; name at least one of them")
        if any(source.mlm for source in self.parsed_sources) and self.intermediate.mlm is None:
            raise ValueError("intermediate.mlm: is missing; a source with +mlm needs it")
        if any(source.kind == "tuned" for source in self.parsed_sources) and not self.target.rates:
            raise ValueError("target.rates: is empty; source none-tuned chooses among them")
        for name in self.models:
            if name not in self.encoders:
                raise ValueError(f"models: {name!r} has no entry in `encoders`; known: {' '.join(self.encoders)}")
        for name in self.tasks:
            try:
                tasks.task(name)
            except ConfigError as error:
                raise ValueError(f"tasks: {error}") from None
        if self.languages != "all":
            spoken = {code for name in self.tasks for code in tasks.task(name).languages}
            for code in self.languages:
                if code not in spoken | {"en"} and not tasks.PRIVATE_USE.fullmatch(code):
                    raise ValueError(f"languages: no task of this run has {code!r}; known: {' '.join(sorted(spoken))}")
        controls = {"mnli-shuffled": ["mnli"], "mlm-en": ["mlm-en", "mnli"]}
        wanted = [n for source in self.parsed_sources for n in controls.get(source.base, self.training_sets(source))]
        wanted += ["multi" for source in self.parsed_sources if source.base in self.mixtures]
        for phase, needed in (("intermediate", dict.fromkeys(wanted)), ("target", self.targets)):
            lacking = [name for name in needed if name not in getattr(self, phase).sets]
            if lacking:
                raise ValueError(f"{phase}.sets: no settings for {' '.join(lacking)}")
        for name in controls["mlm-en"] if "mlm-en" in wanted else ():
            if self.intermediate.sets[name].batch_size is None:
                raise ValueError(
                    f"intermediate.sets.{name}: found batch_tokens; expected batch_size, because source mlm-en takes "
                    "as many steps as mnli, which only batches of so many examples tell beforehand"
                )
        if self.data.origin == "world" and self.world is None:
            raise ValueError("data.origin is world: give the section `world`")
        if self.data.origin != "world" and self.mirror is not None and not Path(self.mirror).is_dir():
            raise ValueError(f"mirror: found no folder {self.mirror!r}; expected one of real data")
        return self

    @cached_property
    def parsed_sources(self) -> list[Source]:
        """The sources in the order of the table: without raw text, with it, translated, the user's own, controls."""
        mixtures = ("multi", *self.intermediate.mixtures)
        found = [
            parse(name, mixtures) or Source(name, "own", name)
            for name in (entry if isinstance(entry, str) else next(iter(entry)) for entry in self.sources)
        ]
        return sorted(found, key=lambda source: source.place)

    @property
    def recipe_name(self) -> str:
        """The recipe as tables name it: with ``+clean`` where held-out training data choose the checkpoints."""
        return self.recipe + ("+clean" if self.selection.recipe == "clean" else "")

    @property
    def source_names(self) -> list[str]:
        """The sources by name, in the order of the table."""
        return [source.name for source in self.parsed_sources]

    def source(self, name: str) -> Source:
        """Return what the name of a source says in this run."""
        return parse(name, self.mixtures) or Source(name, "own", name)

    @property
    def own_encoders(self) -> dict[str, str]:
        """The user's own checkpoints among the sources: name -> folder."""
        return {
            name: value["encoder"] for entry in self.sources if isinstance(entry, dict) for name, value in entry.items()
        }

    @cached_property
    def mixtures(self) -> dict[str, list[str]]:
        """The sources of several training sets; ``multi`` is all those that the run trains on alone, in English."""
        alone = [source.base for source in self.parsed_sources if source.kind == "trained" and source.language == "en"]
        return {"multi": [name for name in dict.fromkeys(alone) if name in INTERMEDIATE], **self.intermediate.mixtures}

    def candidates(self, target: str) -> dict[str, float]:
        """What ``none-tuned`` chooses among on a target: {source: learning rate}; the usual rate is plain ``none``."""
        usual = self.target.sets[target].learning_rate or self.target.learning_rate
        return {"none" if rate == usual else at_rate(rate): rate for rate in self.target.rates}

    def training_sets(self, source: Source) -> list[str]:
        """Return the labelled training sets of a source, none for one that is not trained on any."""
        return self.mixtures.get(source.base, [source.base]) if source.kind == "trained" else []

    @property
    def targets(self) -> list[str]:
        """The training sets of the target phase, in the order of the tasks."""
        return list(dict.fromkeys(t for name in self.tasks if (t := tasks.task(name).target) != "none"))

    def is_pretrained_here(self, model: str) -> bool:
        """Say whether the workflow pretrains a model itself in this run."""
        encoder = self.encoders[model]
        return encoder.pretraining is not None and (self.pretrain or encoder.weights is None)

    def languages_of(self, task_name: str) -> list[str]:
        """The languages of a task in this run, in the order of the registry; a private-use code comes last."""
        task = tasks.task(task_name)
        if self.languages == "all":
            return list(task.languages)
        chosen = [code for code in self.languages if task.has_language(code)]
        return [code for code in chosen if not (task.family == "retrieval" and code == "en")]


def load(raw: dict[str, Any]) -> Run:
    """Check a configuration; ConfigError names each bad key, what was found and what was expected, a line each."""
    try:
        return Run.model_validate(raw)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            key = ".".join(str(part) for part in problem["loc"])
            message = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                message = f"unknown key{_nearest(problem['loc'])}"
            elif problem["type"] == "missing":
                message = "is missing"
            elif problem["loc"] and not isinstance(problem["input"], dict):
                message = f"found {problem['input']!r}; {message[0].lower()}{message[1:]}"
            lines.append(f"{key}: {message}" if key else message)
        raise ConfigError("; ".join(lines)) from None


def _nearest(place: tuple[Any, ...]) -> str:
    """Suggest the known key that a misspelt one was probably meant to be."""
    import difflib

    model: Any = Run
    for part in place[:-1]:
        fields = getattr(model, "model_fields", {})
        if part in fields:
            model = fields[part].annotation
            for argument in getattr(model, "__args__", ()):
                if isinstance(argument, type) and issubclass(argument, BaseModel):
                    model = argument
    close = difflib.get_close_matches(str(place[-1]), list(getattr(model, "model_fields", {})), 1)
    return f"; did you mean {close[0]!r}?" if close else ""

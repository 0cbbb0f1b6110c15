"""A study: a question, its arms and its rule of decision, as a file in config/studies/ says before any number."""

from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator

from xstilts.config.layers import merged
from xstilts.config.methods import Method, read_kind
from xstilts.config.naming import NAME
from xstilts.config.problems import lines_of
from xstilts.config.run import Run, load
from xstilts.config.section import Section
from xstilts.config.sources import CONTEXT, TUNED
from xstilts.config.values import Count, Names, Positive, read_list
from xstilts.config.yaml_file import read_yaml
from xstilts.errors import ConfigError
from xstilts.serving.names import Scenario

STUDIES = Path("config/studies")
BEST = "best-en"  # the arm that is, for each task, the candidate that is best on English dev
WHOLE = "full"  # the method that needs no adapters


def even(repeats: int) -> int:
    """Refuse an odd number of times: what drifts slowly would meet the arms unlike."""
    if repeats % 2:
        raise ValueError("expected an even number, as many forwards as backwards")
    return repeats


Turns = Annotated[Count, AfterValidator(even)]


class Speed(Section):
    """Steps of the arms' trainings measured in one process, in an order and its reverse by turns."""

    arms: Names = Field(description="arms whose training is measured: sources of one labelled set")
    batching: list[Literal["unpadded", "dynamic", "maximum"]] = Field(
        description="unpadded: sequences end to end; dynamic, maximum: padded to the longest of the batch, to the limit"
    )
    repeats: Turns = Field(description="times that all arms are gone through", ge=3)
    steps: Count = Field(description="optimiser steps of an arm and batching, in each repeat")


class Serving(Section):
    """Trained models of the arms under the scenarios of MLPerf Inference, in one process and by turns."""

    source: str = Field(
        description="arm whose models meet every scenario and every task; the others SingleStream and the first task"
    )
    scenarios: list[Scenario] = Field(description="of the first task, SingleStream among them")
    beside: list[Scenario] = Field(description="of the other tasks")
    rounds: Count = Field(
        description="of the comparison that decides: in each, a model and the one beside it answer the same 64 "
        "queries, a query each by turns",
        ge=2,
    )
    repeats: Turns = Field(
        description="times that all models are gone through under load, as often forwards as backwards; MultiStream: "
        "twice, Server: one search",
        ge=2,
    )
    seconds: Positive | None = Field(description="of a measurement at least; null: MLPerf's 600")
    samples: Count | None = Field(description="of Offline; null: MLPerf's 24,576")

    @model_validator(mode="after")
    def _consistent(self) -> "Serving":
        if "SingleStream" not in self.scenarios:
            raise ValueError(f"scenarios: found {' '.join(self.scenarios)}; expected SingleStream among them")
        return self


class Latency(Section):
    """How fast the trained models of arms answer, measured in one process, in an order and its reverse by turns."""

    arms: Names = Field(
        description="arms whose trained models are measured, with adapters as they are and merged; those in context too"
    )
    questions: Count = Field(description="of the test sets in all languages: alone, and all at once, a repeat")
    repeats: Turns = Field(description="times that all arms are gone through", ge=3)


class Study(Section):
    """One study, on top of a run: what it does not say is the run's."""

    question: str = Field(description="what is asked, in a sentence")
    seeds: Annotated[list[int], BeforeValidator(read_list)] = Field(description="of every arm, so that arms are paired")
    least_seeds: Count = Field(
        default=3, description="with fewer the answer is `not identified`; no part of an answer on speed", ge=3
    )
    smallest: Positive | None = Field(
        default=None,
        description="points of the average (of speed: percent): less counts as no effect, fixed beforehand; null: the "
        "study's rule has none",
    )
    arms: dict[str, str] = Field(
        description=f"source of each arm, by the name that the study has for it; or `{BEST}`; null: not this arm"
    )
    methods: dict[str, Annotated[Method, BeforeValidator(read_kind)]] = Field(
        default={},
        description="how the run's encoder trains beside the whole of it, by name; every arm has each of them, as "
        "`NAME after ARM`",
    )
    candidates: Names = Field(default=[], description=f"sources among which English dev chooses `{BEST}`")
    families: dict[str, dict[str, Positive]] = Field(
        default={},
        description="encoders of several sizes, by family: billions of parameters of each. Every one has the two arms, "
        "and the gain of the second over the first is set against the size; the first family decides",
    )
    apart: Literal["task", "language"] = Field(
        default="task", description="what is left out in turn beside the answer: a task, or of a single task a language"
    )
    unlearned: Literal["left out", "counted"] = Field(
        default="left out",
        description="scores of trainings on a target that learned nothing: left out, or counted as they are, where the "
        "question is whether an arm can learn it at all",
    )
    tasks: Names = Field(default=[], description="what is evaluated; empty: the run's tasks")
    tuned: bool = Field(
        default=False,
        description="whether every arm has each target's learning rate chosen among `target.rates` on English dev",
    )
    languages: Names = Field(default=[], description="languages of the tasks; empty: the run's")
    left_out: Names = Field(default=[], description="tasks that count in no average: an arm was trained on them")
    speed: Speed | None = Field(default=None, description="what is measured of the arms' speed; null: nothing")
    serving: Serving | None = Field(
        default=None, description="what is measured of the trained models as they answer; null: nothing"
    )
    latency: Latency | None = Field(
        default=None,
        description="what is measured of the speed of answers; null: nothing. The page then has memory too",
    )
    lacking: dict[str, str] = Field(default={}, description="arms that the run cannot compute, and why; is filled in")
    settings: dict[str, Any] = Field(default={}, description="settings of the run that the study changes for its arms")
    benchmarks: dict[str, dict[str, Any]] = Field(
        default={}, description="what is different where the run goes by another benchmark, by its name: keys as these"
    )
    recipes: dict[str, dict[str, Any]] = Field(
        default={}, description="what is different in runs by a recipe, by its name: keys as these"
    )
    generated: dict[str, Any] = Field(default={}, description="what is different on generated languages: keys as these")

    @field_validator("families", "arms", mode="before")
    @classmethod
    def _without_null(cls, named: Any) -> Any:
        """Leave out a family or an arm that the twin on generated languages sets to null."""
        return {name: own for name, own in named.items() if own} if isinstance(named, dict) else named

    @model_validator(mode="after")
    def _consistent(self) -> "Study":
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds: found {self.seeds}; expected each once")
        if BEST in self.arms.values() and len(self.candidates) < 2:
            raise ValueError(f"candidates: found {len(self.candidates)}; expected two or more, for the arm {BEST}")
        if BEST in self.arms.values() and self.tuned:
            raise ValueError(f"tuned: found it with the arm {BEST}; expected arms of one source each")
        if self.speed and (strange := set(self.speed.arms) - set(self.arms)):
            raise ValueError(f"speed.arms: found {' '.join(sorted(strange))}; expected some of the arms")
        if self.latency and (strange := set(self.latency.arms) - set(self.arms)):
            raise ValueError(f"latency.arms: found {' '.join(sorted(strange))}; expected some of the arms")
        for name in self.methods:
            if not NAME.fullmatch(name) or name == WHOLE:
                raise ValueError(f"methods: found {name!r}; expected another name, in small letters")
        if self.families and len(self.arms) != 2:
            raise ValueError(f"arms: found {len(self.arms)}; expected two beside `families`: without, and with")
        if len(set(self.models)) < len(self.models):
            raise ValueError("families: found an encoder twice; expected each once")
        for family, sizes in self.families.items():
            if len(set(sizes.values())) < len(sizes):
                raise ValueError(f"families.{family}: found one size of two encoders; expected each once")
        if self.families and self.methods:
            raise ValueError(
                "methods: found some beside `families`; expected none: an encoder's `method` stands in settings"
            )
        if self.serving and self.serving.source not in self.arms:
            raise ValueError(f"serving.source: found {self.serving.source!r}; expected one of the arms")
        if strange := set(self.left_out) - set(self.tasks or self.left_out):
            raise ValueError(f"left_out: found {' '.join(sorted(strange))}; expected some of the tasks")
        return self

    @property
    def models(self) -> list[str]:
        """The encoders whose sizes are compared; none where the study has the run's."""
        return [name for family in self.families.values() for name in family]

    @property
    def files(self) -> list[str]:
        """The names of what deciding the study writes."""
        found = ["scores.csv", "seals.json", "costs.csv", "verdict.md", "verdict.json"]
        tables, figures = (["gains"], ["gains"]) if self.families else (["arms", "contrasts"], ["forest", "pareto"])
        tables += ["speeds"] if self.serving else []
        drawn = [f"{name}.{form}" for name in figures for form in ("svg", "png")]
        return [*found, *(f"{name}.csv" for name in tables), *drawn]

    @property
    def sources(self) -> list[str]:
        """The sources that are trained, each once."""
        named = dict.fromkeys([*self.arms.values(), *self.candidates])
        return [self.rated(name) for name in named if name != BEST]

    def rated(self, source: str) -> str:
        """Return the source of an arm, of a study that chooses rates that with its own on each target."""
        return source + TUNED if self.tuned and source != BEST else source

    def computable(self, run: Run) -> "Study":
        """Return the study without the arms that a run cannot compute; ``lacking`` names these, and says why."""
        if run.decoder is not None or self.settings.get("decoder"):
            return self
        why = "no decoder is configured (`decoder: {weights: FOLDER-OR-HUB-ID}`)"
        lacking = {arm: why for arm, source in self.arms.items() if CONTEXT.fullmatch(source)}
        arms = {arm: source for arm, source in self.arms.items() if arm not in lacking}
        return self.model_copy(update={"arms": arms, "lacking": lacking})

    def encoders(self, model: str) -> dict[str, str]:
        """Return the encoders of a study on an encoder, by method."""
        return {WHOLE: model} | {name: f"{model}-{name}" for name in self.methods}

    def cells(self, model: str) -> dict[str, tuple[str, str]]:
        """Return each arm's (encoder, source) in a study on an encoder, or on those of its families."""
        if self.families:
            own = {arm: self.rated(source) for arm, source in self.arms.items()}
            return {f"{name}, {arm}": (name, source) for name in self.models for arm, source in own.items()}
        if not self.methods:
            return {arm: (model, self.rated(source)) for arm, source in self.arms.items()}
        return {
            f"{method} after {arm}": (encoder, self.rated(source))
            for arm, source in self.arms.items()
            for method, encoder in self.encoders(model).items()
        }


def read_study(code: Path, name: str, generated: bool, benchmark: str = "xtreme", recipe: str = "") -> Study:
    """Return a study by its name.

    Args:
        code: the folder of the workflow.
        name: of a file in config/studies, without its suffix.
        generated: the run is on generated languages: the file's own twin of the study.
        benchmark: by which the run goes.
        recipe: of the run.

    Raises:
        ConfigError: no such study, or one that is not as it should be.
    """
    path = code / STUDIES / f"{name}.yaml"
    if not path.is_file():
        known = " ".join(sorted(one.stem for one in (code / STUDIES).glob("*.yaml")))
        raise ConfigError(f"study: found {name!r}; expected one of {known}")
    try:
        content = read_yaml(path)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from None
    changes: list[Mapping[str, Any]] = [(content.get("benchmarks") or {}).get(benchmark, {})]
    changes += [(content.get("recipes") or {}).get(recipe, {}), *[content.get("generated") or {}] * generated]
    try:
        return Study.model_validate(reduce(merged, changes, content))
    except ValidationError as error:
        raise ConfigError(f"{path}: {'; '.join(lines_of(error, Study))}") from None


def run_of_study(run: Run, study: Study) -> Run:
    """Return the configuration of a study's arms: the run's, with the study's sources, seeds, tasks and settings.

    Its encoder is the first of the run; those of its methods are the same with other settings of training. A study of
    several sizes has encoders of its own, of which its settings say more.
    """
    model = run.models[0]
    encoders = study.encoders(model)
    if taken := (set(encoders.values()) - {model}) & set(run.encoders):
        raise ConfigError(f"study: {min(taken)} is a name of the study; expected another one in `encoders`")
    adapted = {
        encoders[name]: run.encoders[model].model_dump(mode="json") | {"method": method.model_dump(mode="json")}
        for name, method in study.methods.items()
    }
    own = {name: {name: {"encoder": place}} for name, place in run.own_encoders.items()}
    changes = {
        "study": None,
        "models": study.models or [*encoders.values()],
        "sources": [own.get(name, name) for name in study.sources],
        "seeds": study.seeds,
        "tasks": study.tasks or run.tasks,
        "languages": study.languages or run.languages,
    }
    raw = merged(run.model_dump(mode="json"), {"encoders": adapted})
    if run.evaluation.retrieval_source in set(run.own_encoders) - set(study.sources):
        raw["evaluation"]["retrieval_source"] = "none"  # of a row of the main table, which a study has not
    return load(merged(raw, study.settings) | changes, of_study=True)

"""The configuration of a run: its sections put together, checked against each other before anything runs."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WithJsonSchema, model_validator

from xstilts import tasks
from xstilts.config.consistent import check
from xstilts.config.encoders import Encoder
from xstilts.config.methods import Kind, Method
from xstilts.config.outside import with_own_tasks
from xstilts.config.problems import lines_of
from xstilts.config.section import Section
from xstilts.config.sections import Data, Evaluation, Lengths, Retrieval, Selection, Translation, World
from xstilts.config.shots import Decoder, FewShot
from xstilts.config.sources import THEN, TUNED, Source, at_rate, parse
from xstilts.config.trainings import Intermediate, Optimisation, Target, Training
from xstilts.config.values import Names, read_list, read_name, read_names, read_number
from xstilts.data.registry import dataset
from xstilts.errors import ConfigError
from xstilts.families.facts import facts
from xstilts.tasks.benchmark import BENCHMARKS, Benchmark, benchmark

NAMES_OR_ALL = {"anyOf": [{"items": {"type": "string"}, "type": "array"}, {"const": "all", "type": "string"}]}


class Run(Section):
    """A whole configuration."""

    run: str = Field(description="name of the run: its results stand in results/NAME")
    recipe: str = Field(
        description="name of the training settings, beside every result; changed settings want another name, "
        "a changed name changes no result"
    )
    data: Data = Field(description="where data come from")
    models: Names = Field(description="encoders of this run, by their names in `encoders`")
    encoders: Annotated[dict[str, Encoder], BeforeValidator(read_name)] = Field(
        description="encoders that a run can name"
    )
    pretrain: bool = Field(
        default=False, description="pretrain the small encoders anew although their weights are kept"
    )
    sources: Annotated[list[str | dict[str, dict[str, str]]], BeforeValidator(read_names)] = Field(
        description="what the encoder learns before the target phase, a row of the main table each (names: below); "
        "a checkpoint of your own: `name: {encoder: FOLDER}`"
    )
    benchmark: Literal["xtreme", "xtreme_r"] = Field(
        default="xtreme",
        description="whose tasks, languages and average the tables go by: xtreme (nine tasks) or xtreme_r (ten)",
    )
    tasks: Annotated[Names, WithJsonSchema(NAMES_OR_ALL)] = Field(
        description="what is evaluated: names, and YAML files with tasks of your own; all: the benchmark's"
    )
    task_files: Names = Field(
        default=[], description="files with tasks and training sets of your own; one named in `tasks` stands here too"
    )
    languages: Annotated[list[str] | Literal["all"], BeforeValidator(read_list)] = Field(
        description="codes as the benchmark has them; all: every language that it has of each task"
    )
    pretrained_languages: list[str] = Field(
        default=[],
        description="of generated languages those that tables are over; others were hardly or never read; empty: all",
    )
    seeds: Annotated[list[Annotated[int, BeforeValidator(read_number)]], BeforeValidator(read_list)] = Field(
        description="one drives a chain of both phases"
    )
    world: World | None = Field(default=None, description="the generated languages, where data.origin is world")
    translation: Translation | None = Field(default=None, description="translations of intermediate data made here")
    lengths: Lengths = Field(description="token limits, special tokens included")
    optimisation: Optimisation = Field(description="settings of both phases")
    training: Training = Field(description="how much both phases read of each training set")
    intermediate: Intermediate = Field(description="training on the sources")
    target: Target = Field(description="training on the English data of the tasks")
    selection: Selection = Field(description="choice of the best checkpoint")
    evaluation: Evaluation = Field(description="what is scored")
    retrieval: Retrieval = Field(default=Retrieval(), description="sentence vectors of retrieval")
    methods: dict[Kind, Method] = Field(
        default={},
        exclude_if=lambda methods: not methods,
        description="adapters by kind, of sources such as `mnli+lora`; a kind without an entry has what is taken where "
        "nothing is said; in studies alone",
    )
    few_shot: FewShot | None = Field(
        default=None,
        exclude_if=lambda found: found is None,
        description="training on examples of a language, of sources such as `mnli+5shots`; in studies alone",
    )
    decoder: Decoder | None = Field(
        default=None,
        exclude_if=lambda found: found is None,
        description="a decoder that reads English examples before a question, of sources such as `in-context-4`; in "
        "studies alone; null: these arms are not computed",
    )
    study: str | None = Field(
        default=None, description="study of config/studies whose arms are computed beside the run; null: none"
    )
    keep: Literal["all", "sources", "pretrained"] = Field(
        default="all",
        description="whose weights stay on the disk: all; sources: a target's model goes after its predictions; "
        "pretrained: a source's encoder too, once nothing needs it. A machine's setting: it changes no result",
    )
    mirror: Annotated[str | None, AfterValidator(lambda place: place and str(Path(place).expanduser()))] = Field(
        default=None, description="folder of the mirror; a place, not a setting"
    )

    of_study: ClassVar[bool] = False  # whether it is a study's, whose arms stand in no main table

    @model_validator(mode="after")
    def _consistent(self) -> "Run":
        check(self)
        return self

    @cached_property
    def parsed_sources(self) -> list[Source]:
        """The sources in the order of the table: without raw text, with it, translated, the user's own, controls."""
        mixtures = ("multi", *self.intermediate.mixtures)
        found = [
            parse(name, mixtures, self.intermediate.groups) or Source(name, "own", name)
            for name in (entry if isinstance(entry, str) else next(iter(entry)) for entry in self.sources)
        ]
        return sorted(found, key=lambda source: source.place)

    @property
    def goes_by(self) -> Benchmark:
        """The benchmark that the run's tables go by."""
        return benchmark(self.benchmark)

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
        return parse(name, self.mixtures, self.intermediate.groups) or Source(name, "own", name)

    def stages(self, source: Source) -> list[Source]:
        """Return the sources that a source trains on one after the other: itself, where it is no chain."""
        if source.kind in ("shots", "context"):
            return self.stages(self.source(source.base)) if source.base else []
        return [self.source(name) for name in source.name.split(THEN)]

    def method_in(self, model: str, source: str, phase: str) -> Method | None:
        """Return how a phase of a source trains a model where that is not the whole of it."""
        kind = self.source(source).method
        if not kind:
            return self.encoders[model].method_in(phase)
        said = [method for name, method in self.methods.items() if name == kind]
        own = said[0] if said else Method.model_validate({"kind": kind})
        return own if phase in own.phases else None

    @property
    def own_encoders(self) -> dict[str, str]:
        """The user's own checkpoints among the sources: name -> folder."""
        return {
            name: value["encoder"] for entry in self.sources if isinstance(entry, dict) for name, value in entry.items()
        }

    @cached_property
    def mixtures(self) -> dict[str, list[str]]:
        """The sources of several training sets; ``multi`` is all those that the run trains on alone, in English."""
        alone = [source.base for source in self.parsed_sources if source.may_be_best]
        return {
            "multi": [name for name in dict.fromkeys(alone) if name in tasks.registry()[1]],
            **self.intermediate.mixtures,
        }

    def rates(self, model: str) -> list[float]:
        """The learning rates among which ``none-tuned`` chooses for a model: those of its method, else the run's."""
        method = self.encoders[model].method_in("target")
        return (method and method.rates) or self.target.rates

    def candidates(self, model: str, source: str, target: str) -> dict[str, float]:
        """What ``none-tuned`` chooses among on a target: {source: learning rate}; the usual rate is plain ``none``.

        Of any other source whose rates are chosen alike: among its own.
        """
        root = source.removesuffix(TUNED)
        usual = self.target.sets[tasks.training_set(target).links[-1]].learning_rate or self.target.learning_rate
        method = self.encoders[model].method_in("target")
        usual = (method and method.learning_rate) or usual
        return {root if rate == usual else at_rate(rate, root): rate for rate in self.rates(model)}

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
        """The languages of a task in this run, in the order of its benchmark; a private-use code comes last.

        Of a generated world the user's own tasks alone have other languages.
        """
        task = tasks.task(task_name)
        chosen = [code for code in self.goes_by.languages_of(task) if self.languages == "all"]
        chosen += [c for c in self.languages if self.languages != "all" and self.goes_by.has_language(task, c)]
        if self.data.origin == "world" and self.world is not None and not task.own:
            chosen = [code for code in chosen if code in self.world.languages]
        return [code for code in chosen if not (facts(task.family).paired and code == "en")]

    def candidate_languages(self, task_name: str) -> list[str]:
        """The languages of a task's candidates: all that there are, whichever of them the run scores.

        A data set with the one language ``all`` is of no language; the user's own is not generated.
        """
        found = dataset(str(tasks.task(task_name).candidates))
        generated = self.world is not None and self.data.origin == "world" and found.folder is None
        if self.world is None or not generated or found.languages == ("all",):
            return list(found.languages)
        return [code for code in self.world.languages if found.has_language(code)]


class StudyRun(Run):
    """The configuration of a study's arms: a run's with what the study says, for no table of the run."""

    of_study: ClassVar[bool] = True


def with_benchmark(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration in which the names of a benchmark's tasks stand in place of ``all`` among its tasks."""
    wanted, name = read_list(raw.get("tasks")), raw.get("benchmark", "xtreme")
    wanted = [wanted] if wanted == "all" else wanted
    if not isinstance(wanted, list) or "all" not in wanted:
        return raw
    whole = BENCHMARKS[name if name in list(BENCHMARKS) else "xtreme"].tasks  # another name is refused by itself
    return raw | {"tasks": [task for one in wanted for task in (whole if one == "all" else [one])]}


def load(raw: dict[str, Any], of_study: bool = False) -> Run:
    """Check a configuration; ConfigError names each bad key, what was found and what was expected, a line each."""
    raw = with_own_tasks(with_benchmark(raw))
    try:
        return (StudyRun if of_study else Run).model_validate(raw)
    except ValidationError as error:
        raise ConfigError("; ".join(lines_of(error, Run))) from None

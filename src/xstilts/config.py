"""The configuration of a run: what a user may write, checked key by key before anything runs."""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from xstilts import tasks
from xstilts.errors import ConfigError
from xstilts.tasks.sources import CONTROLS, Source, at_rate, parse

INTERMEDIATE = tuple(tasks.registry()[1])  # any training set can be a source
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
LANGUAGE = re.compile(r"[a-z]{2,3}")


def _number(value: Any) -> Any:
    """Read ``3e-5`` as the number it is: YAML 1.1 takes it for a string. ``yes``, True to Python, is none."""
    if isinstance(value, bool):
        raise ValueError("input should be a number")
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _list(value: Any) -> Any:
    """Read ``a,b`` or ``a b`` or a single number as a list, so that one line of a command picks a part."""
    if isinstance(value, int):
        return [value]
    if isinstance(value, str) and value != "all":
        return [part for part in re.split(r"[,\s]+", value) if part]
    return value


Number = Annotated[float, BeforeValidator(_number)]
Positive = Annotated[float, Field(gt=0), BeforeValidator(_number)]
Count = Annotated[int, Field(gt=0), BeforeValidator(_number)]
Names = Annotated[list[str], BeforeValidator(_list)]


class Section(BaseModel):
    """Unknown keys are refused everywhere, so that a misspelt one cannot pass silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Section):
    """Where data come from."""

    origin: Literal["public", "mirror", "world"] = Field(
        description="public: data as published, from the mirror where it has them, else from the Hub or the upstream "
        "archives; mirror: whatever a folder of real data holds; world: generated here"
    )


class World(Section):
    """The generated languages of the demo."""

    seed: Annotated[int, BeforeValidator(_number)] = Field(description="seed of lexicons, entities, facts and examples")
    languages: list[str] = Field(description="en and private-use codes; the last one is in no text for training")
    train: Count = Field(description="examples of each English target training set")
    dev: Count = Field(description="dev examples of each task and language")
    test: Count = Field(description="test examples of each task and language")
    intermediate_train: Count = Field(description="examples of each intermediate training set")
    intermediate_dev: Count = Field(description="dev examples of each intermediate task")
    retrieval: Count = Field(description="parallel pairs of Tatoeba and of each split of BUCC")
    distractors: Count = Field(description="sentences a side of BUCC without a counterpart")
    text: Count = Field(description="lines of raw text a language")
    parallel: Count = Field(description="lines of text in parallel with English, a language")


class Pretraining(Section):
    """How a small encoder of the workflow's own is pretrained by masked language modelling."""

    languages: list[str] = Field(description="languages whose raw text is read")
    task_text: list[str] = Field(default=[], description="English training sets whose text joins the corpus")
    parallel: bool = Field(description="read sentence pairs too (translation language modelling); the report says so")
    vocabulary: Count = Field(description="pieces of the Unigram tokenizer")
    layers: Count = Field(description="layers of the encoder")
    hidden: Count = Field(description="width of a layer")
    heads: Count = Field(description="attention heads of a layer")
    intermediate: Count = Field(description="width inside a feed-forward block")
    positions: Count = Field(description="longest input in tokens")
    dropout: Annotated[float, Field(ge=0, lt=1), BeforeValidator(_number)] = Field(
        description="share of activations set to zero, in this pretraining and in all later trainings"
    )
    max_length: Count = Field(description="tokens of a block of text")
    batch_size: Count = Field(description="blocks of a step")
    epochs: Positive = Field(description="passes over the text; a fraction is fine")
    learning_rate: Positive = Field(description="largest learning rate of AdamW")
    alpha: Positive = Field(description="languages are sampled in proportion to size ** alpha (XLM)")
    packed: bool = Field(description="fill blocks with consecutive lines; false: a line (or pair) a block")
    half: bool = Field(description="store float16")
    seed: Annotated[int, BeforeValidator(_number)] = Field(description="seed of weights, order and masks")


class Encoder(Section):
    """Where a model comes from: exactly one of a folder or Hub identifier, or pretraining."""

    weights: str | None = Field(default=None, description="folder or Hub identifier of an encoder with safetensors")
    revision: str | None = Field(default=None, description="commit, tag or branch on the Hub; null: its main branch")
    pretraining: Pretraining | None = Field(default=None, description="settings to pretrain it here")

    @model_validator(mode="after")
    def _one(self) -> "Encoder":
        if self.weights is None and self.pretraining is None:
            raise ValueError("give `weights` (a folder or Hub identifier) or `pretraining` (settings)")
        return self


class Optimisation(Section):
    """What both phases share."""

    warmup: Annotated[float, Field(ge=0, lt=1), BeforeValidator(_number)] = Field(description="share of all steps")
    weight_decay: Annotated[float, Field(ge=0), BeforeValidator(_number)] = Field(
        description="of AdamW, except on biases and LayerNorm"
    )
    epsilon: Positive = Field(description="of AdamW")
    clip: Positive = Field(description="largest gradient norm, once an optimiser step")
    evaluations: Count = Field(description="dev evaluations a training, at least", ge=10)
    evaluate_every: Count = Field(description="steps between dev evaluations when the training is long enough")
    micro_tokens: Count = Field(description="padded tokens of one forward pass; the effective batch does not change")
    activation_checkpointing: bool = Field(
        default=False,
        description="compute the activations inside a block anew for its gradients: less memory, more time, the same "
        "numbers; a machine's setting",
    )
    checkpoint_minutes: Positive = Field(description="a stopped training loses at most this many minutes")
    precision: Literal["bfloat16", "float32"] = Field(
        description="of the forward passes, where the device multiplies in bfloat16 itself; weights stay float32"
    )
    deterministic: bool = Field(
        default=False,
        description="only kernels that give equal bytes each time: a GPU then repeats a result byte for byte, as a CPU "
        "always does; slower",
    )


class TrainingSettings(Section):
    """How one training set is trained on."""

    batch_size: Count = Field(description="examples of an optimiser step, whatever fits into memory at once")
    epochs: Positive = Field(description="passes over the training set; a fraction is fine")
    learning_rate: Positive | None = Field(default=None, description="overrides the phase's")
    limit: Count | None = Field(default=None, description="first N training examples by hash; null: all")


class Phase(Section):
    """One phase of training."""

    learning_rate: Positive = Field(description="largest learning rate, after the warm-up")
    sets: dict[str, TrainingSettings] = Field(description="by training set")


class Text(Section):
    """Raw text for masked language modelling beside a source (names that end in ``+mlm``)."""

    languages: list[str] = Field(description="languages of the raw text; one that has none is left out")
    sentences: Count = Field(description="sentences in all, where there are as many")
    alpha: Positive = Field(description="languages are sampled in proportion to size ** alpha (XLM)")
    batch_size: Count = Field(description="sentences of an optimiser step")
    learning_rate: Positive = Field(description="of the whole mixture, instead of the phase's")


class Intermediate(Phase):
    """The first phase: training on the sources."""

    mixtures: dict[str, list[str]] = Field(
        default={}, description="further sources of several training sets; `multi` is all those of the run"
    )
    mlm: Text | None = Field(default=None, description="raw text beside a source: `mnli+mlm`, `multi+mlm`")


class Target(Phase):
    """The second phase: training on the English data of the tasks."""

    rates: list[Positive] = Field(
        default=[], description="learning rates among which English dev chooses, a target at a time, for `none-tuned`"
    )


class Translation(Section):
    """Translations of intermediate data made here by an open model, for sources such as `qqp-de`."""

    sets: Names = Field(description="training sets that are translated here where the mirror has no translation")
    model: str = Field(description="folder or Hub identifier of a sequence-to-sequence model with safetensors")
    revision: str | None = Field(default=None, description="commit, tag or branch on the Hub; null: its main branch")
    prefix: str = Field(
        default="", description="what the model wants before a text, with {language}, {iso3} or {flores} in it"
    )
    start: str | None = Field(
        default=None, description="first token of an answer, such as {flores} of NLLB or __{language}__ of M2M-100"
    )
    beams: Count = Field(default=1, description="beams of the search; 1: greedy")

    @field_validator("sets")
    @classmethod
    def _translatable(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in INTERMEDIATE or tasks.training_set(name).family == "tagging":
                raise ValueError(f"{name!r} cannot be translated; expected training sets that are not tagged words")
        return names


class Lengths(Section):
    """Token limits by family."""

    classification: Count = Field(description="tokens of a pair of texts")
    multiple_choice: Count = Field(description="tokens of a prompt with one choice")
    tagging: Count = Field(description="tokens of a window of words; a longer sentence takes several")
    span_qa: Count = Field(description="tokens of a question with a window of its paragraph")
    retrieval: Count = Field(description="tokens of a sentence")
    doc_stride: Count = Field(description="tokens from one window of a paragraph to the next; half a window at most")
    max_query: Count = Field(description="tokens of a question")


class Selection(Section):
    """How the best checkpoint is chosen."""

    recipe: Literal["paper", "clean"] = Field(description="paper: first examples of English dev; clean: held-out train")
    examples: Count = Field(description="English dev examples that choose the checkpoint")
    report: Count | None = Field(description="English dev examples of the intermediate table; null: all")


class Evaluation(Section):
    """What is evaluated."""

    limit: Count | None = Field(description="first N examples a language and split by hash; null: all")
    seeds: Literal["mean", "median"] = Field(description="how a table sums several seeds up")
    retrieval_source: str = Field(
        description="source that row best-en takes for BUCC and Tatoeba, which have no English development set"
    )


class Run(Section):
    """A whole configuration."""

    run: str = Field(description="name of the run: its results stand in results/NAME")
    data: Data = Field(description="where data come from")
    models: Names = Field(description="encoders of this run, by their names in `encoders`")
    encoders: dict[str, Encoder] = Field(description="encoders that a run can name")
    pretrain: bool = Field(
        default=False, description="pretrain the small encoders anew although their weights are kept"
    )
    sources: Annotated[list[str | dict[str, dict[str, str]]], BeforeValidator(_list)] = Field(
        description="what the encoder learns before the target phase, a row of the main table each (names: below); "
        "a checkpoint of your own: `name: {encoder: FOLDER}`"
    )
    tasks: Names = Field(description="what is evaluated")
    languages: Annotated[list[str] | Literal["all"], BeforeValidator(_list)] = Field(
        description="XTREME's codes; all: every language of each task"
    )
    pretrained_languages: list[str] = Field(
        default=[], description="languages of the headline when some were hardly or never pretrained on; empty: all"
    )
    seeds: Annotated[list[Annotated[int, BeforeValidator(_number)]], BeforeValidator(_list)] = Field(
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
        for name in (self.run, *self.models, *self.own_encoders):
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

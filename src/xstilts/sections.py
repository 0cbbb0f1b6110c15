"""The sections of a configuration: every key that a user may write, with its kind and what it means."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from xstilts import tasks

INTERMEDIATE = tuple(tasks.registry()[1])  # any training set can be a source


def read_number(value: Any) -> Any:
    """Read ``3e-5`` as the number it is: YAML 1.1 takes it for a string. ``yes``, True to Python, is none."""
    if isinstance(value, bool):
        raise ValueError("input should be a number")
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def read_null(value: Any) -> Any:
    """Read ``null`` as the nothing that it is in a file: Snakemake takes values of the command line for strings."""
    return None if value == "null" else value


def read_list(value: Any) -> Any:
    """Read ``a,b`` or ``a b`` or a single number as a list, so that one line of a command picks a part."""
    if isinstance(value, int):
        return [value]
    if isinstance(value, str) and value != "all":
        return [part for part in re.split(r"[,\s]+", value) if part]
    return value


Number = Annotated[float, BeforeValidator(read_number)]
Positive = Annotated[float, Field(gt=0), BeforeValidator(read_number)]
Count = Annotated[int, Field(gt=0), BeforeValidator(read_number)]
CountOrNull = Annotated[Count | None, BeforeValidator(read_null)]
Names = Annotated[list[str], BeforeValidator(read_list)]


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

    seed: Annotated[int, BeforeValidator(read_number)] = Field(
        description="seed of lexicons, entities, facts and examples"
    )
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
    dropout: Annotated[float, Field(ge=0, lt=1), BeforeValidator(read_number)] = Field(
        description="share of activations set to zero, in this pretraining and in all later trainings"
    )
    max_length: Count = Field(description="tokens of a block of text")
    batch_size: Count = Field(description="blocks of a step")
    epochs: Positive = Field(description="passes over the text; a fraction is fine")
    learning_rate: Positive = Field(description="largest learning rate of AdamW")
    alpha: Positive = Field(description="languages are sampled in proportion to size ** alpha (XLM)")
    packed: bool = Field(description="fill blocks with consecutive lines; false: a line (or pair) a block")
    half: bool = Field(description="store float16")
    seed: Annotated[int, BeforeValidator(read_number)] = Field(description="seed of weights, order and masks")


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

    warmup: Annotated[float, Field(ge=0, lt=1), BeforeValidator(read_number)] = Field(description="share of all steps")
    weight_decay: Annotated[float, Field(ge=0), BeforeValidator(read_number)] = Field(
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


class Batches(Section):
    """What an optimiser step reads, whatever fits into memory at once: so many examples, or so many tokens."""

    batch_size: CountOrNull = Field(
        default=None, description="examples of an optimiser step, or null and `batch_tokens`"
    )
    batch_tokens: CountOrNull = Field(
        default=None, description="tokens of an optimiser step at most, padding not counted, instead of `batch_size`"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> "Batches":
        if (self.batch_size is None) == (self.batch_tokens is None):
            found = "neither" if self.batch_size is None else "both"
            raise ValueError(
                f"found {found} of batch_size and batch_tokens; expected one of them, and null for the other"
            )
        return self


class TrainingSettings(Batches):
    """How one training set is trained on."""

    epochs: Positive = Field(description="passes over the training set; a fraction is fine")
    learning_rate: Positive | None = Field(default=None, description="overrides the phase's")
    warmup: Annotated[float, Field(ge=0), BeforeValidator(read_number)] | None = Field(
        default=None, description="overrides optimisation.warmup; from 1 on it is a number of steps"
    )
    weight_decay: Annotated[float, Field(ge=0), BeforeValidator(read_number)] | None = Field(
        default=None, description="overrides optimisation.weight_decay"
    )
    limit: Count | None = Field(default=None, description="first N training examples by hash; null: all")


class Phase(Section):
    """One phase of training."""

    learning_rate: Positive = Field(description="largest learning rate, after the warm-up")
    sets: dict[str, TrainingSettings] = Field(description="by training set")


class Text(Batches):
    """Raw text for masked language modelling beside a source (names that end in ``+mlm``)."""

    languages: list[str] = Field(description="languages of the raw text; one that has none is left out")
    sentences: Count = Field(description="sentences in all, where there are as many")
    alpha: Positive = Field(description="languages are sampled in proportion to size ** alpha (XLM)")
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

"""The sections of a configuration: every key that a user may write, with its kind and what it means."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from xstilts import tasks
from xstilts.config.methods import Method, read_kind
from xstilts.config.section import Section
from xstilts.config.values import Count, Names, Positive, read_number
from xstilts.families.facts import facts


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

    @model_validator(mode="after")
    def _fits(self) -> "Pretraining":
        if self.max_length > self.positions:  # each a token's: the two rows of padding come on top of them
            raise ValueError(
                f"found max_length: {self.max_length} beside positions: {self.positions}; expected at most as many "
                "tokens in a block of text as the encoder has positions"
            )
        return self


class Encoder(Section):
    """Where a model comes from: exactly one of a folder or Hub identifier, or pretraining."""

    weights: str | None = Field(default=None, description="folder or Hub identifier of an encoder with safetensors")
    revision: str | None = Field(default=None, description="commit, tag or branch on the Hub; null: its main branch")
    pretraining: Pretraining | None = Field(default=None, description="settings to pretrain it here")
    layers: Count | None = Field(
        default=None, description="keep the first N blocks: another, smaller model, which every table says; null: all"
    )
    vocabulary: Literal["whole", "run"] = Field(
        default="whole",
        description="run: keep only the pieces that the run's texts are cut into, which changes no number "
        "(SentencePiece; no sources with raw text)",
    )
    method: Annotated[Method | None, BeforeValidator(read_kind)] = Field(
        default=None,
        exclude_if=lambda method: method is None,  # as before there was such a key
        description="what of it trains; null: all of it. A kind alone (`method: lora`) has the rest below",
    )
    gpus_per_job: Count = Field(
        default=1,
        exclude_if=lambda gpus: gpus == 1,
        description="GPUs of one training, among which weights, gradients and moments are divided: for an encoder that "
        "one card cannot hold",
    )

    sentence: Literal["first", "last", "mean"] | None = Field(
        default=None,
        exclude_if=lambda sentence: sentence is None,
        description="which states stand for a whole sequence where labels, choices or vectors are learnt: the first "
        "token's, the last one's, or the mean of all; null: an encoder's first, a decoder's last",
    )

    @property
    def adapted(self) -> Method | None:
        """How it trains where that is not the whole of it."""
        return self.method if self.method is not None and self.method.kind != "full" else None

    @property
    def always(self) -> Method | None:
        """How it trains where no phase trains the whole of it."""
        return self.adapted if self.adapted is not None and len(self.adapted.phases) > 1 else None

    def method_in(self, phase: str) -> Method | None:
        """Return how a phase trains it where that is not the whole of it."""
        return self.adapted if self.adapted is not None and phase in self.adapted.phases else None

    @property
    def is_trimmed(self) -> bool:
        """Whether the run makes a smaller encoder of it."""
        return self.layers is not None or self.vocabulary == "run"

    @model_validator(mode="after")
    def _one(self) -> "Encoder":
        if self.weights is None and self.pretraining is None:
            raise ValueError("give `weights` (a folder or Hub identifier) or `pretraining` (settings)")
        if self.is_trimmed and self.pretraining is not None:
            raise ValueError("`layers` and `vocabulary: run` are for `weights`; pretrain the size that you want")
        if self.method and self.method.bits and self.gpus_per_job > 1:
            raise ValueError(
                f"found bits: {self.method.bits} beside gpus_per_job: {self.gpus_per_job}; expected one of the two: "
                "weights in four bits are not divided"
            )
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
    averaged: Count = Field(default=3, description="last evaluations whose weights `none-averaged` takes the mean of")
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
    compiled: bool = Field(
        default=False,
        exclude_if=lambda compiled: not compiled,  # as before there was such a key
        description="on a GPU the blocks of XLM-R are compiled (torch.compile) for trainings: other draws of dropout; "
        "`make gpu-check` says whether it gains anything on that GPU",
    )
    graphed: bool = Field(
        default=False,
        exclude_if=lambda graphed: not graphed,
        description="on a GPU the blocks of XLM-R are captured as CUDA graphs for training batches of less than 2,048 "
        "tokens: other draws of dropout; not for a model on several GPUs; `make gpu-check` says whether it gains "
        "anything there",
    )


class Batches(Section):
    """What an optimiser step reads, whatever fits into memory at once: so many examples, or so many tokens."""

    batch_size: Count | None = Field(
        default=None, description="examples of an optimiser step, or null and `batch_tokens`"
    )
    batch_tokens: Count | None = Field(
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
    evaluate_every: Count | None = Field(default=None, description="overrides optimisation.evaluate_every")
    in_batch: Annotated[Count, Field(ge=2)] | None = Field(
        default=None,
        description="dual encoder: pairs of a step among whose candidates a query finds its own, in one forward pass; "
        "null: all of the step",
    )
    chosen_on: str | None = Field(
        default=None, description="data set whose English dev set chooses the checkpoint; null: its own"
    )
    limit: Count | None = Field(default=None, description="overrides training.limit")


class Training(Section):
    """What both phases train on."""

    limit: Count | None = Field(description="first N examples of each training set by hash of their ids; null: all")


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
    length: Literal["labelled", "capped"] = Field(
        description="labelled: the labelled data get the steps that they get without text; capped: a single labelled "
        "set counts 131,072 examples at most, as in a mixture of several (jiant)"
    )


class Intermediate(Phase):
    """The first phase: training on the sources."""

    mixtures: dict[str, list[str]] = Field(
        default={}, description="further sources of several training sets; `multi` is all those of the run"
    )
    groups: dict[str, list[str]] = Field(
        default={},
        description="groups of languages by name (four letters at least): source `mnli-NAME` trains on the examples of "
        "`mnli`, each in one of them; in studies alone",
    )
    mlm: Text | None = Field(default=None, description="raw text beside a source: `mnli+mlm`, `multi+mlm`")

    @field_validator("groups")
    @classmethod
    def _named(cls, groups: dict[str, list[str]]) -> dict[str, list[str]]:
        for name, languages in groups.items():
            if not re.fullmatch("[a-z]{4,}", name) or name in ("shuffled", "tuned"):
                raise ValueError(f"found {name!r}; expected four lower-case letters or more, not `shuffled` or `tuned`")
            if len(set(languages)) < 2 or len(set(languages)) < len(languages):
                raise ValueError(f"{name}: found {' '.join(languages)}; expected two languages or more, each once")
        return groups


class TargetSettings(TrainingSettings):
    """How one training set of the target phase is trained on."""

    lengths: dict[str, Count] = Field(
        default={}, description="overrides `lengths`, for this training set and for the tasks that it is the target of"
    )

    @field_validator("lengths")
    @classmethod
    def _known(cls, own: dict[str, int]) -> dict[str, int]:
        for name in own:
            if name not in Lengths.model_fields:
                raise ValueError(f"unknown limit {name!r}; known: {' '.join(Lengths.model_fields)}")
        return own


class Target(Phase):
    """The second phase: training on the English data of the tasks."""

    sets: dict[str, TargetSettings] = Field(description="by training set")  # type: ignore[assignment]
    rates: list[Positive] = Field(
        default=[],
        description="learning rates among which English dev chooses, a target at a time, for `none-tuned`, and for all "
        "arms of a study with `tuned`",
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
            if name not in tasks.registry()[1] or not facts(tasks.training_set(name).family).translated:
                raise ValueError(f"{name!r} cannot be translated; expected training sets of whole texts")
        return names


class Lengths(Section):
    """Token limits by family."""

    classification: Count = Field(description="tokens of a pair of texts")
    multiple_choice: Count = Field(description="tokens of a prompt with one choice")
    tagging: Count = Field(description="tokens of a window of words; a longer sentence takes several")
    span_qa: Count = Field(description="tokens of a question with a window of its paragraph")
    retrieval: Count = Field(description="tokens of a sentence")
    dual_encoder: Count = Field(default=256, description="tokens of a candidate of a dual encoder")
    dual_query: Count = Field(default=96, description="tokens of a query of a dual encoder")
    doc_stride: Count = Field(description="tokens from one window of a paragraph to the next; half a window at most")
    max_query: Count = Field(description="tokens of a question")


class Retrieval(Section):
    """How a sentence becomes a vector where encoders are compared as they are; the defaults are the paper's.

    Any pooling that an encoder has beyond these (a dense layer, a weighted mean) is not run: it would be another model.
    """

    layer: Annotated[int, Field(ge=0), BeforeValidator(read_number)] | Literal["last"] | None = Field(
        default=None,
        description="after how many blocks states are pooled; last: all; null: 14 of 24, round(14/24 L) of others",
    )
    pooling: Literal["mean", "first"] = Field(
        default="mean", description="mean over all tokens, or the state of the first one (`<s>`, `[CLS]`)"
    )
    prefix: str = Field(default="", description='text before each sentence, such as "query: "')
    normalise: bool = Field(
        default=True, description="true: vectors of length 1, compared by cosine; false: by inner product"
    )


class Selection(Section):
    """How the best checkpoint is chosen."""

    recipe: Literal["paper", "clean"] = Field(description="paper: first examples of English dev; clean: held-out train")
    examples: Count | None = Field(description="English dev examples that choose the checkpoint; null: all")
    report: Count | None = Field(description="English dev examples of the intermediate table; null: all")


class Evaluation(Section):
    """What is evaluated."""

    limit: Count | None = Field(description="first N examples a language and split by hash; null: all")
    seeds: Literal["mean", "median"] = Field(description="how a table sums several seeds up")
    retrieval_source: str = Field(
        description="source that row best-en takes for BUCC and Tatoeba, which have no English development set"
    )

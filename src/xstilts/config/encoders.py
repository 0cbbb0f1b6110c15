"""What a user may write of an encoder: where it comes from, and how a small one is pretrained here."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from xstilts.config.methods import Method, read_kind
from xstilts.config.section import Section
from xstilts.config.values import Count, Positive, read_number


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
        if self.hidden % self.heads:
            raise ValueError(
                f"found hidden: {self.hidden} beside heads: {self.heads}; expected a width that its heads divide evenly"
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

"""What a user may write of trainings: batches, rates and steps of each phase, and how a step is computed."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from xstilts.config.section import Section
from xstilts.config.sections import Lengths
from xstilts.config.values import Count, Positive, read_number


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

    @field_validator("languages")
    @classmethod
    def _codes(cls, languages: list[str]) -> list[str]:
        for code in languages:
            if not re.fullmatch("[a-z]+", code):
                raise ValueError(f"{code!r} is no code of a language; expected lower-case letters, such as de")
        return languages


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

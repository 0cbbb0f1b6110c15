"""Few examples, in studies alone: of a language after the target's training, or before a question of a decoder."""

from typing import Annotated

from pydantic import Field

from xstilts import tasks
from xstilts.config.section import Section
from xstilts.config.sources import Source
from xstilts.config.values import Count, Positive


class FewShot(Section):
    """Training on the first examples of a language's dev set: a fixed number of passes, no choice among checkpoints."""

    batch_size: Count = Field(description="examples of an optimiser step")
    epochs: Positive = Field(description="passes over the examples; the weights after the last one are the result")
    learning_rate: Positive | None = Field(
        default=None, description="largest learning rate; null: that of the target's training"
    )
    folds: Annotated[Count, Field(ge=2)] = Field(
        description="parts of the dev set that take turns to be predicted, by trainings on examples of the others"
    )


class Decoder(Section):
    """A causal language model that answers from examples in its context; nothing of it is trained."""

    weights: str = Field(description="folder or Hub identifier of a decoder with safetensors")
    revision: str | None = Field(default=None, description="commit, tag or branch on the Hub; null: its main branch")


def fault_of(source: Source, few_shot: FewShot | None, decoder: Decoder | None, names: list[str]) -> str | None:
    """Say what keeps a source with few examples from being computed by a run's settings on its tasks; None: nothing."""
    if source.kind == "shots" and few_shot is None:
        return f"few_shot: is missing; source {source.name} needs it"
    if source.kind == "context" and decoder is None:
        return f"decoder: is missing; source {source.name} needs it"
    fitting = {"shots": ("classification", "multiple_choice"), "context": ("multiple_choice",)}.get(source.kind)
    for name in names if fitting else ():
        known = tasks.task(name)
        if fitting and (known.family not in fitting or "dev" not in known.splits):
            return (
                f"tasks: found {name} beside source {source.name}; expected {' or '.join(fitting)} with a dev set in "
                "each language"
            )
    return None

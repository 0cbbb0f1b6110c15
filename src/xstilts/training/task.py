"""What every training set is when it is ready, text for masked language modelling too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xstilts.families.features import Array
from xstilts.modeling.model import Model
from xstilts.training.loop import TrainingData


@dataclass(frozen=True)
class TrainingTask:
    """A training set ready to train on, and how to score a model on its English dev examples."""

    data: TrainingData
    train_rows: int
    selected_on: str  # what the dev examples are, in words
    labels: tuple[str, ...]
    score: Callable[[Model], float]  # percent (for mlm the negative loss): higher is better
    report: Callable[[Model], dict[str, Any]]  # dev score of the finished model, with the number of examples
    pieces: Array | None = None  # that occur in anything the model reads of it; None: any may

"""What the processes of a training settle together: here it is one. ``training.sharded`` has the same for several."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xstilts.modeling.batches import split_by_tokens
from xstilts.modeling.model import Model
from xstilts.training import checkpoint
from xstilts.training.optimiser import AdamW, build_optimiser


class Alone:
    """A training in one process."""

    first = True  # whether this process writes what the training has made

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Open an encoder: one process at a time holds all of it in main memory."""
        yield

    def placed(self, model: Model, where: torch.device) -> Model:
        """Put a model on its device, or this process's part of it."""
        return model.to(where)

    def folder(self, work: Path) -> Path:
        """Return where this process keeps its checkpoints."""
        return work

    def latest(self, work: Path, log: Callable[[str], None]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]] | None:
        """Return the newest whole checkpoint, as ``checkpoint.latest`` does."""
        return checkpoint.latest(work, log)

    def optimiser(self, model: Model, weight_decay: float, epsilon: float) -> AdamW:
        """Return the optimiser of what this process holds."""
        return build_optimiser(model, weight_decay, epsilon)

    def share(self, longest: np.ndarray, limit: int) -> Iterable[np.ndarray]:
        """Return the micro-batches of a batch that this process computes, as units of these lengths."""
        return split_by_tokens(longest, limit)

    def joined(
        self, model: Model, part: Any, bounds: np.ndarray, loss: torch.Tensor, places: int
    ) -> tuple[torch.Tensor, int]:
        """Return loss and places of the whole batch, whose gradients stand in the model then."""
        return loss, places

    def same(self, scores: dict[str, float]) -> dict[str, float]:
        """Return the dev scores that all processes go by."""
        return scores

    def asked(self, due: bool, stop: bool) -> tuple[bool, bool]:
        """Return whether a checkpoint is due, and whether anybody was asked to stop."""
        return due, stop

    def whole(self, model: Model) -> Model:
        """Return the model with all its weights, for the first process to write."""
        return model


ALONE = Alone()

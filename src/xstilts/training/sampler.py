"""Which examples a step sees, as a pure function of the seed and the step: nothing to save, nothing to lose.

A resumed training asks for the same step and gets the same batch; no generator has a state between steps.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from xstilts.errors import UserError

CAP = 2**17  # K of the paper's examples-proportional sampling (section 2.3 of version 1)

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Component:
    """One training set of a mixture: number of units (sequences, or questions with their choices) and their batches.

    ``batch`` is how many units an optimiser step reads, or, where ``tokens`` says how many each unit has, how many
    tokens it reads at most. ``epochs`` 0 is a part that is drawn beside the others without making less of them (raw
    text).
    """

    units: int
    batch: int
    epochs: float
    tokens: Array | None = None  # int64 [units]

    @property
    def steps_per_epoch(self) -> int:
        """Batches, counted in units, that cover every unit once; the last one may be short."""
        return math.ceil(self.units / self.batch)


def steps_of(part: Mapping[str, Any], data: Mapping[str, Any]) -> float:
    """Return how many steps a training set would have, by the rows that the manifests of its data count.

    Args:
        part: as a spec has it: data, limit, batch_size, epochs.
        data: the manifests by ``DATASET/LANGUAGE``.
    """
    units = sum(data[name].results["rows"]["train"] for name in part["data"])
    units = min(units, part["limit"] or units)
    return float(part["epochs"] * Component(units, part["batch_size"], part["epochs"]).steps_per_epoch)


@dataclass(frozen=True)
class Schedule:
    """Which component each optimiser step trains on, and which stretch of which epoch's permutation of its units."""

    components: tuple[Component, ...]
    component: Array  # int8 [steps]
    stretch: Array  # int64 [steps, 3]: epoch, first and last place of the batch
    seed: int

    @property
    def steps(self) -> int:
        """The number of optimiser steps."""
        return len(self.component)

    def batch(self, step: int) -> tuple[int, Array]:
        """Return (component, unit indices) of a step; every epoch is a permutation of its own."""
        which = int(self.component[step])
        epoch, first, last = (int(value) for value in self.stretch[step])
        return which, _order(self.seed, which, epoch, self.components[which].units)[first:last]


def schedule(components: list[Component], seed: int, length: str = "labelled") -> Schedule:
    """Lay out a training: one component in plain epochs, several by examples-proportional sampling.

    A mixture draws component m with probability min(e_m, K) / sum of min(e, K), K = 2^17, each with its own batch size
    (section 2.3 of version 1). Its length is what its components would take alone when none counts more than K
    examples, the rule of the authors' code (jiant's configurator).

    No source says how long a training with raw text beside it is. ``length`` ``labelled``: it is lengthened by the
    text's share, so that the labelled components get the steps that they get without it, a single one those of its
    plain epochs. ``capped``: a single one counts no more than K examples either, as jiant's configurator has it.

    Where a component counts its batches in tokens, batches hold different numbers of examples, and those of the
    components stay in proportion: with b_m the mean number of examples in a batch of component m (over its first epoch;
    its batch size where it counts examples), it is drawn with probability (min(e_m, K) / b_m) / sum of (min(e, K) / b).
    Equal b give the paper's rule. Then each component is expected to show ``epochs`` times min(e, K) examples.

    Raises:
        UserError: a component is empty: no number of its epochs fills a batch.
    """
    for which, component in enumerate(components):
        if component.units < 1:
            raise UserError(
                f"training set {which + 1} of {len(components)}: found {component.units} units; expected 1 at least"
            )
    if len(components) == 1:
        steps = max(1, round(_batches_alone(components[0], seed)))
        drawn = np.zeros(steps, dtype=np.int8)
    else:
        capped = np.array([min(component.units, CAP) for component in components], dtype=np.float64)
        held = [_mean_batch(component, seed, which) for which, component in enumerate(components)]
        labelled = [component for component in components if component.epochs > 0]
        if len(labelled) == 1 and length == "labelled":
            steps = max(1, round(_batches_alone(labelled[0], seed)))
        else:
            took = zip(components, held, strict=True)
            steps = sum(math.ceil(p.epochs * math.ceil(min(p.units, CAP) / b)) for p, b in took)
        weights = capped if all(component.tokens is None for component in components) else capped / held
        with_epochs = np.array([component.epochs > 0 for component in components])
        steps = round(steps * weights.sum() / weights[with_epochs].sum())
        generator = np.random.default_rng([seed, len(components)])
        drawn = generator.choice(len(components), size=steps, p=weights / weights.sum()).astype(np.int8)
    stretch = np.zeros((steps, 3), dtype=np.int64)
    for which, component in enumerate(components):
        mine = drawn == which
        stretch[mine] = _stretches(component, seed, which, int(mine.sum()))
    return Schedule(tuple(components), drawn, stretch, seed)


@lru_cache(maxsize=32)
def _order(seed: int, which: int, epoch: int, units: int) -> Array:
    return np.random.default_rng([seed, which, epoch]).permutation(units)


def _bounds(component: Component, seed: int, which: int, epoch: int) -> Array:
    """Return where the batches of an epoch begin in its permutation, and where the last one ends."""
    if component.tokens is None:
        return np.append(np.arange(0, component.units, component.batch), component.units)
    return cut(component.tokens[_order(seed, which, epoch, component.units)], component.batch)


def cut(tokens: Array, most: int) -> Array:
    """Return where batches of at most ``most`` tokens begin, and where the last one ends; never less than one unit.

    The units stay in the order of the permutation. Batches of similar lengths would be no random draw, and would save
    padding in attention alone: length / (6 hidden) of the work of the matrices, 2 % for 128 tokens in XLM-R Large.
    """
    read = np.append(0, np.cumsum(tokens))
    bounds = [0]
    while bounds[-1] < len(tokens):
        last = int(np.searchsorted(read, read[bounds[-1]] + most, side="right")) - 1
        bounds.append(max(bounds[-1] + 1, last))
    return np.array(bounds)


def _batches_alone(component: Component, seed: int) -> float:
    """Return how many batches a component's epochs take; a fraction of an epoch is that fraction of its batches."""
    if component.tokens is None:
        return component.epochs * component.steps_per_epoch
    counts = [len(_bounds(component, seed, 0, epoch)) - 1 for epoch in range(math.ceil(component.epochs))]
    return float(np.interp(component.epochs, np.arange(len(counts) + 1), np.cumsum([0, *counts])))


def _mean_batch(component: Component, seed: int, which: int) -> float:
    return (
        component.batch if component.tokens is None else component.units / (len(_bounds(component, seed, which, 0)) - 1)
    )


def _stretches(component: Component, seed: int, which: int, count: int) -> Array:
    """Return (epoch, first, last) of a component's first batches, int64 [count, 3]."""
    found: list[Array] = []
    while sum(map(len, found)) < count:
        bounds = _bounds(component, seed, which, len(found))
        found.append(np.stack([np.full(len(bounds) - 1, len(found)), bounds[:-1], bounds[1:]], axis=1))
    return np.concatenate(found)[:count] if found else np.zeros((0, 3), dtype=np.int64)

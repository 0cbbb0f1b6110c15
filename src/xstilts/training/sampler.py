"""Which examples a step sees, as a pure function of the seed and the step: nothing to save, nothing to lose.

A resumed training asks for the same step and gets the same batch; no generator has a state between steps.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CAP = 2**17  # K of the paper's examples-proportional sampling (section 2.3 of version 1)


@dataclass(frozen=True)
class Portion:
    """One training set of a mixture: number of units (sequences, or questions with their choices) and batch size.

    ``epochs`` 0 is a part that is drawn beside the others without making less of them (raw text).
    """

    units: int
    batch_size: int
    epochs: float

    @property
    def steps_per_epoch(self) -> int:
        """Batches that cover every unit once; the last one may be short."""
        return math.ceil(self.units / self.batch_size)


@lru_cache(maxsize=32)
def _order(seed: int, which: int, epoch: int, units: int) -> np.ndarray:
    return np.random.default_rng([seed, which, epoch]).permutation(units)


@dataclass(frozen=True)
class Schedule:
    """Which portion each optimiser step trains on, and the how-manieth batch of that portion it is."""

    portions: tuple[Portion, ...]
    portion: np.ndarray  # int8 [steps]
    visit: np.ndarray  # int64 [steps]: how often that portion was drawn before
    seed: int

    @property
    def steps(self) -> int:
        """The number of optimiser steps."""
        return len(self.portion)

    def batch(self, step: int) -> tuple[int, np.ndarray]:
        """Return (portion, unit indices) of a step; every epoch is a permutation of its own."""
        which = int(self.portion[step])
        portion = self.portions[which]
        epoch, position = divmod(int(self.visit[step]), portion.steps_per_epoch)
        order = _order(self.seed, which, epoch, portion.units)
        start = position * portion.batch_size
        return which, order[start : start + portion.batch_size]


def schedule(portions: list[Portion], seed: int) -> Schedule:
    """Lay out a training: one portion in plain epochs, several by examples-proportional sampling.

    A mixture draws portion m with probability min(e_m, K) / sum of min(e, K), K = 2^17, each with its own batch size
    (section 2.3 of version 1). Its length is what its portions would take alone when none counts more than K
    examples, the rule of the authors' code (jiant's configurator). No source says how long a training with raw text
    beside it is: it is lengthened by the text's share, so that the labelled portions get the steps that they get
    without it.
    """
    if len(portions) == 1:
        steps = max(1, round(portions[0].epochs * portions[0].steps_per_epoch))
        drawn = np.zeros(steps, dtype=np.int8)
        return Schedule((portions[0],), drawn, np.arange(steps), seed)
    sizes = np.array([min(portion.units, CAP) for portion in portions], dtype=np.float64)
    steps = sum(math.ceil(p.epochs * math.ceil(min(p.units, CAP) / p.batch_size)) for p in portions)
    with_epochs = np.array([portion.epochs > 0 for portion in portions])
    steps = round(steps * sizes.sum() / sizes[with_epochs].sum())
    generator = np.random.default_rng([seed, len(portions)])
    drawn = generator.choice(len(portions), size=steps, p=sizes / sizes.sum()).astype(np.int8)
    visit = np.zeros(steps, dtype=np.int64)
    for which in range(len(portions)):
        mine = drawn == which
        visit[mine] = np.arange(int(mine.sum()))
    return Schedule(tuple(portions), drawn, visit, seed)

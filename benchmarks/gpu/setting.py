"""What the checks run on: the device, models with random weights, random rows of each family, and stopwatches."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xstilts.families.features import IGNORED, Features
from xstilts.modeling.batches import units
from xstilts.modeling.encoder import EncoderShape
from xstilts.modeling.model import Model, build_model
from xstilts.modeling.xlmr import XlmRoberta
from xstilts.training.loop import Recipe, TrainingData, accumulate
from xstilts.training.optimiser import build_optimiser

VOCABULARY = 250_002
LARGE = EncoderShape(layers=24, hidden=1024, heads=16, intermediate=4096, positions=512, dropout=0.1)
TINY = EncoderShape(layers=2, hidden=64, heads=4, intermediate=128, positions=64, dropout=0.1)
FAMILIES = ("classification", "multiple_choice", "tagging", "span_qa", "dual_encoder", "mlm")
LABELS = 3


@dataclass(frozen=True)
class Where:
    """What is checked, and how much of it."""

    device: torch.device
    smallest: bool
    scratch: Path

    @property
    def shape(self) -> EncoderShape:
        """The encoder's: XLM-R Large."""
        return TINY if self.smallest else LARGE

    def few(self, many: int, least: int = 2) -> int:
        """Return a number of repeats or tokens, the least at the smallest size."""
        return least if self.smallest else many


Found = dict[str, Any]
Check = Callable[[Where], Found]


def synchronised(where: Where) -> float:
    """Return the time once the device has done all that it was asked."""
    if where.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def milliseconds(where: Where, work: Callable[[], Any], repeats: int) -> float:
    """Return what a call takes on average, after two that do not count."""
    for _ in range(2):
        work()
    began = synchronised(where)
    for _ in range(repeats):
        work()
    return 1000 * (synchronised(where) - began) / repeats


@contextmanager
def counted_memory(where: Where) -> Iterator[Found]:
    """Yield what will hold the most memory that PyTorch had allocated and reserved, in GB."""
    found: Found = {}
    if where.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    yield found
    if where.device.type == "cuda":
        found["allocated_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
        found["reserved_gb"] = round(torch.cuda.max_memory_reserved() / 1e9, 2)


def features(family: str, sequences: int, length: int, vocabulary: int) -> Features:
    """Return random rows of a family: texts of about one length, whatever its targets are."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(max(3, length // 2), length + length // 2 + 1, sequences)
    tokens = int(sizes.sum())
    each = {"multiple_choice": 4, "dual_encoder": 2}.get(family, 1)
    targets: dict[str, np.ndarray] = {
        "classification": {"label": rng.integers(0, LABELS, sequences)},
        "multiple_choice": {"label": np.repeat(rng.integers(0, each, -(-sequences // each)), each)[:sequences]},
        "tagging": {"tag": rng.integers(0, LABELS, tokens)},
        "span_qa": {"start": rng.integers(0, 2, sequences), "end": rng.integers(0, 2, sequences)},
        "dual_encoder": {},
        "mlm": {"tag": np.where(rng.random(tokens) < 0.15, rng.integers(3, vocabulary, tokens), IGNORED)},
    }[family]
    ids = rng.integers(3, vocabulary, tokens).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return Features(ids, offsets, np.arange(sequences) // each, targets=targets, context={})


def built(where: Where, family: str, vocabulary: int, precision: str = "bfloat16") -> Model:
    """Return a model with random weights on the device."""
    torch.manual_seed(0)
    with torch.device(where.device):
        encoder = XlmRoberta(where.shape.config(vocabulary), masked_lm=family == "mlm")
    heads = {} if family == "mlm" else {family: (family, LABELS)}
    return build_model(encoder, heads, 0, precision).to(where.device)


def stepper(model: Model, family: str, rows: Features, micro_tokens: int, half: bool = True) -> Callable[[], None]:
    """Return a function that takes one optimiser step on all rows; without ``half`` autocast rounds each weight."""
    recipe = Recipe(1, 1e-5, 0.1, 0.01, 1e-8, 1.0, 1, 1000, micro_tokens, 1e9, model.precision)
    part = TrainingData(family, family, rows, 1, 1.0, in_batch=4)
    if half:
        model.keep_half()
    bounds, optimiser = units(rows, family), build_optimiser(model, 0.01, 1e-8)
    number = iter(range(10**9))

    def step() -> None:
        accumulate(model, part, bounds, np.arange(len(bounds) - 1), recipe, next(number))
        optimiser.step(1e-5, 1.0)

    return step

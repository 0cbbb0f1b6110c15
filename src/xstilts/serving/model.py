"""A trained model as a system that answers: opened, timed while it is, and asked by the number of a sample."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.families.features import Features, take
from xstilts.files import read_json
from xstilts.modeling.batches import units
from xstilts.modeling.model import Model, build_model, device
from xstilts.modeling.whole import open_whole
from xstilts.prediction.forward import outputs
from xstilts.serving.scenarios import System


@dataclass(frozen=True)
class Opened:
    """A model that is ready to answer, and what it took to get it ready."""

    model: Model
    head: str
    family: str
    seconds: float  # to open encoder, adapters and head, and to bring them to the device


def open_served(folder: Path, below: Path | None, family: str, merged: bool, precision: str, recipe: bool) -> Opened:
    """Open a model of the target phase to answer.

    Args:
        folder: the model; with ``below`` its adapters.
        below: the encoder below adapters.
        family: of its head.
        merged: add adapters to the encoder's own weights first.
        precision: ``bfloat16`` or ``float32``.
        recipe: kernels that give equal bytes (``optimisation.deterministic``).

    Raises:
        UserError: bottleneck adapters shall be merged.
    """
    from safetensors.torch import load_file

    began = time.perf_counter()
    head = read_json(folder / "head.json")
    encoder = open_whole(folder, below)
    encoder.sentence = head.get("sentence", "first")
    if merged and below is not None:
        from xstilts.modeling.adapted import CONFIG, merge

        merge(encoder, read_json(folder / CONFIG))
    model = build_model(encoder, {head["name"]: (family, max(1, len(head["labels"])))}, 0, precision)
    model.heads[head["name"]].load_state_dict(load_file(folder / "head.safetensors"))
    model.to(device(recipe)).eval()
    model.keep_half()  # else each query of its own would round all weights again
    _wait(model)
    return Opened(model, head["name"], family, time.perf_counter() - began)


def system(opened: Opened, features: Features, micro_tokens: int) -> tuple[System, int]:
    """Return the system, and how many samples it knows: sequences, or questions with all their choices.

    What is timed is the forward pass from token ids to logits in main memory. Tokenising lies before it, as in MLPerf's
    reference for BERT, and decoding behind it.
    """
    bounds = units(features, opened.family)

    def answer(asked: list[int]) -> None:
        members = np.concatenate([np.arange(bounds[one], bounds[one + 1]) for one in asked])
        outputs(opened.model, opened.head, opened.family, take(features, members), micro_tokens)

    return answer, len(bounds) - 1


def swap_seconds(opened: Opened, folder: Path) -> float:
    """Return how long it takes to put the adapters and the head of another training in the place of these."""
    from safetensors.torch import load_file

    from xstilts.modeling.adapted import exchange

    began = time.perf_counter()
    exchange(opened.model.encoder, folder)
    opened.model.heads[opened.head].load_state_dict(load_file(folder / "head.safetensors"))
    opened.model.half.refresh()  # type: ignore[attr-defined]
    _wait(opened.model)
    return time.perf_counter() - began


def bytes_on_disk(folder: Path) -> int:
    """Return the bytes of a training's weights: of the whole encoder, or of adapters alone, and of the head."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def _wait(model: Any) -> None:
    import torch

    if next(model.parameters()).is_cuda:
        torch.cuda.synchronize()

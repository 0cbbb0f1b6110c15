"""How fast and how large the parts of a training are on the device."""

import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.gpu.setting import (
    VOCABULARY,
    Found,
    Where,
    built,
    counted_memory,
    features,
    milliseconds,
    stepper,
    synchronised,
)
from xstilts.costs.size import Size
from xstilts.costs.trained import READ
from xstilts.leases import is_out_of_memory
from xstilts.modeling.model import Model
from xstilts.modeling.xlmr import filled_up
from xstilts.training import checkpoint

WORTH = 1.03  # times as fast, from which on a setting is advised


def small_steps(where: Where) -> Found:
    """The paper's batch of four pairs: milliseconds a step with all rows of the embedding, and with those it reads.

    The last is without bfloat16 copies of the weights that a step refreshes all at once.
    """
    found: Found = {}
    ways = (("all_rows", VOCABULARY, True), ("read_rows", READ, True), ("read_rows, no copies", READ, False))
    for name, rows, half in ways:
        vocabulary = 500 if where.smallest else rows
        model = built(where, "classification", vocabulary)
        step = stepper(model, "classification", features("classification", 4, 47, 500), 16384, half)
        with counted_memory(where) as memory:
            took = milliseconds(where, step, where.few(100))
        found[name] = {"ms_a_step": round(took, 2), **memory}
        del model, step
        gc.collect()
    return found


def large_steps(where: Where) -> Found:
    """A step on 16,384 tokens: milliseconds and memory beside the estimate, activations kept and computed anew."""
    from xstilts.config.trainings import Optimisation
    from xstilts.costs.gpu_memory import training_bytes

    found: Found = {}
    for family in ("classification", "mlm"):
        for recomputed in (False, True):
            vocabulary = 500 if where.smallest else VOCABULARY if family == "mlm" else READ
            model = built(where, family, vocabulary)
            if recomputed:
                model.encoder.recompute_activations()
            rows = features(family, where.few(160, 8), where.few(100, 10), vocabulary)
            with counted_memory(where) as memory:
                took = milliseconds(where, stepper(model, family, rows, 32768), where.few(8))
            tokens = len(rows.input_ids)
            entry = {"tokens": tokens, "ms_a_step": round(took, 1), "tokens_a_second": round(1000 * tokens / took)}
            shape = where.shape
            size = Size(VOCABULARY, shape.positions + 2, shape.layers, shape.hidden, shape.intermediate)
            optimisation = Optimisation.model_construct(
                micro_tokens=tokens, activation_checkpointing=recomputed, precision="bfloat16"
            )
            entry["estimated_gb"] = round(training_bytes(size, optimisation, family == "mlm") / 1e9, 2)
            found[f"{family}{', recomputed' if recomputed else ''}"] = entry | memory
            del model
            gc.collect()
    return found


def vocabulary_product(where: Where) -> Found:
    """The product with the vocabulary for 2,458 masked tokens, forward and backward, as it is and filled up."""
    found: Found = {}
    rows, hidden = where.few(2458, 16), where.few(1024, 32)
    pieces = where.few(VOCABULARY, 502)
    states = torch.randn(rows, hidden, device=where.device, requires_grad=True)
    weight = torch.randn(pieces, hidden, device=where.device, requires_grad=True)
    bias, wanted = torch.zeros(pieces, device=where.device), torch.zeros(rows, dtype=torch.long, device=where.device)
    for multiple in (1, 8, 64):

        def product(multiple: int = multiple) -> None:
            with torch.autocast(where.device.type, torch.bfloat16):
                logits = functional.linear(states, *filled_up(weight, bias, multiple))
            functional.cross_entropy(logits.float(), wanted).backward()

        found[f"multiple of {multiple}"] = {"ms": round(milliseconds(where, product, where.few(10)), 2)}
    return found


def compiled_steps(where: Where) -> Found:
    """Steps with blocks that PyTorch compiles beside those that it does not, and what they advise for this device."""
    gpu = where.device.type == "cuda"
    sizes = {"batch of 4": (4, 47), "16k tokens": (where.few(160, 8), where.few(100, 10))}
    return beside_plain(where, "compiled", lambda model: model.encoder.compile_blocks() if gpu else None, sizes)


def graphed_steps(where: Where) -> Found:
    """Steps whose blocks are CUDA graphs beside plain ones, and what they advise for this device."""
    return beside_plain(where, "graphed", Model.graph_on_gpu, {"batch of 4": (4, 47), "batch of 32": (32, 40)})


def beside_plain(
    where: Where, setting: str, change: Callable[[Model], None], sizes: dict[str, tuple[int, int]]
) -> Found:
    """Time steps of a model as it is and changed, for batches of so many sequences of about so many tokens.

    The setting is worth its name from 3 % on, at either size, when neither becomes slower.
    """
    found, gains = Found(), []
    for name, (sequences, length) in sizes.items():
        entry = Found()
        for way in ("plain", setting):
            model = built(where, "classification", 500 if where.smallest else READ)
            if way == setting:
                change(model)
            step = stepper(model, "classification", features("classification", sequences, length, 500), 32768)
            entry[f"{way}_ms"] = round(milliseconds(where, step, where.few(20)), 2)
            del model, step
            gc.collect()
        gains.append(entry["plain_ms"] / entry[f"{setting}_ms"])
        found[name] = entry
    worth = where.device.type == "cuda" and max(gains) >= WORTH and min(gains) >= 1
    return found | {"advice": f"optimisation: {{{setting}: {str(worth).lower()}}}"}


def optimiser(where: Where) -> Found:
    """One step of AdamW with clipping: ours, and PyTorch's; milliseconds and GB/s at 36 bytes a weight."""
    found: Found = {}
    count = where.few(345_000_000, 1000)
    for name in ("ours", "torch"):
        holder = nn.ParameterList([nn.Parameter(torch.randn(count // 24, device=where.device)) for _ in range(24)])
        gradients = [torch.randn_like(one) for one in holder]
        if name == "ours":
            from xstilts.training.optimiser import AdamW

            own = AdamW(dict(holder.named_parameters()), {str(place): 0.01 for place in range(24)}, 1e-8)

            def ours(own: Any = own) -> None:
                own.step(1e-5, 1.0)

            step: Callable[[], None] = ours
        else:
            other = torch.optim.AdamW(holder.parameters(), lr=1e-5, fused=True)

            def theirs(other: Any = other, holder: Any = holder) -> None:
                nn.utils.clip_grad_norm_(holder.parameters(), 1.0)
                other.step()

            step = theirs

        def whole(holder: Any = holder, gradients: Any = gradients, step: Any = step) -> None:
            for one, gradient in zip(holder, gradients, strict=True):
                one.grad = gradient
            step()

        took = milliseconds(where, whole, where.few(20))
        found[name] = {"ms": round(took, 2), "gb_a_second": round(36 * count / took / 1e6, 1)}
    return found


def checkpoints(where: Where) -> Found:
    """Copies of all weights to the host, and a checkpoint written and read: seconds and GB/s."""
    weights = {"weights": torch.randn(where.few(250_000_000, 1000), device=where.device)}
    size, found = weights["weights"].numel() * 4, Found()
    began = synchronised(where)
    held = {name: one.to("cpu", copy=True) for name, one in weights.items()}
    found["copy"] = rate(size, synchronised(where) - began)
    began = time.perf_counter()
    checkpoint.save(where.scratch, {"model": held}, {"step": 1})
    found["write"] = rate(size, time.perf_counter() - began)
    began = time.perf_counter()
    checkpoint.latest(where.scratch, print)
    found["read"] = rate(size, time.perf_counter() - began)
    return found


def rate(size: int, seconds: float) -> Found:
    """Return seconds and GB/s."""
    return {"seconds": round(seconds, 2), "gb_a_second": round(size / seconds / 1e9, 2)}


def neighbours(where: Where) -> Found:
    """Nearest neighbours of BUCC's size: 20,000 queries against 500,000 sentences in float32, TFLOP/s."""
    from xstilts.prediction import mining

    queries, index, width = where.few(20_000, 50), where.few(500_000, 100), where.few(1024, 16)
    rng = np.random.default_rng(0)
    one, other = (rng.standard_normal((count, width), dtype=np.float32) for count in (queries, index))
    began = synchronised(where)
    mining.nearest_on(where.device, one, other, 4)
    took = synchronised(where) - began
    return {"seconds": round(took, 2), "tflop_a_second": round(2 * queries * index * width / took / 1e12, 2)}


def out_of_memory(where: Where) -> Found:
    """Whether an allocation that cannot be met is known as what it is."""
    if where.device.type != "cuda":
        return {"known": "needs CUDA"}
    try:
        torch.empty(2**50, dtype=torch.uint8, device=where.device)
    except RuntimeError as error:
        return {"known": is_out_of_memory(error), "kind": type(error).__name__}
    return {"known": "a petabyte was given"}

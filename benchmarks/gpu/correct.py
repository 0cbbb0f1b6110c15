"""Whether the device computes what it should: kernels, determinism, waits, captured steps and compiled blocks."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.setting import FAMILIES, Found, Where, built, counted_memory, features, milliseconds, stepper
from xstilts.families.features import Features
from xstilts.modeling.attention import has_unpadded_kernel, padded, unpadded
from xstilts.modeling.batches import units
from xstilts.modeling.dropout import Dropout
from xstilts.modeling.layout import layout
from xstilts.modeling.model import Model, device
from xstilts.training.loop import Recipe, TrainingData, accumulate

MOST_DIFFERENCE = 0.02  # of a gradient in bfloat16, whose numbers have 8 bits


def kernel(where: Where) -> Found:
    """Whether attention reads sequences as they lie, and how its states differ from the padded way's."""
    found: Found = {"has_unpadded_kernel": has_unpadded_kernel(where.device)}
    if found["has_unpadded_kernel"]:
        sizes = torch.tensor([7, 3, 90, 41])
        mixed = torch.randn(int(sizes.sum()), 3 * 1024, device=where.device, dtype=torch.bfloat16)
        places = layout(sizes, where.device)
        one, other = unpadded(mixed, places, 16, 0.0).float(), padded(mixed, places.whole, 16, 0.0).float()
        found["relative_difference"] = float((one - other).norm() / other.norm())
    return found


def attention(where: Where) -> Found:
    """Attention over 16,384 tokens with dropout, both ways: milliseconds forward and backward, most memory."""
    if not has_unpadded_kernel(where.device):
        return {"unpadded": "no kernel here"}
    sizes = torch.randint(30, 130, (where.few(200, 4),), generator=torch.Generator().manual_seed(0))
    places, found = layout(sizes, where.device), Found()
    for name, way in (
        ("unpadded", lambda m: unpadded(m, places, 16, 0.1)),
        ("padded", lambda m: padded(m, places.whole, 16, 0.1)),
    ):
        mixed = torch.randn(int(sizes.sum()), 3072, device=where.device, dtype=torch.bfloat16, requires_grad=True)
        with counted_memory(where) as memory:
            took = milliseconds(where, lambda way=way, mixed=mixed: way(mixed).float().sum().backward(), where.few(20))
        found[name] = {"ms": round(took, 2), **memory}
    return found


def float32(where: Where) -> Found:
    """How far padded attention in float32 on the device lies from the CPU's."""
    sizes = torch.tensor([5, 60, 17])
    mixed = torch.randn(82, 192, generator=torch.Generator().manual_seed(0))
    host = padded(mixed, layout(sizes, torch.device("cpu")).whole, 4, 0.0)
    there = padded(mixed.to(where.device), layout(sizes, where.device).whole, 4, 0.0).cpu()
    return {"largest_difference": float((host - there).abs().max())}


def determinism(where: Where) -> Found:
    """Whether two trainings with deterministic kernels end in the same bytes, for each family."""
    return same_bytes(where, (True, True))


def copies(where: Where) -> Found:
    """Whether three steps of each family end in the same bytes with bfloat16 copies of all weights and without."""
    return same_bytes(where, (True, False))


def same_bytes(where: Where, ways: tuple[bool, bool]) -> Found:
    """Take three deterministic steps of each family twice, with copies of the weights or without, and compare bytes."""
    found: Found = {}
    small = replace(where, smallest=True)
    device(deterministic=True)
    try:
        for family in FAMILIES:
            ends = []
            try:
                for half in ways:
                    model = built(small, family, 500)
                    step = stepper(model, family, features(family, 16, 20, 500), 200, half)
                    for _ in range(3):
                        step()
                    ends.append([one.detach().clone() for one in model.parameters()])
                found[family] = all(torch.equal(*pair) for pair in zip(*ends, strict=True))
            except RuntimeError as error:
                found[family] = str(error).splitlines()[0]
    finally:
        torch.use_deterministic_algorithms(False)
    differ = [family for family, same in found.items() if same is False]
    return found | ({"failed": f"other bytes: {', '.join(differ)}"} if differ else {})


def synchronisation(where: Where) -> Found:
    """Whether a step of any family waits for the GPU: PyTorch raises where one does."""
    found: Found = {}
    small = replace(where, smallest=True)
    for family in FAMILIES:
        step = stepper(built(small, family, 500), family, features(family, 16, 20, 500), 200)
        step()
        if where.device.type == "cuda":
            torch.cuda.set_sync_debug_mode("error")
        try:
            step()
            found[family] = "none"
        except RuntimeError as error:
            found[family] = str(error).splitlines()[0]
        finally:
            if where.device.type == "cuda":
                torch.cuda.set_sync_debug_mode("default")
    return found


def graphs(where: Where) -> Found:
    """Steps whose blocks are CUDA graphs: gradients beside plain ones, and whether two trainings end in the same bytes.

    The second training begins where graphs are captured already, as one that goes on from a checkpoint does not.
    """
    if not has_unpadded_kernel(where.device):
        return {"graphs": "needs CUDA and the unpadded kernel"}
    gradients, ends, found = [], [], Found()
    batches = [features("classification", sequences, length, 500) for sequences, length in ((4, 40), (4, 20), (8, 40))]
    mixed = features("classification", 70, 60, 500)  # its first part is too large for a graph, its last is not
    for graphed in (False, True):
        model = built(where, "classification", 500)
        for module in model.modules():
            if isinstance(module, Dropout):
                module.share = 0.0
        for layer in model.encoder.layers:
            layer.attention_dropout = 0.0
        if graphed:
            model.graph_on_gpu()
        gradients.append([gradient for rows in batches for gradient in gradients_of(model, rows)])
    pairs = zip(*gradients, strict=True)
    found["relative_difference"] = max(float((one - other).norm() / (other.norm() + 1e-12)) for one, other in pairs)
    graphed_blocks = None
    device(deterministic=True)  # what kernels add up in another order each time is not the graphs'
    try:
        for _ in range(2):
            model = built(where, "classification", 500)
            model.graph_on_gpu()
            steps = [stepper(model, "classification", rows, 4096) for rows in batches]
            steps.append(stepper(model, "classification", mixed, 4096))
            if graphed_blocks is not None:  # whatever a capture draws, or leaves in a gradient, shows in the bytes
                for rows in reversed(batches):
                    gradients_of(model, rows)
            graphed_blocks = model.encoder.graphs
            for step in steps * 3:
                step()
            ends.append([one.detach().clone() for one in model.parameters()])
    finally:
        torch.use_deterministic_algorithms(False)
    found["same_bytes"] = all(torch.equal(*pair) for pair in zip(*ends, strict=True))
    found["shapes"] = len(graphed_blocks.known)
    if not found["same_bytes"] or found["relative_difference"] > MOST_DIFFERENCE:
        found["failed"] = "captured passes give other gradients than plain ones, or other bytes the second time"
    return found


def gradients_of(model: Model, rows: Features) -> list[torch.Tensor]:
    """Return the gradients of the blocks for one batch, and leave none behind."""
    part, bounds = TrainingData("classification", "classification", rows, 1, 1.0), units(rows, "classification")
    recipe = Recipe(1, 1e-5, 0.1, 0.01, 1e-8, 1.0, 1, 1000, 4096, 1e9, model.precision)
    accumulate(model, part, bounds, np.arange(len(bounds) - 1), recipe, 0)
    found = [one.grad.float().clone() for one in model.encoder.layers.parameters() if one.grad is not None]
    model.zero_grad()
    return found


def compiled(where: Where) -> Found:
    """One block as it is and as ``compiled: true`` has it, forward and backward, at 190 and at 16,384 tokens."""
    model, other = (built(where, "classification", 500).eval() for _ in range(2))
    model.keep_half()
    other.keep_half()
    block, quick, found = model.encoder.layers[0], other.encoder.layers[0], Found()
    began = time.perf_counter()
    if not where.smallest:
        other.encoder.compile_blocks()
    for sizes in (torch.full((4,), where.few(47, 5)), torch.full((where.few(200, 6),), where.few(82, 7))):
        places = layout(sizes, where.device)
        states = torch.randn(int(sizes.sum()), where.shape.hidden, device=where.device)
        entry: Found = {}
        for name, way in (("plain", block), ("compiled", quick)):

            def call(way: Any = way, states: torch.Tensor = states, places: Any = places) -> torch.Tensor:
                with model.autocast():
                    answer: torch.Tensor = way(states, places)
                answer.float().sum().backward()
                return answer.detach()

            entry[f"{name}_ms"] = round(milliseconds(where, call, where.few(20)), 3)
            entry[name] = call().float()
        entry["largest_difference"] = float((entry.pop("plain") - entry.pop("compiled")).abs().max())
        found[f"{int(sizes.sum())} tokens"] = entry
    return found | {"seconds_with_compiling": round(time.perf_counter() - began, 1)}

"""Copies of the weights in bfloat16 change no byte of a training, and spare it the rounding one by one."""

from collections import Counter

import numpy as np
import pytest
import torch
from test_properties import FAMILIES, SHAPE, featurise, fresh, part, recipe, with_targets
from torch.utils._python_dispatch import TorchDispatchMode

from xstilts.modeling import model as modeling
from xstilts.modeling.adapted import attach
from xstilts.modeling.batches import units
from xstilts.modeling.half import HalfLinear
from xstilts.prediction.forward import outputs
from xstilts.training.loop import accumulate, restore, train
from xstilts.training.optimiser import build_optimiser


@pytest.fixture(autouse=True)
def any_processor(monkeypatch):
    """Compute in bfloat16 on processors too that do so by emulation alone."""
    monkeypatch.setattr(modeling, "computes_in_bfloat16", lambda where: True)


def reads(*families, rate=0.0):
    model = fresh(*families)
    model.precision = "bfloat16"
    for module in model.modules():
        if hasattr(module, "share"):
            module.share = rate
    return model


def examples(family, count=40):
    return with_targets(family, FAMILIES[family].rows(count, np.random.default_rng(0), True))


def trained(family, half, tmp_path, monkeypatch):
    """Train by the loop itself, dev scores included; return what it returns and the loss of its last steps."""
    model, features = reads(family, rate=0.1), examples(family)
    if not half:
        monkeypatch.setattr(modeling.Model, "keep_half", lambda self: None)
    scored = []

    def evaluate(one):
        kinds = {type(module) for module in one.modules()}
        scored.append(HalfLinear in kinds)
        return {"score": float(sum(parameter.detach().abs().sum() for parameter in one.parameters()))}

    best, progress = train(model, [part(family, features)], recipe(600), evaluate, tmp_path / str(half), lambda _: None)
    assert set(scored) == {half} and HalfLinear not in {type(module) for module in model.modules()}
    return best, [entry["loss"] for entry in progress.history]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_training_ends_in_the_same_bytes_with_copies_and_without(family, tmp_path, monkeypatch):
    best, losses = trained(family, True, tmp_path, monkeypatch)
    plain, wanted = trained(family, False, tmp_path, monkeypatch)
    assert losses == wanted
    assert best.keys() == plain.keys() and all(torch.equal(best[name], plain[name]) for name in best)


class Rounded(TorchDispatchMode):
    """Counts tensors by shape that are turned from float32 into bfloat16 or back, one a call."""

    def __init__(self):
        super().__init__()
        self.shapes = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten._to_copy.default:
            self.shapes[tuple(args[0].shape)] += 1
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("half", [True, False])
def test_a_step_rounds_no_weight_of_a_map_by_itself(half):
    model, features = reads("tagging"), examples("tagging")
    if half:
        model.keep_half()
    bounds, given = units(features, "tagging"), part("tagging", features)
    shapes = {tuple(module.weight.shape) for module in model.modules() if isinstance(module, torch.nn.Linear)}
    with Rounded() as seen:
        accumulate(model, given, bounds, np.arange(8), recipe(4096), 0)
    rounded = sum(seen.shapes[shape] for shape in shapes)
    assert rounded == (0 if half else 2 * (4 * SHAPE.layers + 1))  # there and back: four maps a block, and the head


def test_a_dev_set_is_scored_by_the_weights_of_the_moment():
    model, features = reads("classification"), examples("classification")
    unseen = featurise("classification", FAMILIES["classification"].rows(20, np.random.default_rng(1), True))
    model.keep_half()
    optimiser, bounds = build_optimiser(model, 0.01, 1e-8), units(features, "classification")
    before = {name: one.detach().clone() for name, one in model.trained().items()}
    found = []
    for step in range(3):
        accumulate(model, part("classification", features), bounds, np.arange(16), recipe(4096), step)
        optimiser.step(1e-2, 1.0)
        found.append(outputs(model, "classification", "classification", unseen, 4096))
    restore(model, before)
    found.append(outputs(model, "classification", "classification", unseen, 4096))
    model.half.drop()
    plain = reads("classification")
    restore(plain, before)
    assert np.array_equal(found[-1], outputs(plain, "classification", "classification", unseen, 4096))
    assert not any(np.array_equal(found[number], found[number - 1]) for number in (1, 2, 3))


def test_frozen_weights_below_adapters_are_rounded_once():
    model, features = reads("classification"), examples("classification")
    attach(model.encoder, {"kind": "lora", "modules": ["query", "value"], "rank": 2, "alpha": 4, "dropout": 0.0}, 0)
    model.precision = "bfloat16"
    model.keep_half()
    bounds = units(features, "classification")
    with Rounded() as seen:
        accumulate(model, part("classification", features), bounds, np.arange(8), recipe(4096), 0)
    hidden, inner = SHAPE.hidden, SHAPE.intermediate
    assert not seen.shapes[(inner, hidden)] and not seen.shapes[(hidden, inner)]
    assert all(one.grad is not None for name, one in model.trained().items() if "lora_B" in name)
    assert all(one.grad is None for name, one in model.named_parameters() if not one.requires_grad)

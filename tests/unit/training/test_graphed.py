"""Blocks in passes that are captured once give the training that they give without, whatever a CPU can show of it.

Capturing itself needs a GPU (`make gpu-check`): here a pass is run anew over the tensors that a graph would read and
write. Attention goes by bounds alone, as the kernel does that graphs are captured with.
"""

import weakref

import numpy as np
import pytest
import torch
from test_properties import FAMILIES, SHAPE, fresh, part, reader, recipe, with_targets

from xstilts.modeling import graphed, xlmr
from xstilts.modeling.batches import units
from xstilts.modeling.dropout import Dropout, drop
from xstilts.modeling.graphed import GraphedBlocks, Passes
from xstilts.modeling.model import build_model
from xstilts.modeling.xlmr import XlmRoberta
from xstilts.training.loop import accumulate
from xstilts.training.optimiser import build_optimiser


def attend(mixed, where, heads, dropout):
    """Attend within each sequence, which is where bounds say, and to nothing else."""
    found = []
    for own in torch.tensor_split(mixed, where.bounds[1:-1].long()):
        query, key, value = own.view(len(own), 3, heads, -1).permute(1, 2, 0, 3)
        found.append(drop((query @ key.mT / key.shape[2] ** 0.5).softmax(2), dropout) @ value)
    assert max(one.shape[1] for one in found) <= where.whole.longest and len(found) == where.whole.rows
    return torch.cat([one.transpose(0, 1).reshape(-1, mixed.shape[1] // 3) for one in found])


def run_anew(counts):
    """Return what captures passes that compute each time, and counts captures and passes."""

    def capture(compute, states, bounds, weights):
        counts["captured"] += 1
        out, gradient, live = torch.zeros(states.shape), torch.zeros(states.shape), []

        def forward():
            counts["passes"] += 1
            with torch.enable_grad():
                live.append(compute(states, bounds))
            out.copy_(live[-1].detach())

        def backward():
            states.grad = None
            torch.autograd.backward(live.pop(), gradient)

        return Passes(states, bounds, out, gradient, forward, backward)

    return capture


class Plain:
    """Steps down the gradient: those of AdamW make much of a gradient that is zero but for rounding."""

    def __init__(self, model):
        self.parameters = [one for one in model.parameters() if one.requires_grad]

    def step(self, rate, clip):
        for one in self.parameters:
            if one.grad is not None:
                one.data -= rate * one.grad
                one.grad = None


def adamw(model):
    return build_optimiser(model, 0.01, 1e-8)


def steps_of(family, model, micro_tokens, optimised=Plain):
    """Take six steps on batches of several sizes, and return losses and the encoder's weights."""
    features = with_targets(family, FAMILIES[family].rows(40, np.random.default_rng(0), True))
    bounds, given = units(features, family), part(family, features)
    optimiser, losses = optimised(model), []
    for number, size in enumerate((4, 16, 4, 8, 16, 3)):
        chosen = np.random.default_rng(number).permutation(len(bounds) - 1)[:size]
        losses.append(float(accumulate(model, given, bounds, chosen, recipe(micro_tokens), number)[0]))
        optimiser.step(5e-3, 1.0)
    return losses, torch.cat([one.detach().flatten() for one in model.encoder.parameters()])


def with_graphs(model, counts):
    model.encoder.graphs = GraphedBlocks(model.encoder.layers, run_anew(counts))
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_a_training_by_graphs_is_the_training_without(family, monkeypatch):
    monkeypatch.setattr(xlmr, "attend", attend)
    most = 700 if family == "multiple_choice" else 150
    monkeypatch.setattr(graphed, "MOST_TOKENS", most)  # some micro-batches of a step take none
    for micro_tokens in (4096, int(1.4 * most)):
        counts = {"captured": 0, "passes": 0}
        losses, weights = steps_of(family, reader(family), micro_tokens)
        found, ours = steps_of(family, with_graphs(reader(family), counts), micro_tokens)
        assert found == pytest.approx(losses, rel=1e-4)
        assert float((ours - weights).norm() / weights.norm()) < 1e-5
        assert 1 <= counts["captured"] <= counts["passes"]


def test_draws_are_the_same_whether_a_batch_is_captured_now_or_was_or_never_is(monkeypatch):
    monkeypatch.setattr(xlmr, "attend", attend)
    found = []
    for most, before in ((64, 0), (64, 1), (0, 0)):
        counts = {"captured": 0, "passes": 0}
        monkeypatch.setattr(graphed, "MOST_SHAPES", most)
        model = with_graphs(reader("classification"), counts)
        for module in model.modules():
            if isinstance(module, Dropout):
                module.share = 0.1
        kept = {name: one.clone() for name, one in model.state_dict().items()}
        for _ in range(before):
            steps_of("classification", model, 4096, adamw)
            model.load_state_dict(kept)
        found.append(steps_of("classification", model, 4096, adamw)[1])
        assert bool(counts["captured"]) == bool(most) and counts["passes"] >= (1 + before) * counts["captured"]
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_weights_of_blocks_train_where_the_embedding_does_not(monkeypatch):
    monkeypatch.setattr(xlmr, "attend", attend)
    found = []
    for graphs in (False, True):
        model = reader("tagging")
        for name, one in model.named_parameters():
            one.requires_grad_(".layers." in name or "heads" in name)
        model = with_graphs(model, {"captured": 0, "passes": 0}) if graphs else model
        found.append(steps_of("tagging", model, 4096)[1])
    assert float((found[0] - found[1]).norm() / found[0].norm()) < 1e-5


def test_nothing_is_captured_on_a_cpu():
    model = build_model(XlmRoberta(SHAPE.config(50), masked_lm=True), {}, 0, "bfloat16")
    model.graph_on_gpu()
    assert model.encoder.graphs is None


def test_nothing_of_a_micro_batch_lives_when_the_next_one_may_be_captured(monkeypatch):
    """Autograd would add its gradients on the stream of the first, which a capture on another refuses."""
    model = fresh("classification")
    before, alive, logits = [], [], model.logits

    def watched(name, batch):
        alive.extend(reference() is not None for reference in before)
        found = logits(name, batch)
        before.append(weakref.ref(found))
        return found

    monkeypatch.setattr(model, "logits", watched)
    steps_of("classification", model, 64)
    assert len(before) > 12, "six steps of several micro-batches"
    assert not any(alive)

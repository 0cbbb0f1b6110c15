"""Blocks that PyTorch compiles give the states and gradients of those that it does not, and take one graph for all."""

import shutil
from pathlib import Path

import pytest
import torch

from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.graph.hyperparameters import optimisation
from xstilts.modeling.encoder import EncoderShape
from xstilts.modeling.half import HalfCopies
from xstilts.modeling.layout import layout
from xstilts.modeling.model import build_model
from xstilts.modeling.xlmr import XlmRoberta

SHAPE = EncoderShape(layers=3, hidden=32, heads=4, intermediate=64, positions=64, dropout=0.0)


def passes(compiled: bool, half: bool) -> list[torch.Tensor]:
    """Return states and gradients of batches of several sizes; without dropout, whose draws differ."""
    torch.manual_seed(3)
    encoder = XlmRoberta(SHAPE.config(50), masked_lm=True).train()
    if compiled:
        encoder.compile_blocks()
    copies = HalfCopies()
    if half:
        copies.make(encoder)  # as a training does
    found = []
    for sizes in ([5, 9], [20, 3, 11], [40], [7, 7, 30, 2]):
        ids = torch.randint(3, 50, (sum(sizes),), generator=torch.Generator().manual_seed(len(sizes)))
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            states = encoder(ids, layout(torch.tensor(sizes), torch.device("cpu")))
        found.append(states.detach().float())
        weight = torch.randn(states.shape, generator=torch.Generator().manual_seed(len(sizes)))
        (states.float() * weight).sum().backward()
        copies.gather()
    return found + [parameter.grad for parameter in encoder.parameters() if parameter.grad is not None]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="this machine has no C++ compiler")
def test_compiled_blocks_equal_plain_ones_and_share_one_graph(tmp_path, monkeypatch):
    from torch._dynamo import reset
    from torch._dynamo.utils import counters

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    reset()
    counters.clear()
    for half, near in ((False, 1e-5), (True, 0.05)):
        for one, other in zip(passes(False, half), passes(True, half), strict=True):
            assert (one - other).norm() <= near * one.norm() + 1e-6
    assert 1 <= counters["stats"]["unique_graphs"] <= 4, (
        "a graph for a precision and a start, not one a block or a size"
    )


@pytest.mark.parametrize("setting", ["compiled", "graphed"])
def test_the_setting_is_in_the_specs_where_it_is_set(setting):
    project = Path(__file__).parents[3]
    found = [
        optimisation(load(read_layers(project, ["demo"], {"optimisation": changes})))
        for changes in ({}, {setting: False}, {setting: True})
    ]
    assert found[0] == found[1] and found[2] == found[0] | {setting: True}, "nobody's trainings are made anew"


def test_nothing_is_compiled_on_a_cpu():
    model = build_model(XlmRoberta(SHAPE.config(50), masked_lm=True), {}, 0)
    model.compile_on_gpu()
    assert all("rest" not in vars(layer) for layer in model.encoder.layers)

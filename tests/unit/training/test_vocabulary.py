"""A product with the vocabulary that is filled up to a round number of rows: the same losses, gradients and weights."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from xstilts.families.features import Features
from xstilts.modeling import xlmr
from xstilts.modeling.encoder import build_masked_lm
from xstilts.modeling.model import build_model
from xstilts.training.loop import TrainingData, train

from test_training import SHAPE, classification, recipe  # isort: skip


@pytest.mark.parametrize("half", [False, True])
def test_rows_that_fill_up_add_nothing_to_the_loss_and_no_gradient(half):
    torch.manual_seed(0)
    states, matrix, bias = torch.randn(9, 16), torch.randn(50, 16), torch.randn(50)
    wanted = torch.randint(50, (9,))
    found = []
    for multiple in (1, 64):
        leaves = [one.clone().requires_grad_() for one in (states, matrix, bias)]
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = functional.linear(leaves[0], *xlmr.filled_up(leaves[1], leaves[2], multiple))
        assert logits.shape[1] == (64 if multiple == 64 else 50)
        loss = functional.cross_entropy(logits.float(), wanted, reduction="sum")
        loss.backward()
        found.append([loss.detach(), logits[:, :50].detach(), *(leaf.grad for leaf in leaves)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6 if not half else 1e-2, atol=1e-6 if not half else 1e-2)


def test_a_training_on_filled_up_rows_ends_in_the_same_weights(tmp_path, monkeypatch):
    features = classification()
    places = np.arange(len(features.input_ids))
    tags = np.where(places % 5 == 1, features.input_ids, -100).astype(np.int64)
    text = Features(features.input_ids, features.offsets, features.example, {"tag": tags})

    def trained():
        model = build_model(build_masked_lm(SHAPE, 50, seed=7), {}, seed=5)
        part = TrainingData("mlm", "mlm", text, 8, 1.0)
        return train(model, [part], recipe(), lambda _: {"score": 0.0}, tmp_path, str)[0]

    plain = trained()
    monkeypatch.setattr(xlmr, "FILLED_UP", {"cpu": 64})
    filled = trained()
    assert filled.keys() == plain.keys()
    for name, weight in plain.items():
        torch.testing.assert_close(filled[name], weight, rtol=1e-6, atol=1e-6)

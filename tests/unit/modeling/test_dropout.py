"""Dropout on a CPU: the asked share, the same for the same state of the generator, nothing outside training."""

import pytest
import torch

from xstilts.modeling.dropout import Dropout, drop
from xstilts.modeling.heads import build_head
from xstilts.modeling.layout import layout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_share_is_dropped_and_the_rest_scaled_up(dtype, share):
    torch.manual_seed(0)
    found = drop(torch.ones(1000, 401, dtype=dtype), share)
    assert found.dtype == dtype
    assert float((found == 0).double().mean()) == pytest.approx(share, abs=0.002)  # four standard deviations
    by_column = (found == 0).double().mean(0)
    assert abs(by_column - share).max() < 0.08  # five standard deviations: no column is spared
    assert found.unique().tolist() == [0, float(torch.tensor(1 / (1 - share), dtype=dtype))]


def test_the_gradient_passes_where_numbers_were_kept():
    states = torch.ones(7, 3, requires_grad=True)
    found = drop(states, 0.5)
    found.sum().backward()
    assert torch.equal(states.grad, found.detach())


def test_it_follows_from_the_generator_and_moves_it_on():
    def drawn(seed):
        torch.manual_seed(seed)
        return [drop(torch.ones(50, 30), 0.1) for _ in range(2)]

    one, two, other = drawn(1), drawn(1), drawn(2)
    assert all(map(torch.equal, one, two))
    assert not torch.equal(*one) and not torch.equal(one[0], other[0])


def test_nothing_is_dropped_outside_training():
    states = torch.randn(5, 4)
    assert torch.equal(Dropout(0.1).eval()(states), states)
    assert torch.equal(drop(states, 0.0), states)
    assert not drop(states, 1.0).any()


@pytest.mark.parametrize("family", ["classification", "multiple_choice", "tagging", "span_qa"])
def test_heads_drop_where_those_of_the_authors_code_do(family):
    """RoBERTa's heads of transformers: sequences and tags behind dropout, the ends of an answer behind none."""
    head = build_head(family, 32, 3, 0.5, seed=0)
    states, where = torch.randn(12, 32), layout(torch.tensor([5, 7]), torch.device("cpu"))
    training, scoring = head.train()(states, where), head.eval()(states, where)
    assert torch.equal(training, scoring) == (family == "span_qa")

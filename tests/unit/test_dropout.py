"""Dropout on a CPU: the asked share, the same for the same state of the generator, nothing outside training."""

import pytest
import torch

from xstilts.modeling.dropout import Dropout, drop


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

"""P values of single comparisons, and Holm's correction of several."""

import numpy as np
import pytest

from xstilts.uncertainty.estimates import draw_seed_noise, estimate, holm


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0], "no probability is above 1"
    assert holm([]) == []


def test_no_difference_is_impossible() -> None:
    """Davison and Hinkley's count: of n resamples none is further off, and p is 1 / (1 + n)."""
    draws = np.random.default_rng(1).normal(0, 0.1, (1, 999))
    found = estimate(np.array([[50.0]]), draws, draw_seed_noise(1, 999, 1, "mean"))
    assert found.p == pytest.approx(1 / 1000)
    equal = estimate(np.array([[0.0]]), draws, draw_seed_noise(1, 999, 1, "mean"))
    assert equal.p == 1

"""Nearest neighbours as a GPU finds them: those that the CPU finds, and so the same mined pairs."""

from functools import partial

import numpy as np
import torch

from xstilts.prediction import mining
from xstilts.prediction.mining import nearest_on

HERE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def vectors(count: int, seed: int) -> np.ndarray:
    return mining.normalized(np.random.default_rng(seed).normal(size=(count, 16)))


def test_blocks_of_any_size_find_the_neighbours_of_the_cpu() -> None:
    queries, index = vectors(37, 1), vectors(53, 2)
    similarity, rows = mining.nearest(queries, index, 4)
    for size in ({}, {"rows": 5, "columns": 3}, {"rows": 37, "columns": 52}):
        found, numbers = nearest_on(HERE, queries, index, 4, **size)
        assert (numbers == rows).all() and np.allclose(found, similarity, atol=1e-6)
        assert found.dtype == np.float32 and numbers.dtype == np.int64
    assert nearest_on(HERE, queries, index[:2], 4)[1].shape == (37, 2), "fewer rows than neighbours"


def test_the_same_pairs_are_mined() -> None:
    source, target = vectors(80, 3), vectors(70, 4)
    ours = mining.mine(source, target)
    on_device = mining.mine(source, target, search=partial(nearest_on, HERE))
    assert ours and [pair[:2] for pair in ours] == [pair[:2] for pair in on_device]
    assert np.allclose([pair[2] for pair in ours], [pair[2] for pair in on_device], atol=1e-6)


def test_a_pair_whose_score_is_not_above_0_is_no_pair() -> None:
    """The second source is unlike both targets; the second target is nearest to the first source, which is taken."""
    near = np.array([[0.9, 0.5], [-0.05, -0.3]], dtype=np.float32), np.array([[0, 1], [1, 0]])
    back = np.array([[0.9, -0.3], [0.5, -0.05]], dtype=np.float32), np.array([[0, 1], [0, 1]])
    ((source, target, score),) = mining.pair_by_margin(near, back)
    assert (source, target) == (0, 0) and np.isclose(score, 0.9 / ((0.7 + 0.3) / 2))


def test_a_row_of_zeros_has_no_direction() -> None:
    found = mining.normalized(np.array([[0, 0], [3, 4]], dtype=np.float64))
    assert found.dtype == np.float32 and np.allclose(found, [[0, 0], [0.6, 0.8]])

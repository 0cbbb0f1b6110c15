"""Exact search finds what comparing everything with everything finds, whatever its blocks and its memory."""

import numpy as np
import pytest
import torch

from xstilts.prediction.search import search

CPU = torch.device("cpu")


def points(rows: int, width: int, seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def in_blocks(vectors: np.ndarray, size: int):
    return lambda: (vectors[begin : begin + size] for begin in range(0, len(vectors), size))


@pytest.mark.parametrize(("size", "scores"), [(1000, 10**6), (64, 10**6), (7, 700), (300, 1)])
def test_it_is_the_whole_ranking(size: int, scores: int) -> None:
    queries, vectors = points(9, 16, 0), points(300, 16, 1)
    wanted = [[3], [5, 299], [], [0], [1], [2], [10, 20, 30], [7], [8]]
    order = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")
    found = search(queries, in_blocks(vectors, size), len(vectors), 20, wanted, CPU, scores)
    assert [one.best for one in found] == order[:, :20].tolist()
    for one, row, asked in zip(found, order.tolist(), wanted, strict=True):
        assert one.ranks == [1 + row.index(number) for number in asked]


def test_of_equal_candidates_the_first_comes_first_in_the_list_and_in_the_ranks() -> None:
    vectors = np.eye(3, dtype=np.float16)[[2, 0, 1, 0, 0, 1, 0]]
    (found,) = search(np.asarray([[1, 0.5, 0]], np.float32), in_blocks(vectors, 3), 7, 3, [[6, 4, 5, 0]], CPU)
    assert found.best == [1, 3, 4]
    assert found.ranks == [4, 3, 6, 7]
    all_equal = search(np.ones((2, 3), np.float32), in_blocks(vectors, 2), 7, 100, [[0], [6]], CPU)
    assert [one.best for one in all_equal] == [list(range(7))] * 2
    assert [one.ranks for one in all_equal] == [[1], [7]]


def test_vectors_in_float16_rank_as_in_float32_but_for_what_rounding_makes_equal() -> None:
    """A vector of length 1 moves by 2**-11 of itself at most, a score by no more, two scores by twice that."""
    queries, vectors = points(40, 256, 2), points(3000, 256, 3)
    near = np.random.default_rng(4).integers(0, 3000, 2000)  # most candidates have a near neighbour, as texts have
    vectors[:2000] = vectors[near] + 0.05 * vectors[:2000]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    exact = queries @ vectors.T
    wanted = [[int(line.argmax())] for line in exact]
    half = search(queries, in_blocks(vectors.astype(np.float16), 512), 3000, 3000, wanted, CPU)
    whole = search(queries, in_blocks(vectors, 512), 3000, 3000, wanted, CPU)
    moved = 0
    for line, one, other in zip(exact, half, whole, strict=True):
        assert sorted(one.best) == list(range(3000))
        assert np.diff(line[one.best]).max() < 2 * 2**-11
        moved += one.best != other.best
    assert moved, "some neighbours did change places, so the bound says something"
    assert [one.ranks for one in half] == [one.ranks for one in whole] == [[1]] * 40


def test_blocks_that_are_not_all_candidates_are_refused() -> None:
    with pytest.raises(ValueError, match="6 candidates in the blocks, 7 were announced"):
        search(points(1, 4, 0), in_blocks(points(6, 4, 1), 4), 7, 1, [[0]], CPU)

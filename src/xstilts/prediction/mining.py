"""Mines parallel sentences: ratio margin over k nearest neighbours both ways, greedy one to one (mode `max`)."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
Search = Callable[[Floats, Floats, int], tuple[Floats, Indices]]


def normalized(rows: Floats) -> Floats:
    """Return float32 rows of length 1; a row of zeros stays as it is."""
    rows = np.asarray(rows, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    return (rows / lengths).astype(np.float32, copy=False)


def nearest(queries: Floats, index: Floats, k: int, rows: int = 1024, columns: int = 16384) -> tuple[Floats, Indices]:
    """Return each query's k highest inner products with ``index`` and their row numbers, highest first.

    Shapes: queries (n, d), index (m, d), results (n, min(k, m)); of equal products the lower row comes first. Works in
    blocks of ``rows`` by ``columns``, so that memory does not grow with n times m. Meant for a few neighbours: each one
    is a pass over the products, which for four of them is several times faster than to partition.
    """
    k = min(k, len(index))
    similarity = np.empty((len(queries), k), dtype=np.float32)
    neighbour = np.empty((len(queries), k), dtype=np.int64)
    room = np.empty(min(rows, len(queries)) * min(columns, len(index)), dtype=np.float32)  # one block's, used again
    for top in range(0, len(queries), rows):
        block = queries[top : top + rows]
        best = np.empty((len(block), 0), dtype=np.float32)
        where = np.empty((len(block), 0), dtype=np.int64)
        for left in range(0, len(index), columns):
            part = index[left : left + columns]
            products = np.matmul(block, part.T, out=room[: len(block) * len(part)].reshape(len(block), len(part)))
            found, keep = _highest(products, min(k, len(part)))
            best = np.concatenate([best, found], axis=1)
            where = np.concatenate([where, keep + left], axis=1)
            order = np.argsort(-best, axis=1, kind="stable")[:, :k]
            best, where = np.take_along_axis(best, order, axis=1), np.take_along_axis(where, order, axis=1)
        similarity[top : top + rows], neighbour[top : top + rows] = best, where
    return similarity, neighbour


def nearest_on(
    where: torch.device, queries: Floats, index: Floats, k: int, rows: int = 4096, columns: int = 65536
) -> tuple[Floats, Indices]:
    """Return each query's k highest inner products with ``index`` and their row numbers, highest first.

    Shapes: queries (n, d), index (m, d), results (n, min(k, m)). Products are exact float32 sums (no TF32) in blocks of
    ``rows`` by ``columns``; queries and the best so far stay on the device, the index passes through it once. Of equal
    products any may come first.
    """
    k = min(k, len(index))
    held = torch.from_numpy(np.ascontiguousarray(queries)).to(where)
    best = torch.full((len(queries), k), -torch.inf, device=where)
    neighbour = torch.zeros((len(queries), k), dtype=torch.int64, device=where)
    for left in range(0, len(index), columns):
        part = torch.from_numpy(np.ascontiguousarray(index[left : left + columns])).to(where)
        for top in range(0, len(queries), rows):
            block = slice(top, top + rows)
            found, keep = (held[block] @ part.T).topk(min(k, len(part)), dim=1)
            values = torch.cat([best[block], found], dim=1)
            numbers = torch.cat([neighbour[block], keep + left], dim=1)
            best[block], order = values.topk(k, dim=1)
            neighbour[block] = numbers.gather(1, order)
    return best.cpu().numpy(), neighbour.cpu().numpy()


def _highest(products: Floats, k: int) -> tuple[Floats, Indices]:
    """Return the k highest values of each row and their columns, highest first; the values are overwritten."""
    lines = np.arange(len(products))
    value = np.empty((len(products), k), dtype=np.float32)
    column = np.empty((len(products), k), dtype=np.int64)
    for place in range(k):
        column[:, place] = products.argmax(axis=1)
        value[:, place] = products[lines, column[:, place]]
        products[lines, column[:, place]] = -np.inf
    return value, column


def pair_by_margin(forward: tuple[Floats, Indices], backward: tuple[Floats, Indices]) -> list[tuple[int, int, float]]:
    """Return one-to-one pairs (source row, target row, score), best first, from neighbours both ways.

    ``forward`` holds cosines and row numbers of each source row's nearest target rows, ``backward`` the reverse, both
    highest first. The score of a pair is its cosine over the mean of both sides' mean cosine to their neighbours;
    each side proposes its best neighbour, and proposals are taken greedily while both rows are free and the score is
    above 0 (utils_retrieve.py, mine_bitext).
    """
    (near, near_rows), (back, back_rows) = forward, backward
    mean, back_mean = near.mean(axis=1), back.mean(axis=1)
    scores = near / ((mean[:, None] + back_mean[near_rows]) / 2)
    back_scores = back / ((back_mean[:, None] + mean[back_rows]) / 2)
    sources, targets = np.arange(len(near)), np.arange(len(back))
    pick, back_pick = scores.argmax(axis=1), back_scores.argmax(axis=1)
    source = np.concatenate([sources, back_rows[targets, back_pick]])
    target = np.concatenate([near_rows[sources, pick], targets])
    value = np.concatenate([scores[sources, pick], back_scores[targets, back_pick]]).astype(np.float64)
    free_source, free_target = [True] * len(near), [True] * len(back)
    pairs: list[tuple[int, int, float]] = []
    for place in np.argsort(-value, kind="stable").tolist():
        i, j = int(source[place]), int(target[place])
        if free_source[i] and free_target[j]:
            free_source[i] = free_target[j] = False
            if value[place] > 0:
                pairs.append((i, j, float(value[place])))
    return pairs


def mine(
    source: Floats, target: Floats, k: int = 4, search: Search = nearest, normalise: bool = True
) -> list[tuple[int, int, float]]:
    """Mine pairs (source row, target row, score), best first, from embeddings (n, d) and (m, d) of any length.

    Neighbours are by cosine, or by inner product where vectors are not to be made of length 1.
    """
    if normalise:
        source, target = normalized(source), normalized(target)
    return pair_by_margin(search(source, target, k), search(target, source, k))


def mine_sentences(
    source: Floats,
    source_texts: Sequence[str],
    target: Floats,
    target_texts: Sequence[str],
    k: int = 4,
    search: Search = nearest,
    normalise: bool = True,
) -> list[tuple[int, int, float]]:
    """Mine as `mine` does after sentences that occur several times on a side were put together, as officially.

    Returned row numbers are those of a sentence's last occurrence, whose embedding stands for all.
    """
    source_rows = np.array(list({text: row for row, text in enumerate(source_texts)}.values()), dtype=np.int64)
    target_rows = np.array(list({text: row for row, text in enumerate(target_texts)}.values()), dtype=np.int64)
    mined = mine(np.asarray(source)[source_rows], np.asarray(target)[target_rows], k, search, normalise)
    return [(int(source_rows[i]), int(target_rows[j]), score) for i, j, score in mined]

"""Exact search: every query against every candidate, in blocks, with memory that does not grow with either."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
Vectors = NDArray[np.float16] | NDArray[np.float32]

SCORES = 2**28  # float32 scores held at once, 1 GiB: as many queries at a time as that is for all candidates


@dataclass(frozen=True)
class Ranking:
    """What was found for a query: the best candidates, best first, and the rank, from 1, of each that was asked for."""

    best: list[int]
    ranks: list[int]


def search(
    queries: Floats,
    blocks: Callable[[], Iterator[Vectors]],
    candidates: int,
    k: int,
    wanted: Sequence[Sequence[int]],
    where: torch.device,
    scores: int = SCORES,
) -> list[Ranking]:
    """Rank candidates by their inner products with queries; of equal ones the lower number comes first.

    Products are sums in float32 whatever the candidates are stored in. Beside ``scores`` numbers one block is in
    memory. A GPU's rounding to TF32 is off, as PyTorch has it unless somebody turns it on.

    Args:
        queries: float32 [queries, width].
        blocks: yields the candidates in order, [any number, width] each; called once for each group of queries.
        candidates: how many there are.
        k: how many of the best are wanted.
        wanted: for each query the numbers of the candidates whose ranks are wanted.
        where: the device that computes.
        scores: float32 scores that may be in memory at once.
    """
    rows = max(1, scores // max(1, candidates))
    found: list[Ranking] = []
    room = torch.empty((min(rows, len(queries)), candidates), device=where)  # used again for each group of queries
    for top in range(0, len(queries), rows):
        held = torch.from_numpy(np.ascontiguousarray(queries[top : top + rows])).to(where)
        table, left = room[: len(held)], 0
        for block in blocks():
            part = torch.from_numpy(np.ascontiguousarray(block)).to(where).float()
            table[:, left : left + len(part)] = held @ part.T
            left += len(part)
        if left != candidates:
            raise ValueError(f"{left} candidates in the blocks, {candidates} were announced")
        best = table.topk(min(k, candidates), dim=1).values[:, -1] if candidates else table.new_empty(len(held))
        for line, least, asked in zip(table, best, wanted[top : top + rows], strict=True):
            found.append(Ranking(_best(line, least, k), [_rank(line, number) for number in asked]))
    return found


def _best(line: Tensor, least: Tensor, k: int) -> list[int]:
    at = torch.nonzero(line >= least)[:, 0]  # those equal to the last one too, of which the first are taken
    order = line[at].sort(descending=True, stable=True).indices[:k]
    return at[order].tolist()


def _rank(line: Tensor, number: int) -> int:
    score = line[number]
    return 1 + int((line > score).sum()) + int((line[:number] == score).sum())

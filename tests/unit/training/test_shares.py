"""What each process of a divided training has of a batch."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

from xstilts.training.sharded import Ranks


def test_a_batch_is_divided_before_its_first_part_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    longest, seeds, groups, lacking = np.array([16, 8, 9, 8, 9]), [], [], []
    for rank in range(2):
        monkeypatch.setattr(dist, "get_rank", lambda rank=rank: rank)
        ranks = Ranks(Path("stop"))
        torch.manual_seed(5)
        share = ranks.share(longest, 16)
        lacking.append(ranks._lacking)
        groups.append([])
        for group in share:
            groups[-1].append(group.tolist())
            seeds.append(torch.initial_seed())
    assert groups == [[[0], [4], [3]], [[2], [1]]]
    assert lacking == [0, 1], "the second process waits for the third part of the first"
    assert len(set(seeds)) == len(seeds), "each draws dropout of its own"

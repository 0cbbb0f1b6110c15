"""A step hands its batch to a GPU without waiting: each copy is from pinned memory and asked for as such."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from test_properties import FAMILIES, with_targets
from torch.overrides import TorchFunctionMode

from xstilts.families.facts import facts
from xstilts.modeling.batch import collate
from xstilts.modeling.batches import contrasted, units

CUDA = torch.device("cuda", 0)


class PretendGpu(TorchFunctionMode):
    """Tensors "on the GPU" stay where they are; counts how they were moved there."""

    def __init__(self) -> None:
        super().__init__()
        self.moved: Counter[str] = Counter()

    def __torch_function__(self, function: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        named = named or {}
        if function is torch.Tensor.pin_memory:
            found = given[0].clone()
            found.is_pinned_here = True
            return found
        if function in (torch.Tensor.to, torch.Tensor.cuda) and CUDA in (*given[1:], *named.values()):
            pinned = getattr(given[0], "is_pinned_here", False) and named.get("non_blocking", False)
            self.moved["at once" if pinned else "waits"] += 1
            return given[0]
        return function(*given, **named)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_copy_of_a_batch_waits_for_the_gpu(family: str) -> None:
    features = with_targets(family, FAMILIES[family].rows(12, np.random.default_rng(0), True))
    if facts(family).contrasted:
        features, _ = contrasted(features, units(features, family), 4)
    with PretendGpu() as gpu:
        batch = collate(features, np.arange(len(features)), family, CUDA)
    assert gpu.moved["at once"] >= 4 and not gpu.moved["waits"]
    assert batch.layout.lengths.tolist() == np.diff(features.offsets).tolist()

"""Small tensors from the host to the device that computes, without waiting for it."""

import torch
from torch import Tensor


def moved(values: Tensor, where: torch.device) -> Tensor:
    """Return a tensor of the host on a device; a GPU takes it when it comes to it, and the host goes on at once.

    From memory that may be swapped out a copy is a synchronisation: the host would wait until the GPU has done all that
    it was asked before, 2 to 4 times a micro-batch. PyTorch keeps pinned memory until the copy is made.
    """
    if where.type != "cuda":
        return values.to(where)
    return values.pin_memory().to(where, non_blocking=True)

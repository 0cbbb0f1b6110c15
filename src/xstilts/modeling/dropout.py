"""Dropout, which on a CPU draws its own bits: PyTorch's draws there one number after the other, which takes long."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class Dropout(nn.Module):
    """Dropout while training, as ``nn.Dropout``."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, states: Tensor) -> Tensor:
        """Map states of any shape to the same shape."""
        return drop(states, self.share if self.training else 0.0)


def drop(states: Tensor, share: float) -> Tensor:
    """Set a share of the numbers to zero and scale the others up, so that the mean stays.

    On a CPU each number takes 16 random bits, so the share is a multiple of 1/65536; they follow from the state of
    PyTorch's generator, from which a step is seeded and which recomputing a block puts back.
    """
    if states.device.type != "cpu" or not 0 < share < 1:
        return functional.dropout(states, share)
    seed = int(torch.randint(2**62, ()))
    bits = np.random.SFC64(seed).random_raw(-(-states.numel() // 4)).view(np.uint16)[: states.numel()]
    kept = bits >= round(share * 2**16)
    scale = torch.tensor(1 / (1 - share), dtype=states.dtype)
    if states.dtype == torch.bfloat16:  # NumPy has none: the bits of the scale, or zeros
        factors = torch.from_numpy(np.multiply(kept, scale.view(torch.int16).numpy(), dtype=np.int16))
        factors = factors.view(torch.bfloat16)
    else:
        factors = torch.from_numpy(np.multiply(kept, scale.numpy(), dtype=scale.numpy().dtype))
    return states * factors.view(states.shape)

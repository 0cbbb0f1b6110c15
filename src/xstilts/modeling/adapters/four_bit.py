"""Frozen linear maps in four bits a weight, beside adapters that train: NF4 of QLoRA (Dettmers et al., 2023).

A block of 64 weights has its largest magnitude in float32, and each weight the nearest of 16 levels below it: 4.5 bits
a weight. A product sees weights in the precision that it computes in, made anew each time and kept by nobody.
"""

import re
from functools import cache
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.modeling.adapters.maps import maps, put_back

BLOCK = 64  # weights that share a scale
PART = 2**14  # blocks that are packed at a time
UNPACKED = 2**16  # blocks that are unpacked at a time: of fewer a GPU's kernels would end before the next ones start
FARTHEST = 0.9677083  # of the normal distribution's mass, where the outermost levels stand (QLoRA's code)


@cache
def levels() -> Tensor:
    """Return the 16 levels, float32, from -1 to 1 with 0: quantiles of normal weights (QLoRA, appendix E)."""
    quantile = NormalDist().inv_cdf
    below = [-quantile(0.5 + (FARTHEST - 0.5) * step / 7) for step in range(7, 0, -1)]
    above = [quantile(0.5 + (FARTHEST - 0.5) * step / 8) for step in range(1, 9)]
    return torch.tensor([*below, 0.0, *above], dtype=torch.float64).div(quantile(FARTHEST)).float()


@cache
def _pairs_on(where: torch.device) -> Tensor:
    """Return the two levels of each byte, float32 [256, 2]; a copy for every product would wait for the GPU."""
    codes = torch.arange(256)
    return torch.stack([levels()[codes >> 4], levels()[codes & 15]], dim=1).to(where)


class FourBit(nn.Module):
    """A linear map whose weights lie in four bits; its bias, if it has one, as it was."""

    packed: Tensor
    scale: Tensor

    def __init__(self, own: nn.Linear) -> None:
        """Take the weights of a linear map, on the device where they are."""
        super().__init__()
        self.in_features, self.out_features = own.in_features, own.out_features
        packed, scale = pack(own.weight.detach())
        self.register_buffer("packed", packed)
        self.register_buffer("scale", scale)
        self.bias = own.bias

    def forward(self, states: Tensor) -> Tensor:
        """Map states [..., in] to [..., out]."""
        kind = states.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype
        shape = (self.out_features, self.in_features)
        found: Tensor = _Product.apply(states.to(dtype), self.packed, self.scale, shape)
        return found if self.bias is None else found + self.bias.to(dtype)

    def linear(self) -> nn.Linear:
        """Return a plain map with the weights that the products saw, in float32."""
        plain = nn.Linear(1, 1, device="meta")
        plain.in_features, plain.out_features = self.in_features, self.out_features
        weight = unpacked(self.packed, self.scale, (self.out_features, self.in_features), torch.float32)
        plain.weight, plain.bias = nn.Parameter(weight), self.bias
        return plain


class _Product(torch.autograd.Function):
    """States times weights; the backward pass makes the weights a second time in place of keeping them."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, packed: Tensor, scale: Tensor, shape: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(packed, scale)
        ctx.shape = shape
        return functional.linear(states, unpacked(packed, scale, shape, states.dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        packed, scale = ctx.saved_tensors
        (gradient,) = gradients
        return gradient @ unpacked(packed, scale, ctx.shape, gradient.dtype), None, None, None


def pack(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return (two weights a byte, uint8 [blocks, 32]; scales, float32 [blocks]) of a matrix, row by row.

    A part at a time: beside the result there is never a whole matrix, which may have hundreds of millions.
    """
    flat, known = weight.reshape(-1), levels()
    middle = ((known[1:] + known[:-1]) / 2).tolist()
    count = -(-len(flat) // BLOCK)
    packed = torch.empty(count, BLOCK // 2, dtype=torch.uint8, device=weight.device)
    scale = torch.empty(count, device=weight.device)
    for start in range(0, count, PART):
        part = flat[start * BLOCK : (start + PART) * BLOCK].float()
        blocks = functional.pad(part, (0, -len(part) % BLOCK)).view(-1, BLOCK)
        largest = blocks.abs().amax(1)
        blocks = blocks / largest.clamp_min(torch.finfo(torch.float32).tiny)[:, None]
        codes = torch.zeros(blocks.shape, dtype=torch.uint8, device=weight.device)
        for bound in middle:  # a search among so few is slower
            codes += blocks > bound
        packed[start : start + PART] = codes[:, ::2] << 4 | codes[:, 1::2]
        scale[start : start + PART] = largest
    return packed, scale


def unpacked(packed: Tensor, scale: Tensor, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """Return the matrix [out, in] that was packed, to the nearest level.

    A part at a time: numbers of levels and products in float32, six bytes a weight, are never those of a whole matrix.
    """
    blocks = torch.empty(len(packed), BLOCK, dtype=dtype, device=packed.device)
    pairs = _pairs_on(packed.device)
    for start in range(0, len(packed), UNPACKED):
        part = slice(start, start + UNPACKED)
        found = pairs.index_select(0, packed[part].flatten().int()).view(-1, BLOCK)
        blocks[part] = found.mul_(scale[part, None])
    return blocks.flatten()[: shape[0] * shape[1]].view(shape)


def shrink(encoder: Any) -> None:
    """Put the linear maps of an encoder's blocks into four bits; adapters beside them, embeddings and norms stay."""
    found = maps(encoder)
    for name, part in list(found.named_modules()):
        if isinstance(part, nn.Linear) and not re.search(r"\.lora_", name):
            _replace(found, name, FourBit(part))
    put_back(encoder, found)


def restore(encoder: Any) -> None:
    """Make plain maps again of those in four bits, with the weights that these stand for."""
    for name, part in list(encoder.named_modules()):
        if isinstance(part, FourBit):
            _replace(encoder, name, part.linear())


def _replace(whole: nn.Module, name: str, part: nn.Module) -> None:
    above, _, own = name.rpartition(".")
    setattr(whole.get_submodule(above), own, part)

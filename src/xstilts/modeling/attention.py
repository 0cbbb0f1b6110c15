"""Self-attention within each sequence of a batch whose sequences lie end to end.

Three ways to the same numbers: on a GPU in half precision the flash kernel reads the sequences as they lie, elsewhere
they are padded, on a CPU in groups of about one length; a CPU then multiplies plainly, where its fused kernel is the
slower one.
"""

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from xstilts.modeling.dropout import drop
from xstilts.modeling.layout import Layout, Padded, layout


def attend(mixed: Tensor, where: Layout, heads: int, dropout: float) -> Tensor:
    """Map queries, keys and values [tokens, 3 x hidden] to contexts [tokens, hidden]."""
    half = mixed.dtype in (torch.bfloat16, torch.float16)
    if half and fits_kernel(mixed.shape[1] // (3 * heads)) and has_unpadded_kernel(mixed.device):
        return unpadded(mixed, where, heads, dropout)
    pieces = mixed.split([part.tokens for part in where.parts])
    found = [padded(piece, part, heads, dropout) for piece, part in zip(pieces, where.parts, strict=True)]
    return torch.cat(found) if len(found) > 1 else found[0]


def unpadded(mixed: Tensor, where: Layout, heads: int, dropout: float) -> Tensor:
    """Attend by the operator below ``torch.nn.attention.varlen``, which itself leaves dropout out."""
    query, key, value = mixed.view(len(mixed), 3, heads, -1).unbind(1)
    bounds, longest = where.bounds, where.whole.longest
    found = torch.ops.aten._flash_attention_forward(
        query, key, value, bounds, bounds, longest, longest, dropout, False, False
    )
    return found[0].reshape(len(mixed), -1)


def padded(mixed: Tensor, where: Padded, heads: int, dropout: float) -> Tensor:
    """Attend over [rows, longest], in any precision on any device."""
    hidden = mixed.shape[1] // 3
    if where.slots is not None:
        wide = mixed.new_zeros(where.rows * where.longest, mixed.shape[1])
        mixed = wide.index_copy(0, where.slots, mixed)
    split = mixed.view(where.rows, where.longest, 3, heads, hidden // heads)
    split = split.permute(2, 0, 3, 1, 4)
    if mixed.is_cuda:
        query, key, value = split
        context = functional.scaled_dot_product_attention(query, key, value, where.mask, dropout)
    else:  # on a CPU the fused kernel is the slower one, by far in bfloat16
        query, key, value = split.contiguous()  # products of many small matrices are faster so
        scores = (query / math.sqrt(query.shape[3])) @ key.transpose(2, 3)
        if where.mask is not None:
            scores += where.bias(scores.dtype)
        context = drop(scores.softmax(3), dropout) @ value
    flat = context.transpose(1, 2).reshape(-1, hidden)
    return flat if where.slots is None else flat.index_select(0, where.slots)  # its backward is the faster one


def fits_kernel(width: int) -> bool:
    """Say whether the flash kernel takes heads of this width."""
    return width % 8 == 0 and width <= 256


@cache
def has_unpadded_kernel(where: torch.device) -> bool:
    """Say whether a device and this PyTorch have the kernel: tried on a small batch, once a process.

    The operator is no public interface, so it is not believed but asked: states and gradients must be those of the
    padded way, and dropout must leave the mean alone, do something, and be the same for the same seed.
    """
    if where.type != "cuda":
        return False
    plain = torch.autocast(where.type, enabled=False)
    with torch.inference_mode(False), torch.enable_grad(), plain, torch.random.fork_rng([where]):
        generator = torch.Generator().manual_seed(0)
        small = layout(torch.tensor([5, 1, 40, 17]), where)
        mixed = torch.randn(63, 3 * 64, generator=generator).to(where, torch.bfloat16).requires_grad_()
        seen = mixed.detach().clone().view(63, 3, 64)
        seen[:, 2] = 1
        try:
            states = [unpadded(mixed, small, 2, 0.0), padded(mixed, small.whole, 2, 0.0)]
            gradients = [torch.autograd.grad(found.square().sum(), mixed)[0] for found in states]
            drawn = []
            for _ in range(2):
                torch.manual_seed(1)
                drawn.append(unpadded(seen.view(63, 192), small, 2, 0.3).float())
        except (RuntimeError, TypeError, AttributeError):  # no kernel for this GPU, or an operator of another shape
            return False
        same = torch.allclose(states[0].float(), states[1].float(), rtol=0.02, atol=0.02)
        same_gradients = torch.allclose(gradients[0].float(), gradients[1].float(), rtol=0.05, atol=0.05)
        dropped = drawn[0].std() > 0.05 and abs(drawn[0].mean() - 1) < 0.1
        return bool(same and same_gradients and dropped and torch.equal(*drawn))

"""Where the tokens of a batch lie when its sequences stand end to end."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Layout:
    """Where the tokens of a batch lie: flat, and in the padded view that some attention needs."""

    lengths: Tensor  # int64 [sequences], on the CPU
    bounds: Tensor  # int32 [sequences + 1], where each begins and the last ends
    positions: Tensor  # int64 [tokens], from 0 within each sequence
    slots: Tensor | None  # int64 [tokens], index into [sequences x longest]; None where nothing is padded
    mask: Tensor | None  # bool [rows, 1, 1, longest], True where a token is
    longest: int
    rows: int  # of the padded view: one a sequence, and more in a rounded layout

    def bias(self, dtype: torch.dtype) -> Tensor:
        """The mask as numbers to add to attention scores: 0 where a token is, else the lowest there is."""
        assert self.mask is not None
        return torch.zeros(self.mask.shape, dtype=dtype).masked_fill_(~self.mask, torch.finfo(dtype).min)

    @property
    def first(self) -> Tensor:
        """The flat index of each sequence's first token."""
        return self.bounds[:-1]


def layout(lengths: Tensor, where: torch.device) -> Layout:
    """Lay out a batch from the lengths of its sequences (int64 [sequences], on the CPU)."""
    longest = int(lengths.max())
    steps = torch.arange(longest)
    inside = steps[None, :] < lengths[:, None]
    positions = steps.expand(len(lengths), longest)[inside].to(where)
    bounds = functional.pad(torch.cumsum(lengths, 0, dtype=torch.int32), (1, 0)).to(where)
    if bool(inside.all()):
        return Layout(lengths, bounds, positions, None, None, longest, len(lengths))
    slots = inside.flatten().nonzero()[:, 0].to(where)
    return Layout(lengths, bounds, positions, slots, inside[:, None, None, :].to(where), longest, len(lengths))


def rounded(given: Layout) -> Layout:
    """Lay a batch out in one of few shapes: tokens, rows and the longest rounded up in steps of about a tenth.

    A CPU's bfloat16 kernels are compiled anew for every shape, which takes longer than a small batch itself. What is
    added at the end are tokens at position 0 that nobody attends to; they share one empty place of the padded view.
    """
    tokens = len(given.positions)
    added = _rounded(tokens) - tokens
    rows, longest = _rounded(given.rows), _rounded(given.longest)
    if added and rows * longest == tokens:
        rows += 1
    inside = torch.arange(longest)[None, :] < functional.pad(given.lengths, (0, rows - given.rows))[:, None]
    slots, empty = inside.flatten().nonzero()[:, 0], (~inside).flatten().nonzero()[:, 0]
    return Layout(
        lengths=given.lengths,
        bounds=given.bounds,
        positions=functional.pad(given.positions, (0, added)),
        slots=torch.cat([slots, empty[-1:].expand(added)]) if len(empty) else None,
        mask=inside[:, None, None, :] if len(empty) else None,
        longest=longest,
        rows=rows,
    )


def takes_few_shapes(where: torch.device) -> bool:
    """Say whether computing here is a matter of few shapes (see ``rounded``)."""
    return where.type == "cpu" and torch.is_autocast_enabled("cpu")


def rounded_rows(states: Tensor) -> Tensor:
    """Add rows of zeros where few shapes matter; the caller drops what comes of them."""
    if not takes_few_shapes(states.device):
        return states
    return functional.pad(states, (0, 0, 0, _rounded(len(states)) - len(states)))


def _rounded(size: int) -> int:
    step = 2 ** max(0, size.bit_length() - 4)  # eight steps from one power of two to the next
    return -(-size // step) * step

"""Where the tokens of a batch lie when its sequences stand end to end."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from xstilts.modeling.moving import moved

# Padded attention on a CPU, by measurement: scores of larger parts leave its caches, smaller parts are too many calls.
MOST_TOKENS = 1536  # padded tokens of a part
FEWEST_TOKENS = 512  # before shorter sequences may begin the next part
SHORTEST = 0.5  # of a part's longest sequence: shorter ones begin the next part


@dataclass(frozen=True)
class Padded:
    """Neighbouring sequences as rows of one length, for what cannot read them end to end."""

    tokens: int
    rows: int  # one a sequence, and more in a rounded layout
    longest: int
    slots: Tensor | None  # int64 [tokens], index into [rows x longest]; None where nothing is padded
    mask: Tensor | None  # bool [rows, 1, 1, longest], True where a token is

    def bias(self, dtype: torch.dtype) -> Tensor:
        """The mask as numbers to add to attention scores: 0 where a token is, else the lowest there is."""
        assert self.mask is not None
        return torch.zeros(self.mask.shape, dtype=dtype).masked_fill_(~self.mask, torch.finfo(dtype).min)


@dataclass(frozen=True)
class Layout:
    """Where the tokens of a batch lie: flat, and in the padded views that some attention needs."""

    lengths: Tensor  # int64 [sequences], on the CPU
    bounds: Tensor  # int32 [sequences + 1], where each begins and the last ends
    positions: Tensor  # int64 [tokens], from 0 within each sequence
    whole: Padded  # all sequences
    parts: tuple[Padded, ...]  # the same, in groups that padded attention takes one after the other

    @property
    def first(self) -> Tensor:
        """The flat index of each sequence's first token."""
        return self.bounds[:-1]

    @property
    def last(self) -> Tensor:
        """The flat index of each sequence's last token."""
        return self.bounds[1:] - 1


def layout(lengths: Tensor, where: torch.device) -> Layout:
    """Lay out a batch from the lengths of its sequences (int64 [sequences], on the CPU)."""
    longest = int(lengths.max())
    steps = torch.arange(longest)
    inside = steps[None, :] < lengths[:, None]
    positions = moved(steps.expand(len(lengths), longest)[inside], where)
    bounds = moved(functional.pad(torch.cumsum(lengths, 0, dtype=torch.int32), (1, 0)), where)
    if bool(inside.all()):
        whole = Padded(len(positions), len(lengths), longest, None, None)
    else:
        slots = moved(inside.flatten().nonzero()[:, 0], where)
        whole = Padded(len(positions), len(lengths), longest, slots, moved(inside[:, None, None, :], where))
    return Layout(lengths, bounds, positions, whole, (whole,))


def divided(given: Layout, few_shapes: bool) -> Layout:
    """Lay a batch out for a CPU: padded attention takes sequences of about one length together.

    With ``few_shapes`` tokens, rows and the longest are rounded up in steps of about a tenth: a CPU's bfloat16 kernels
    are compiled anew for every shape, which takes longer than a small batch itself. What is added at the end are tokens
    at position 0 that nobody attends to; they share one empty place of the last padded view.
    """
    up = _rounded if few_shapes else int
    added = up(given.whole.tokens) - given.whole.tokens
    sizes = given.lengths.tolist()
    groups = [given.lengths[start:end] for start, end in pairwise(_divisions(sizes))]
    parts = [_part(group, up(len(group)), up(int(group.max())), 0) for group in groups[:-1]]
    parts.append(_part(groups[-1], up(len(groups[-1])), up(int(groups[-1].max())), added))
    return replace(given, positions=functional.pad(given.positions, (0, added)), parts=tuple(parts))


def attended(given: Layout, few_shapes: bool) -> int:
    """Return the places of all padded views that ``divided`` makes, without making them."""
    up = _rounded if few_shapes else int
    sizes, places = given.lengths.tolist(), 0
    added = up(given.whole.tokens) - given.whole.tokens
    for start, end in pairwise(_divisions(sizes)):
        rows, longest = up(end - start), up(max(sizes[start:end]))
        full = end == len(sizes) and added and rows * longest == sum(sizes[start:])
        places += (rows + bool(full)) * longest
    return places


def _divisions(sizes: list[int]) -> Iterator[int]:
    """Yield where groups of neighbours of about one length begin, and where the last ends."""
    start = longest = 0
    for number, size in enumerate(sizes):
        wider = max(longest, size)
        enough = longest * (number - start) >= FEWEST_TOKENS
        if number == start or (enough and size < SHORTEST * longest) or wider * (number + 1 - start) > MOST_TOKENS:
            start, longest = number, size
            yield number
        longest = max(longest, size)
    yield len(sizes)


def _part(lengths: Tensor, rows: int, longest: int, added: int) -> Padded:
    """Return the view of a group in this shape, made one row larger where the added tokens would find no place."""
    tokens = int(lengths.sum())
    if added and rows * longest == tokens:
        rows += 1
    inside = torch.arange(longest)[None, :] < functional.pad(lengths, (0, rows - len(lengths)))[:, None]
    slots, empty = inside.flatten().nonzero()[:, 0], (~inside).flatten().nonzero()[:, 0]
    if not len(empty):
        return Padded(tokens, rows, longest, None, None)
    slots = torch.cat([slots, empty[-1:].expand(added)])
    return Padded(tokens + added, rows, longest, slots, inside[:, None, None, :])


def takes_few_shapes(where: torch.device) -> bool:
    """Say whether computing here is a matter of few shapes (see ``divided``)."""
    return where.type == "cpu" and torch.is_autocast_enabled("cpu")


def rounded_rows(states: Tensor) -> Tensor:
    """Add rows of zeros where few shapes matter; the caller drops what comes of them."""
    if not takes_few_shapes(states.device):
        return states
    return functional.pad(states, (0, 0, 0, _rounded(len(states)) - len(states)))


def _rounded(size: int) -> int:
    step = 2 ** max(0, size.bit_length() - 4)  # eight steps from one power of two to the next
    return -(-size // step) * step

"""One small head a family on the shared encoder, and the loss that trains it.

Every loss is a sum over the scored items of a micro-batch: the loop divides by the number of items of the whole batch,
so that a batch split into micro-batches takes the same step as one that is not.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.modeling.dropout import Dropout
from xstilts.modeling.layout import Layout, layout, rounded_rows

INITIAL_SPREAD = 0.02  # standard deviation of fresh weights, as in BERT and XLM-R


class SequenceHead(nn.Module):
    """Score a whole sequence from its first token: dropout, dense, tanh, dropout, linear (RoBERTa's head)."""

    def __init__(self, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.dense = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, states: Tensor, where: Layout) -> Tensor:
        """Map states [tokens, hidden] to logits [sequences, outputs]."""
        first = self.dropout(rounded_rows(states[where.first]))
        return self.output(self.dropout(torch.tanh(self.dense(first))))[: len(where.lengths)]


class TokenHead(nn.Module):
    """Score every token: dropout, linear (tags, or start and end of an answer)."""

    def __init__(self, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, states: Tensor, where: Layout) -> Tensor:
        """Map states [tokens, hidden] to logits [tokens, outputs]."""
        return self.output(self.dropout(rounded_rows(states)))[: len(states)]


def build_head(family: str, hidden: int, classes: int, dropout: float, seed: int) -> nn.Module:
    """Return a freshly initialised head for ``family``; equal seeds give equal weights."""
    torch.manual_seed(seed)
    if family == "classification":
        head: nn.Module = SequenceHead(hidden, classes, dropout)
    elif family == "multiple_choice":
        head = SequenceHead(hidden, 1, dropout)
    elif family == "tagging":
        head = TokenHead(hidden, classes, dropout)
    elif family == "span_qa":
        head = TokenHead(hidden, 2, dropout)
    else:
        raise ValueError(f"no head for family {family!r}")
    for parameter in head.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=INITIAL_SPREAD)
        else:
            nn.init.zeros_(parameter)
    return head


def loss_sum(family: str, logits: Tensor, targets: dict[str, Tensor], where: Layout) -> Tensor:
    """Return the summed loss of a micro-batch over its scored items.

    Args:
        family: which loss.
        logits: the head's output (see the heads; for ``mlm`` [masked tokens, vocabulary]).
        targets: ``label`` [items], ``start`` and ``end`` [sequences], ``tag`` [tokens] (-100: not scored), ``sizes``
            [items] (choices of each question, on the CPU), ``masked`` [masked tokens].
        where: the layout of the batch.
    """
    logits = logits.float()
    if family == "classification":
        return functional.cross_entropy(logits, targets["label"], reduction="sum")
    if family == "multiple_choice":
        return functional.cross_entropy(by_question(logits, targets["sizes"]), targets["label"], reduction="sum")
    if family == "tagging":
        return functional.cross_entropy(logits, targets["tag"], reduction="sum")
    if family == "span_qa":
        wide = _by_sequence(logits, where)
        start = functional.cross_entropy(wide[:, :, 0], targets["start"], reduction="sum")
        end = functional.cross_entropy(wide[:, :, 1], targets["end"], reduction="sum")
        return (start + end) / 2
    if family == "mlm":
        return functional.cross_entropy(logits, targets["masked"], reduction="sum")
    raise ValueError(f"no loss for family {family!r}")


def _by_sequence(logits: Tensor, where: Layout) -> Tensor:
    """Lay logits [tokens, outputs] out as [sequences, longest, outputs]; what is no token gets the lowest score."""
    shape = (len(where.lengths), where.whole.longest, logits.shape[1])
    if where.whole.slots is None:
        return logits.view(shape)
    wide = logits.new_full((shape[0] * shape[1], shape[2]), torch.finfo(logits.dtype).min)
    return wide.index_copy(0, where.whole.slots, logits).view(shape)


def by_question(scores: Tensor, sizes: Tensor) -> Tensor:
    """Lay the scores of choices [choices, 1] out as [questions, most choices]; absent choices get the lowest score."""
    return _by_sequence(scores, layout(sizes, scores.device))[:, :, 0]

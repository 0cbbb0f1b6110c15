"""One small head a family on the shared encoder, and the loss that trains it.

Every loss is a sum over the scored items of a micro-batch: the loop divides by the number of items of the whole batch,
so that a batch split into micro-batches takes the same step as one that is not.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.families.facts import facts
from xstilts.modeling.dropout import Dropout
from xstilts.modeling.layout import Layout, layout, rounded_rows
from xstilts.modeling.moving import moved

INITIAL_SPREAD = 0.02  # standard deviation of fresh weights, as in BERT and XLM-R


class SequenceHead(nn.Module):
    """Score a whole sequence from its vector: dropout, dense, tanh, dropout, linear (RoBERTa's head)."""

    def __init__(self, hidden: int, outputs: int, dropout: float, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence
        self.dropout = Dropout(dropout)
        self.dense = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, states: Tensor, where: Layout) -> Tensor:
        """Map states [tokens, hidden] to logits [sequences, outputs]."""
        vectors = self.dropout(rounded_rows(sentences(states, where, self.sentence)))
        return self.output(self.dropout(torch.tanh(self.dense(vectors))))[: len(where.lengths)]


class TokenHead(nn.Module):
    """Score every token: dropout, linear (tags, or start and end of an answer)."""

    def __init__(self, hidden: int, outputs: int, dropout: float, sentence: str) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, states: Tensor, where: Layout) -> Tensor:
        """Map states [tokens, hidden] to logits [tokens, outputs]."""
        return self.output(self.dropout(rounded_rows(states)))[: len(states)]


class PooledHead(nn.Module):
    """Give a whole sequence a direction: BERT's pooler over its vector (dense, tanh), scaled to one length.

    The product of two outputs is their cosine times ``scale``, which is learned and starts at 100 (XTREME-R,
    third_party/bert.py). Published XLM-R has no trained pooler, so this one starts fresh as every head does.
    """

    def __init__(self, hidden: int, outputs: int, dropout: float, sentence: str) -> None:
        """Take the width and where the vector stands; a number of outputs and drop-out are other heads'."""
        super().__init__()
        self.sentence = sentence
        self.dense = nn.Linear(hidden, hidden)
        self.scale = nn.Parameter(torch.tensor(100.0))

    def forward(self, states: Tensor, where: Layout) -> Tensor:
        """Map states [tokens, hidden] to float32 [sequences, hidden], each of the length sqrt(scale)."""
        pooled = torch.tanh(self.dense(rounded_rows(sentences(states, where, self.sentence))))[: len(where.lengths)]
        return functional.normalize(pooled.float(), dim=1) * self.scale.sqrt()


def sentences(states: Tensor, where: Layout, at: str) -> Tensor:
    """Return the vector of each sequence, [sequences, hidden]: its first or last token's state, or the mean of all."""
    if at != "mean":
        return states[where.first if at == "first" else where.last]
    size = moved(where.lengths, states.device)
    total = int(where.lengths.sum())  # known on the CPU: a GPU would be asked for it, and waited for
    owner = torch.repeat_interleave(torch.arange(len(size), device=states.device), size, output_size=total)
    sums = torch.zeros(len(size), states.shape[1], device=states.device)
    return (sums.index_add(0, owner, states[: len(owner)].float()) / size[:, None]).to(states.dtype)


HEADS = {"sequence": SequenceHead, "token": TokenHead, "pooled": PooledHead}


def build_head(family: str, hidden: int, classes: int, dropout: float, seed: int, sentence: str = "first") -> nn.Module:
    """Return a freshly initialised head for ``family``; equal seeds give equal weights.

    ``sentence`` says which vector stands for a sequence: ``first``, ``last`` or ``mean`` of its tokens' states.
    """
    known = facts(family)
    if known.head is None:
        raise ValueError(f"no head for family {family!r}")
    torch.manual_seed(seed)
    own_dropout = dropout if known.head_dropout else 0.0
    head: nn.Module = HEADS[known.head](hidden, known.outputs or classes, own_dropout, sentence)
    for parameter in head.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=INITIAL_SPREAD)
        elif parameter.dim() == 1:
            nn.init.zeros_(parameter)
    return head


def loss_sum(family: str, logits: Tensor, targets: dict[str, Tensor], where: Layout) -> Tensor:
    """Return the summed loss of a micro-batch over its scored items.

    Args:
        family: which loss.
        logits: the head's output (see the heads; for ``mlm`` [masked tokens, vocabulary]).
        targets: ``label`` [items], ``start`` and ``end`` [sequences], ``tag`` [tokens] (-100: not scored), ``sizes``
            [items] (choices of each question, on the CPU), ``masked`` [masked tokens], ``contrast`` [sequences] (the
            group of each pair's query and candidate).
        where: the layout of the batch.
    """
    known = facts(family)
    if known.loss is None:
        raise ValueError(f"no loss for family {family!r}")
    return LOSSES[known.loss](logits.float(), targets, where)


def _label(logits: Tensor, targets: dict[str, Tensor], where: Layout) -> Tensor:
    return functional.cross_entropy(logits, targets["label"], reduction="sum")


def _choice(logits: Tensor, targets: dict[str, Tensor], where: Layout) -> Tensor:
    return functional.cross_entropy(by_question(logits, targets["sizes"]), targets["label"], reduction="sum")


def _tag(logits: Tensor, targets: dict[str, Tensor], where: Layout) -> Tensor:
    return functional.cross_entropy(logits, targets["tag"], reduction="sum")


def _span(logits: Tensor, targets: dict[str, Tensor], where: Layout) -> Tensor:
    wide = _by_sequence(logits, where)
    start = functional.cross_entropy(wide[:, :, 0], targets["start"], reduction="sum")
    end = functional.cross_entropy(wide[:, :, 1], targets["end"], reduction="sum")
    return (start + end) / 2


def _masked(logits: Tensor, targets: dict[str, Tensor], where: Layout) -> Tensor:
    return functional.cross_entropy(logits, targets["masked"], reduction="sum")


def _contrast(logits: Tensor, targets: dict[str, Tensor], where: Layout) -> Tensor:
    """The in-batch softmax: each query over the candidates of its group, of which its own follows it."""
    group = targets["contrast"][0::2]
    with torch.autocast(logits.device.type, enabled=False):  # bfloat16 would round a cosine by 0.4 of a scale of 100
        scores = logits[0::2] @ logits[1::2].T
    scores = scores.masked_fill(group[:, None] != group[None, :], -torch.inf)
    return functional.cross_entropy(scores, torch.arange(len(group), device=scores.device), reduction="sum")


LOSSES = {
    "label": _label,
    "choice": _choice,
    "tag": _tag,
    "span": _span,
    "masked": _masked,
    "contrast": _contrast,
}


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

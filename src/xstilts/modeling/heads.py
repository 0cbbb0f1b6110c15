"""One small head a family on the shared encoder, and the loss that trains it.

Every loss is a sum over the scored items of a micro-batch: the loop divides by the number of items of the whole batch,
so that a batch split into micro-batches takes the same step as one that is not.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

INITIAL_SPREAD = 0.02  # standard deviation of fresh weights, as in BERT and XLM-R


class SequenceHead(nn.Module):
    """Score a whole sequence from its first token: dropout, dense, tanh, dropout, linear (RoBERTa's head)."""

    def __init__(self, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, states: Tensor) -> Tensor:
        """Map hidden states [sequences, tokens, hidden] to logits [sequences, outputs]."""
        first = self.dropout(states[:, 0])
        return self.output(self.dropout(torch.tanh(self.dense(first))))


class TokenHead(nn.Module):
    """Score every token: dropout, linear (tags, or start and end of an answer)."""

    def __init__(self, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, states: Tensor) -> Tensor:
        """Map hidden states [sequences, tokens, hidden] to logits [sequences, tokens, outputs]."""
        return self.output(self.dropout(states))


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


def loss_sum(family: str, logits: Tensor, targets: dict[str, Tensor], mask: Tensor) -> Tensor:
    """Return the summed loss of a micro-batch over its scored items.

    Args:
        family: which loss.
        logits: the head's output (see the heads; for ``mlm`` [masked tokens, vocabulary]).
        targets: ``label`` [items], ``start`` and ``end`` [sequences], ``tag`` [sequences, tokens] (-100: not scored),
            ``sizes`` [items] (choices of each question), ``masked`` [masked tokens].
        mask: attention mask [sequences, tokens].
    """
    logits = logits.float()
    if family == "classification":
        return functional.cross_entropy(logits, targets["label"], reduction="sum")
    if family == "multiple_choice":
        return functional.cross_entropy(by_question(logits, targets["sizes"]), targets["label"], reduction="sum")
    if family == "tagging":
        return functional.cross_entropy(logits.flatten(0, 1), targets["tag"].flatten(), reduction="sum")
    if family == "span_qa":
        logits = logits.masked_fill(mask[:, :, None] == 0, torch.finfo(logits.dtype).min)
        start = functional.cross_entropy(logits[:, :, 0], targets["start"], reduction="sum")
        end = functional.cross_entropy(logits[:, :, 1], targets["end"], reduction="sum")
        return (start + end) / 2
    if family == "mlm":
        return functional.cross_entropy(logits, targets["masked"], reduction="sum")
    raise ValueError(f"no loss for family {family!r}")


def by_question(scores: Tensor, sizes: Tensor) -> Tensor:
    """Lay the scores of choices [choices, 1] out as [questions, most choices]; absent choices get the lowest score."""
    pieces = torch.split(scores[:, 0], sizes.tolist())
    return nn.utils.rnn.pad_sequence(list(pieces), batch_first=True, padding_value=torch.finfo(scores.dtype).min)


def masked_lm_logits(model: nn.Module, states: Tensor) -> Tensor:
    """Apply a masked language model's own output head to hidden states [tokens, hidden]."""
    for name in ("lm_head", "cls", "predictions"):
        head = getattr(model, name, None)
        if isinstance(head, nn.Module):
            return head(states)
    head, decoder = getattr(model, "head", None), getattr(model, "decoder", None)
    if isinstance(head, nn.Module) and isinstance(decoder, nn.Module):  # ModernBERT
        return decoder(head(states))
    raise ValueError(f"{type(model).__name__} has no language-model head that is known here")

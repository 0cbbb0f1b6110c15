"""Forward passes over many sequences, longest first, so that a batch holds sequences of about one length."""

from collections.abc import Iterator

import numpy as np
import torch

from xstilts.families.facts import facts
from xstilts.families.features import Features, lengths
from xstilts.modeling.batch import Batch, collate
from xstilts.modeling.batches import split_by_tokens
from xstilts.modeling.model import Model
from xstilts.modeling.moving import moved


def _batches(
    model: Model, features: Features, micro_tokens: int, family: str | None = None
) -> Iterator[tuple[np.ndarray, Batch]]:
    """Yield batches of sequences, each by itself whatever its family; ``family`` is that of a loss, if one is taken.

    What is computed between them runs in the model's precision: weights in bfloat16 are made once for all batches.
    """
    model.eval()
    where = next(model.parameters()).device
    with model.autocast():
        for members in split_by_tokens(lengths(features), micro_tokens):
            yield members, collate(features, members, family, where)


@torch.inference_mode()
def outputs(model: Model, head: str, family: str, features: Features, micro_tokens: int) -> list[np.ndarray]:
    """Return one float32 array a sequence: logits of the sequence, or of each of its tokens.

    Args:
        model: encoder and heads; dropout is switched off here.
        head: the training set whose head runs.
        family: of that head.
        features: the sequences.
        micro_tokens: tokens a batch.
    """
    by_token = facts(family).head == "token"
    found: list[np.ndarray] = [np.empty(0, np.float32)] * len(features)
    for members, batch in _batches(model, features, micro_tokens):
        logits = model.logits(head, batch).float().cpu().numpy()
        bounds = np.cumsum(batch.layout.lengths.numpy())[:-1]
        rows = np.split(logits, bounds) if by_token else list(logits)
        for sequence, row in zip(members, rows, strict=True):
            found[sequence] = row
    return found


@torch.inference_mode()
def masked_loss(model: Model, features: Features, micro_tokens: int) -> float:
    """Return the mean cross-entropy (nats) over the masked tokens of ``features``."""
    total, count = 0.0, 0
    for _, batch in _batches(model, features, micro_tokens, "mlm"):
        logits = model.logits("mlm", batch).float()
        wanted = batch.targets["masked"]
        total += float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))
        count += len(wanted)
    return total / max(1, count)


@torch.inference_mode()
def embeddings(model: Model, features: Features, layer: int, micro_tokens: int, pooling: str = "mean") -> np.ndarray:
    """Return sentence embeddings, float32 [sequences, hidden]: states after ``layer`` blocks, pooled.

    ``mean`` runs over all tokens, ``<s>`` and ``</s>`` included (XTREME's and the authors' code); ``first`` takes the
    state of the first token.
    """
    found = np.zeros((len(features), model.encoder.hidden), dtype=np.float32)
    for members, batch in _batches(model, features, micro_tokens):
        states = model.encoder(batch.input_ids, batch.layout, batch.segments, layer)
        size = moved(batch.layout.lengths, states.device)
        if pooling == "first":
            found[members] = states[size.cumsum(0) - size].float().cpu().numpy()
            continue
        owner = torch.repeat_interleave(torch.arange(len(members), device=states.device), size)
        sums = torch.zeros(len(members), states.shape[1], device=states.device)
        sums.index_add_(0, owner, states.float())
        found[members] = (sums / size[:, None]).cpu().numpy()
    return found

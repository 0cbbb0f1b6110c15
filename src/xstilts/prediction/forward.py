"""Forward passes over many sequences, longest first, so that a batch holds little padding."""

from typing import Any

import numpy as np
import torch

from xstilts.modeling.model import Model
from xstilts.tasks.features import Features, lengths
from xstilts.training.batches import Batch, collate, split_by_tokens


def _batches(features: Features, family: str, pad: int, micro_tokens: int, where: torch.device) -> Any:
    bare = "mlm" if family == "mlm" else "classification"  # every sequence by itself, whatever its family
    for members in split_by_tokens(lengths(features), micro_tokens):
        yield members, collate(features, members, bare, pad, where)


@torch.inference_mode()
def outputs(model: Model, head: str, family: str, features: Features, pad: int, micro_tokens: int) -> list[np.ndarray]:
    """Return one float32 array a sequence: logits of the sequence, or of each of its tokens.

    Args:
        model: encoder and heads; dropout is switched off here.
        head: the training set whose head runs.
        family: of that head.
        features: the sequences.
        pad: the padding token.
        micro_tokens: padded tokens a batch.
    """
    model.eval()
    where = next(model.parameters()).device
    sizes = lengths(features)
    found: list[Any] = [None] * len(features)
    for members, batch in _batches(features, family, pad, micro_tokens, where):
        with model.autocast():
            logits = model.logits(head, batch.input_ids, batch.mask).float().cpu().numpy()
        for row, sequence in enumerate(members):
            found[sequence] = logits[row, : sizes[sequence]] if logits.ndim == 3 else logits[row]
    return found


@torch.inference_mode()
def masked_loss(model: Model, features: Features, pad: int, micro_tokens: int) -> float:
    """Return the mean cross-entropy (nats) over the masked tokens of ``features``."""
    model.eval()
    where = next(model.parameters()).device
    total, count = 0.0, 0
    for _, batch in _batches(features, "mlm", pad, micro_tokens, where):
        with model.autocast():
            logits = model.logits("mlm", batch.input_ids, batch.mask, batch.scored).float()
        wanted = batch.targets["masked"]
        total += float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))
        count += len(wanted)
    return total / max(1, count)


@torch.inference_mode()
def embeddings(model: Model, features: Features, layer: int, pad: int, micro_tokens: int) -> np.ndarray:
    """Return sentence embeddings, float32 [sequences, hidden]: the mean of ``hidden_states[layer]``.

    The mean runs over the attention mask, ``<s>`` and ``</s>`` included (XTREME's and the authors' code).
    """
    model.eval()
    where = next(model.parameters()).device
    found = np.zeros((len(features), model.encoder.config.hidden_size), dtype=np.float32)
    for members, batch in _batches(features, "retrieval", pad, micro_tokens, where):
        with model.autocast():
            found[members] = _pooled(model.encoder, batch, layer)
    return found


def _pooled(encoder: Any, batch: Batch, layer: int) -> np.ndarray:
    states = encoder(input_ids=batch.input_ids, attention_mask=batch.mask, output_hidden_states=True).hidden_states[
        layer
    ]
    weights = batch.mask[:, :, None].float()
    return ((states.float() * weights).sum(1) / weights.sum(1)).cpu().numpy()

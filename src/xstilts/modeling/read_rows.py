"""Training on the rows of the embedding that the training reads; the others take no part in it.

A piece that occurs in no text of a training has a gradient of zero and moments of zero at each step: AdamW moves its
weights, gradients and moments through memory, and all that happens to it is decay. English training sets read 4 to 40
thousand of XLM-R's 250,002 pieces. So a training holds the rows that it reads, and at its end the others are written
back, decayed. Masked language modelling keeps all rows: its output is scored over all of them.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.families.features import Array
from xstilts.modeling.xlmr import XlmRoberta

BLOCK = 512  # rows that are multiplied at once, in float64: they stay in a core's cache


class ReadRows(nn.Module):
    """Some rows of an embedding, looked up by the numbers that their pieces have in the whole one."""

    def __init__(self, whole: nn.Embedding, read: Tensor) -> None:
        """Take the embedding and the numbers, int64 in rising order, of the rows that will be read."""
        super().__init__()
        self.whole, self.read, self.sparse = whole.weight.detach(), read, whole.sparse
        numbers = torch.full((len(self.whole),), -1)  # a piece that is not there stops the lookup
        numbers[read] = torch.arange(len(read))
        self.numbers: Tensor
        self.register_buffer("numbers", numbers, persistent=False)
        self.weight = nn.Parameter(self.whole[read].clone())
        self.padding_idx = None if whole.padding_idx is None else int(numbers[whole.padding_idx])

    def forward(self, input_ids: Tensor) -> Tensor:
        """Return the rows [tokens, hidden] of pieces."""
        return functional.embedding(self.numbers[input_ids], self.weight, self.padding_idx, sparse=self.sparse)

    def expanded(self, factor: float) -> nn.Embedding:
        """Return the whole embedding: the rows as they are now, the others as they were, times ``factor``."""
        rows = torch.empty_like(self.whole)
        for old, new in zip(self.whole.split(BLOCK), rows.split(BLOCK), strict=True):
            new.copy_(old.double().mul_(factor))
        rows[self.read] = self.weight.detach().cpu()
        padding = None if self.padding_idx is None else int(self.read[self.padding_idx])
        return nn.Embedding(len(rows), rows.shape[1], padding_idx=padding, sparse=self.sparse, _weight=rows)


def pieces_of(*texts: Array) -> Array:
    """Return the pieces that occur in arrays of token ids, each once, in rising order."""
    counts = [np.bincount(ids) if len(ids) else np.zeros(1, np.int64) for ids in texts]
    found: Array = np.unique(np.concatenate([np.flatnonzero(count) for count in counts]))
    return found


def keep_read_rows(encoder: Any, pieces: Iterable[Array]) -> ReadRows | None:
    """Leave the rows of these pieces, and of padding, in an encoder on the CPU; what it has then, else None.

    Nothing is done where a language model reads all rows, where the embedding does not train, where all its rows are
    read, and where an architecture does more in its embedding than look up.
    """
    embedding = _embedding(encoder)
    if type(embedding) is not nn.Embedding or not embedding.weight.requires_grad or _has_language_model(encoder):
        return None
    padding = encoder.config["pad_token_id"] if isinstance(encoder, XlmRoberta) else encoder.config.pad_token_id or 0
    read = np.union1d(
        np.concatenate([[padding], *pieces]), [] if embedding.padding_idx is None else embedding.padding_idx
    )
    if len(read) >= embedding.num_embeddings:
        return None
    rows = ReadRows(embedding, torch.from_numpy(read.astype(np.int64)))
    _put(encoder, rows)
    return rows


def put_back(encoder: Any, rows: ReadRows, factor: float) -> None:
    """Give an encoder its whole embedding again; rows that were not read are multiplied by ``factor``."""
    _put(encoder, rows.expanded(factor).to(rows.weight.device))


def _embedding(encoder: Any) -> nn.Module:
    found: nn.Module = encoder.words if isinstance(encoder, XlmRoberta) else encoder.model.get_input_embeddings()
    return found


def _put(encoder: Any, embedding: nn.Module) -> None:
    if isinstance(encoder, XlmRoberta):
        encoder.words = embedding  # type: ignore[assignment]  # it looks up, as an nn.Embedding does
    else:
        encoder.model.set_input_embeddings(embedding)


def _has_language_model(encoder: Any) -> bool:
    return (
        encoder.lm_head is not None
        if isinstance(encoder, XlmRoberta)
        else encoder.model is not encoder.model.base_model
    )

"""From feature indices to tensors: units, micro-batches of bounded size, padding to the longest of each."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xstilts.tasks.features import IGNORED, Features


@dataclass(frozen=True)
class Batch:
    """Padded tensors of a micro-batch; ``targets`` as ``modeling.heads.loss_sum`` wants them."""

    input_ids: Tensor  # int64 [sequences, tokens]
    mask: Tensor  # int64 [sequences, tokens]
    targets: dict[str, Tensor]
    scored: Tensor | None  # bool [sequences, tokens], masked positions of mlm
    tokens: int  # real tokens, without padding


def units(features: Features, family: str) -> np.ndarray:
    """Return boundaries [units + 1] in sequences: a question with all its choices, elsewhere one sequence each."""
    if family != "multiple_choice":
        return np.arange(len(features.example) + 1)
    starts = np.flatnonzero(np.diff(features.example, prepend=-1))
    return np.append(starts, len(features.example))


def split_by_tokens(lengths: np.ndarray, limit: int) -> list[np.ndarray]:
    """Group units, longest first, so that longest x count stays within ``limit`` tokens (never fewer than one unit)."""
    order = np.argsort(-lengths, kind="stable")
    groups, start = [], 0
    while start < len(order):
        count = max(1, int(limit // max(1, lengths[order[start]])))
        groups.append(order[start : start + count])
        start += count
    return groups


def scored_items(features: Features, family: str) -> int:
    """Count what the loss of a batch is averaged over: units, or scored tokens for tagging and mlm."""
    if family in ("tagging", "mlm"):
        return int((features.targets["tag"] != IGNORED).sum())
    return len(units(features, family)) - 1


def _spans(features: Features, sequences: np.ndarray) -> list[tuple[int, int]]:
    return [(int(features.offsets[s]), int(features.offsets[s + 1])) for s in sequences]


def padded(values: np.ndarray, spans: list[tuple[int, int]], fill: int) -> np.ndarray:
    """Lay token spans out as int64 rows [sequences, longest], filled up with ``fill``."""
    width = max(b - a for a, b in spans)
    out = np.full((len(spans), width), fill, dtype=np.int64)
    for row, (a, b) in enumerate(spans):
        out[row, : b - a] = values[a:b]
    return out


def collate(features: Features, sequences: np.ndarray, family: str, pad: int, where: torch.device) -> Batch:
    """Make the tensors of some sequences; for multiple choice all choices of a question must be among them."""
    spans = _spans(features, sequences)
    ids = padded(features.input_ids, spans, pad)
    lengths = np.array([b - a for a, b in spans])
    mask = (np.arange(ids.shape[1])[None, :] < lengths[:, None]).astype(np.int64)
    targets: dict[str, np.ndarray] = {}
    scored = None
    if family == "tagging" and "tag" in features.targets:
        targets["tag"] = padded(features.targets["tag"], spans, IGNORED)
    elif family == "mlm":
        wanted = padded(features.targets["tag"], spans, IGNORED)
        scored = torch.from_numpy(wanted != IGNORED).to(where, non_blocking=True)
        targets["masked"] = wanted[wanted != IGNORED]
    elif family == "multiple_choice":
        _, first, sizes = np.unique(features.example[sequences], return_index=True, return_counts=True)
        targets["sizes"] = sizes
        if "label" in features.targets:
            targets["label"] = features.targets["label"][sequences[first]]
    else:
        targets = {
            name: features.targets[name][sequences] for name in ("label", "start", "end") if name in features.targets
        }
    return Batch(
        input_ids=torch.from_numpy(ids).to(where, non_blocking=True),
        mask=torch.from_numpy(mask).to(where, non_blocking=True),
        targets={
            name: torch.from_numpy(np.asarray(value, dtype=np.int64)).to(where, non_blocking=True)
            for name, value in targets.items()
        },
        scored=scored,
        tokens=int(lengths.sum()),
    )

"""The tensors of a micro-batch: sequences end to end, without padding."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xstilts.modeling.layout import Layout, layout
from xstilts.tasks.features import IGNORED, Features, lengths, take


@dataclass(frozen=True)
class Batch:
    """What the model reads, and ``targets`` as ``heads.loss_sum`` wants them."""

    input_ids: Tensor  # int64 [tokens]
    layout: Layout
    segments: Tensor | None  # int64 [tokens], for encoders that have them
    masked: Tensor | None  # int64 [masked tokens], flat indices, for mlm
    targets: dict[str, Tensor]


def collate(features: Features, sequences: np.ndarray, family: str, where: torch.device) -> Batch:
    """Make the tensors of some sequences; for multiple choice all choices of a question must be among them."""
    chosen = take(features, sequences)

    def tensor(values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(values, dtype=np.int64)).to(where, non_blocking=True)

    targets: dict[str, np.ndarray] = {}
    sizes: dict[str, Tensor] = {}
    masked = None
    if family == "mlm":
        places = np.flatnonzero(chosen.targets["tag"] != IGNORED)
        masked = tensor(places)
        targets["masked"] = chosen.targets["tag"][places]
    elif family == "multiple_choice":
        _, first, counts = np.unique(chosen.example, return_index=True, return_counts=True)
        sizes["sizes"] = torch.from_numpy(counts)  # stays here: shapes depend on it, and asking a GPU would wait for it
        if "label" in chosen.targets:
            targets["label"] = chosen.targets["label"][first]
    else:
        targets = {name: chosen.targets[name] for name in ("label", "start", "end", "tag") if name in chosen.targets}
    return Batch(
        input_ids=tensor(chosen.input_ids),
        layout=layout(torch.from_numpy(lengths(chosen)), where),
        segments=tensor(chosen.context["segment"]) if "segment" in chosen.context else None,
        masked=masked,
        targets={name: tensor(values) for name, values in targets.items()} | sizes,
    )

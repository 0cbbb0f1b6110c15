"""The tensors of a micro-batch: sequences end to end, without padding."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xstilts.families.facts import facts
from xstilts.families.features import IGNORED, Features, lengths, take
from xstilts.modeling.batches import units
from xstilts.modeling.layout import Layout, layout
from xstilts.modeling.moving import moved

TARGETS = ("label", "start", "end", "tag", "contrast")  # that a loss takes as the features have them


@dataclass(frozen=True)
class Batch:
    """What the model reads, and ``targets`` as ``heads.loss_sum`` wants them."""

    input_ids: Tensor  # int64 [tokens]
    layout: Layout
    segments: Tensor | None  # int64 [tokens], for encoders that have them
    masked: Tensor | None  # int64 [masked tokens], flat indices, for mlm
    targets: dict[str, Tensor]


def collate(features: Features, sequences: np.ndarray, family: str | None, where: torch.device) -> Batch:
    """Make the tensors of some sequences.

    Args:
        features: what they are taken from.
        sequences: their numbers; of a family with choices questions with all their choices in order.
        family: whose loss is taken; None where nothing but logits or states are asked for.
        where: the device.
    """
    chosen = take(features, sequences)

    def tensor(values: np.ndarray) -> Tensor:
        return moved(torch.from_numpy(np.asarray(values, dtype=np.int64)), where)

    targets: dict[str, np.ndarray] = {}
    sizes: dict[str, Tensor] = {}
    masked = None
    known = facts(family) if family else None
    if known and known.loss == "masked":
        places = np.flatnonzero(chosen.targets["tag"] != IGNORED)
        masked = tensor(places)
        targets["masked"] = chosen.targets["tag"][places]
    elif known and known.grouped:
        bounds = units(chosen, str(family))  # in the order of the batch, which is that of the scores
        # Sizes stay on the CPU: shapes depend on them, and asking a GPU would wait for it.
        sizes["sizes"] = torch.from_numpy(np.diff(bounds))
        if "label" in chosen.targets:
            targets["label"] = chosen.targets["label"][bounds[:-1]]
    elif known:
        targets = {name: chosen.targets[name] for name in TARGETS if name in chosen.targets}
    return Batch(
        input_ids=tensor(chosen.input_ids),
        layout=layout(torch.from_numpy(lengths(chosen)), where),
        segments=tensor(chosen.context["segment"]) if "segment" in chosen.context else None,
        masked=masked,
        targets={name: tensor(values) for name, values in targets.items()} | sizes,
    )

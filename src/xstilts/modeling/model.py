"""The shared encoder with its heads, as one module."""

import os
from typing import Any

import torch
from torch import Tensor, nn

from xstilts.modeling.batch import Batch
from xstilts.modeling.heads import build_head
from xstilts.modeling.xlmr import XlmRoberta


class Model(nn.Module):
    """An encoder and one head a training set; a masked language model brings its own head for ``mlm``."""

    def __init__(self, encoder: Any, heads: dict[str, nn.Module], precision: str = "float32") -> None:
        """Take an encoder from ``open_encoder`` and heads by training-set name."""
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleDict(heads)
        self.precision = precision

    def autocast(self) -> Any:
        """Return the context of a forward pass: bfloat16 where the settings and the device have it, else float32.

        The master weights stay float32 in each case.
        """
        where = next(self.parameters()).device
        return torch.autocast(where.type, dtype=torch.bfloat16, enabled=self._half(where))

    def _half(self, where: torch.device) -> bool:
        return self.precision == "bfloat16" and computes_in_bfloat16(where)

    def way(self) -> str:
        """Say for a log where and how this model computes."""
        where = next(self.parameters()).device
        name = f"{torch.get_num_threads()} CPU threads" if where.type == "cpu" else torch.cuda.get_device_name(where)
        precision = "bfloat16" if self._half(where) else "float32"
        packed = isinstance(self.encoder, XlmRoberta) and self.encoder.attends_unpadded(where, self._half(where))
        return f"computing in {precision} on {name}; attention {'on sequences end to end' if packed else 'padded'}"

    def logits(self, head: str, batch: Batch) -> Tensor:
        """Run one head on a batch; a batch with masked tokens runs the language-model head on those."""
        states = self.encoder(batch.input_ids, batch.layout, batch.segments)
        if batch.masked is not None:
            return self.encoder.language_model(states[batch.masked])
        return self.heads[head](states, batch.layout)


def build_model(encoder: Any, heads: dict[str, tuple[str, int]], seed: int, precision: str = "float32") -> Model:
    """Put fresh heads on an encoder.

    Args:
        encoder: from ``open_encoder`` or ``build_masked_lm``.
        heads: training-set name -> (family, number of classes); no entry for ``mlm``.
        seed: drives the heads' initial weights; each head's own position shifts it.
        precision: ``bfloat16`` or ``float32``, of the forward passes.
    """
    built = {
        name: build_head(family, encoder.hidden, classes, encoder.head_dropout, seed + position)
        for position, (name, (family, classes)) in enumerate(heads.items())
    }
    return Model(encoder, built, precision)


def device(deterministic: bool = False) -> torch.device:
    """Return the GPU that this process was given, else the CPU.

    With ``deterministic`` equal inputs give equal bytes on a GPU too, as they do on a CPU: PyTorch takes deterministic
    kernels and refuses an operation that has none (https://pytorch.org/docs/stable/notes/randomness.html).
    """
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # read when the first matrix product runs
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def computes_in_bfloat16(where: torch.device) -> bool:
    """Say whether a device multiplies in bfloat16 itself, not by emulation."""
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))

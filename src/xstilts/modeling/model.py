"""The shared encoder with its heads, as one module."""

from typing import Any

import torch
from torch import Tensor, nn

from xstilts.modeling.heads import build_head, masked_lm_logits


class Model(nn.Module):
    """An encoder and one head a training set; a masked language model brings its own head for ``mlm``."""

    def __init__(self, encoder: Any, heads: dict[str, nn.Module], precision: str = "float32") -> None:
        """Take an encoder (or a masked language model around one) and heads by training-set name."""
        super().__init__()
        self.outer = encoder
        self.heads = nn.ModuleDict(heads)
        self.precision = precision

    def autocast(self) -> Any:
        """Return the context of a forward pass: bfloat16 where the settings and the device have it, else float32.

        The master weights stay float32 in each case.
        """
        where = next(self.parameters()).device
        enabled = self.precision == "bfloat16" and computes_in_bfloat16(where)
        return torch.autocast(where.type, dtype=torch.bfloat16, enabled=enabled)

    @property
    def encoder(self) -> Any:
        """The encoder proper, without a language-model head."""
        return self.outer.base_model

    def states(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        """Return the last hidden states [sequences, tokens, hidden]."""
        return self.encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state

    def logits(self, head: str, input_ids: Tensor, mask: Tensor, scored: Tensor | None = None) -> Tensor:
        """Run one head; ``scored`` [sequences, tokens] picks the masked positions for ``mlm``."""
        states = self.states(input_ids, mask)
        if scored is not None:
            return masked_lm_logits(self.outer, states[scored])
        return self.heads[head](states)


def build_model(encoder: Any, heads: dict[str, tuple[str, int]], seed: int, precision: str = "float32") -> Model:
    """Put fresh heads on an encoder.

    Args:
        encoder: from ``open_encoder`` or ``build_masked_lm``.
        heads: training-set name -> (family, number of classes); no entry for ``mlm``.
        seed: drives the heads' initial weights; each head's own position shifts it.
        precision: ``bfloat16`` or ``float32``, of the forward passes.
    """
    config = encoder.config
    dropout = getattr(config, "hidden_dropout_prob", None)
    if dropout is None:
        dropout = getattr(config, "classifier_dropout", 0.0) or 0.0
    built = {
        name: build_head(family, config.hidden_size, classes, dropout, seed + position)
        for position, (name, (family, classes)) in enumerate(heads.items())
    }
    return Model(encoder, built, precision)


def device() -> torch.device:
    """The GPU that this process was given, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def computes_in_bfloat16(where: torch.device) -> bool:
    """Say whether a device multiplies in bfloat16 itself, not by emulation."""
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))

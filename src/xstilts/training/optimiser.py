"""AdamW with the paper's settings, its learning-rate schedule, and its state as named tensors."""

from typing import Any

import torch
from torch import nn


def build_optimiser(
    model: nn.Module, weight_decay: float, epsilon: float, betas: tuple[float, float] = (0.9, 0.999)
) -> torch.optim.AdamW:
    """Return AdamW with decay on matrices only (none on biases and LayerNorm, as in the authors' code)."""
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    spared = {name for name, _ in trained if name.endswith("bias") or "norm" in name.lower()}
    groups = [
        {"params": [p for name, p in trained if name not in spared], "weight_decay": weight_decay},
        {"params": [p for name, p in trained if name in spared], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, eps=epsilon, betas=betas, fused=True)


def learning_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """Return the rate of a step (from 0): linear warm-up over a share of all steps, then linearly to zero.

    The same values as transformers' ``get_linear_schedule_with_warmup``, which the authors' code uses.
    """
    rising = int(warmup * steps)
    if step < rising:
        return peak * step / max(1, rising)
    return peak * max(0.0, (steps - step) / max(1, steps - rising))


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return the optimiser's state as flat tensors: ``PARAMETER.KEY``; parameters that were never used have none."""
    state = optimiser.state_dict()["state"]
    return {f"{index}.{key}": torch.as_tensor(value) for index, entry in state.items() for key, value in entry.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Put back what ``optimiser_tensors`` returned."""
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".")
        state.setdefault(int(index), {})[key] = tensor
    whole = optimiser.state_dict()
    whole["state"] = state
    optimiser.load_state_dict(whole)

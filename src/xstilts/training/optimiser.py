"""AdamW with the paper's settings, its learning-rate schedule, and its state as named tensors.

The update itself is PyTorch's fused kernel. ``torch.optim.AdamW`` around it imports the compiler's machinery when it is
built (a second of each job) and keeps its state in a form that has to be translated for a checkpoint.

A step asks the GPU nothing, and moves no more than it must: clipping happens inside the update, and the gradient of the
embedding, most of whose rows are zero, lies in a block that is kept, of which only the rows that were used are cleared.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from xstilts.modeling.half import HalfCopies
from xstilts.modeling.model import Model

BETAS = (0.9, 0.999)


@dataclass
class AdamW:
    """The parameters that are trained, by name, and the running moments of each that has had a gradient."""

    parameters: dict[str, nn.Parameter]
    decay: dict[str, float]  # weight decay of each parameter
    epsilon: float
    steps: dict[str, Tensor] = field(default_factory=dict)  # float32 scalars, as the kernel wants them
    first: dict[str, Tensor] = field(default_factory=dict)  # mean gradient
    second: dict[str, Tensor] = field(default_factory=dict)  # mean squared gradient
    kept: dict[str, Tensor] = field(default_factory=dict)  # dense gradients of what is used row by row, all zero
    half: HalfCopies = field(default_factory=HalfCopies)  # of these parameters, made anew after each step

    def step(self, rate: float, clip: float) -> None:
        """Take one step and drop the gradients; a parameter without one stays as it is.

        Args:
            rate: the learning rate.
            clip: gradients of a larger norm, all of them together, are scaled down to it.
        """
        gradients = {name: self._dense(name, p.grad) for name, p in self.parameters.items() if p.grad is not None}
        too_large = ((self.norm(gradients) + 1e-6) / clip).clamp(min=1)  # as in torch.nn.utils.clip_grad_norm_
        for decay in sorted(set(self.decay.values())):
            used = [name for name in gradients if self.decay[name] == decay]
            for name in used:
                if name not in self.steps:
                    parameter = self.parameters[name]
                    self.steps[name] = torch.zeros((), device=parameter.device)
                    self.first[name] = torch.zeros_like(parameter)
                    self.second[name] = torch.zeros_like(parameter)
            adamw(
                [self.parameters[name].data for name in used],
                [gradients[name] for name in used],
                [self.first[name] for name in used],
                [self.second[name] for name in used],
                [],
                [self.steps[name] for name in used],
                fused=True,
                grad_scale=too_large,
                amsgrad=False,
                maximize=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=rate,
                weight_decay=decay,
                eps=self.epsilon,
            )
        for name, parameter in self.parameters.items():
            if parameter.grad is not None and parameter.grad.is_sparse:
                self.kept[name].index_fill_(0, parameter.grad._indices()[0], 0)
            parameter.grad = None
        self.half.refresh()

    def norm(self, gradients: dict[str, Tensor]) -> Tensor:
        """Return the norm of all gradients together."""
        return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(gradients.values()))))

    def _dense(self, name: str, gradient: Tensor) -> Tensor:
        """Return a gradient as the kernel wants it; that of some rows is added up in the block that is kept for it."""
        if not gradient.is_sparse:
            return gradient
        if name not in self.kept:
            self.kept[name] = torch.zeros_like(self.parameters[name])
        return self.kept[name].index_add_(0, gradient._indices()[0], gradient._values())

    def tensors(self) -> dict[str, Tensor]:
        """Return the state as flat tensors, ``KIND.PARAMETER``; parameters that were never used have none."""
        kinds = {"steps": self.steps, "first": self.first, "second": self.second}
        return {f"{kind}.{name}": tensor for kind, named in kinds.items() for name, tensor in named.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what ``tensors`` returned, in memory of its own: what was read is a map of a file that will go."""
        for key, tensor in tensors.items():
            kind, _, name = key.partition(".")
            getattr(self, kind)[name] = torch.empty_like(tensor, device=self.parameters[name].device).copy_(tensor)


def build_optimiser(model: Model, weight_decay: float, epsilon: float) -> AdamW:
    """Return AdamW with decay on all but biases and LayerNorm, as in the authors' code, and the factors of IA3.

    Biases and LayerNorms of an encoder are its vectors, whatever an architecture calls them (GPT-2's ``ln_1``, XLM's
    ``layer_norm1.0``, DeBERTa's ``q_bias``). IA3's factors begin at one, and decay would draw them to zero (T-Few's
    weight decay is 0). It draws on a dual encoder's scale, a single number, as on matrices.
    """
    trained = model.trained()
    spared = {
        name
        for name, parameter in trained.items()
        if (name.startswith("encoder.") and parameter.dim() == 1) or _is_spared(*name.split(".")[-2:])
    }
    decay = {name: 0.0 if name in spared else weight_decay for name in trained}
    return AdamW(trained, decay, epsilon, half=model.half)  # type: ignore[arg-type]


def _is_spared(owner: str, name: str) -> bool:
    return name == "bias" or "norm" in owner.lower() or owner.startswith("ia3_")


def learning_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """Return the rate of a step (from 0): linear warm-up over a share of all steps, then linearly to zero.

    A warm-up from 1 on is a number of steps; a training that has fewer never reaches the peak. The same values as
    transformers' ``get_linear_schedule_with_warmup``, which the authors' code uses.
    """
    rising = int(warmup * steps if warmup < 1 else warmup)
    if step < rising:
        return peak * step / max(1, rising)
    return peak * max(0.0, (steps - step) / max(1, steps - rising))


def decayed(steps: int, total: int, peak: float, warmup: float, weight_decay: float) -> float:
    """Return what decay alone leaves of a weight after some steps of a training: the product of (1 - rate x decay)."""
    return math.prod(1 - learning_rate(step, total, peak, warmup) * weight_decay for step in range(steps))

"""Copies in bfloat16 of what linear maps multiply with, for as long as a training lasts: made once a step, all at once.

By itself autocast rounds each weight in each forward pass, and turns its gradient back in each backward pass: of XLM-R
Large these are 384 of some 1,400 kernels a step, which a host starts one by one and for longer than a GPU computes on a
batch of four. Here the same numbers are rounded in the same way, by a few kernels for all of them; so are the gradients
of a step's first micro-batch. Those of a further one are added a tensor at a time: for bfloat16 onto float32 a GPU has
no kernel for many at once. Each map has weights of its own: no encoder here has two that share them.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional


class HalfLinear(nn.Linear):
    """A linear map that multiplies with the copies of its weights."""

    copies: tuple[Tensor, Tensor | None]

    def forward(self, states: Tensor) -> Tensor:
        """Map states [..., in] to [..., out], as autocast would."""
        return functional.linear(states, *self.copies)


@dataclass
class HalfCopies:
    """The maps of a model that multiply with copies, and of each trained weight its copy; at first there are none."""

    maps: list[nn.Linear] = field(default_factory=list)
    pairs: list[tuple[nn.Parameter, Tensor]] = field(default_factory=list)  # (float32, bfloat16), of those that train

    def make(self, model: nn.Module) -> None:
        """Copy the weights of each plain linear map of a model; those that are frozen are copied for good."""
        self.drop()
        for module in model.modules():
            if type(module) is nn.Linear:
                copies = [
                    self._copy(module.weight),  # type: ignore[arg-type]
                    None if module.bias is None else self._copy(module.bias),
                ]
                module.__class__ = HalfLinear  # the same module under the same name: only its product is another
                module.copies = tuple(copies)  # type: ignore[assignment]
                self.maps.append(module)

    def _copy(self, weight: nn.Parameter) -> Tensor:
        copy = weight.detach().to(torch.bfloat16).requires_grad_(weight.requires_grad)
        if weight.requires_grad:
            self.pairs.append((weight, copy))
        return copy

    def refresh(self) -> None:
        """Copy the weights again, after a step has changed them."""
        if not self.pairs:
            return
        with torch.no_grad():
            torch._foreach_copy_([copy for _, copy in self.pairs], [weight for weight, _ in self.pairs])

    def gather(self) -> None:
        """Add the gradients of the copies to those of the weights, after each backward pass."""
        there = [(weight, copy) for weight, copy in self.pairs if copy.grad is not None]
        first = [(weight, copy.grad) for weight, copy in there if weight.grad is None]
        for weight, _ in first:
            weight.grad = torch.empty_like(weight)
        if first:
            torch._foreach_copy_(
                [weight.grad for weight, _ in first],  # type: ignore[misc]
                [gradient for _, gradient in first],  # type: ignore[misc]
            )
        begun = {id(weight) for weight, _ in first}
        later = [(weight.grad, copy.grad) for weight, copy in there if id(weight) not in begun]
        if later:
            torch._foreach_add_(
                [total for total, _ in later],  # type: ignore[misc]
                [gradient for _, gradient in later],  # type: ignore[misc]
            )
        for _, copy in there:
            copy.grad = None

    def drop(self) -> None:
        """Let the maps multiply with their own weights again."""
        for module in self.maps:
            del module.copies
            module.__class__ = nn.Linear
        self.maps, self.pairs = [], []

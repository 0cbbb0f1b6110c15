"""Blocks of XLM-R as CUDA graphs, for batches too small to hide what it costs to start some 1,300 kernels a step.

A graph holds addresses, so everything that it reads or writes lies in tensors that stay where they are: states, bounds
and the gradient of what comes out are copied there, and gradients of the weights are added to blocks that are kept.
Batches are filled up to few shapes by a sequence that nobody reads; embeddings and heads work as without graphs. Every
batch of a shape takes the same kernels in the same order with the same draws, captured or not, so that a training that
goes on from a checkpoint takes the steps that it would have taken.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.modeling.layout import Layout, Padded

TOKENS = 64  # a batch is filled up to a multiple of so many
LONGEST = 128  # and its longest sequence counts as a multiple of this: the flash kernel takes so many rows at a time
MOST_TOKENS = 2048  # a larger batch computes for longer than the host needs to start its kernels
MOST_SHAPES = 64  # captured by a process: each takes some tenths of a second, and keeps four tensors of its states

Compute = Callable[[Tensor, Tensor], Tensor]  # states [tokens, hidden] and bounds -> states


class Shape(NamedTuple):
    """What all batches of a graph have in common."""

    tokens: int
    sequences: int
    longest: int


@dataclass(frozen=True)
class Passes:
    """A forward and a backward pass over tensors that stay in place; each works on what these hold when called."""

    states: Tensor  # float32 [tokens, hidden]; the backward pass leaves its gradient with it
    bounds: Tensor  # int32 [sequences + 2]
    out: Tensor  # [tokens, hidden]
    gradient: Tensor  # of ``out``
    forward: Callable[[], None]
    backward: Callable[[], None]


Capture = Callable[[Compute, Tensor, Tensor, list[nn.Parameter]], Passes]


def captured() -> Capture:
    """Return the function that captures passes; all of them share one pool of memory, as one runs at a time."""
    pool = torch.cuda.graph_pool_handle()

    def capture(compute: Compute, states: Tensor, bounds: Tensor, weights: list[nn.Parameter]) -> Passes:
        # No weights in half precision are kept from one pass for the next: the optimiser has changed them.
        half = torch.autocast("cuda", torch.get_autocast_dtype("cuda"), cache_enabled=False)
        plain = torch.autocast("cuda", enabled=False)  # as backward passes are that nobody captures
        with torch.random.fork_rng([states.device]), torch.enable_grad(), half:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):  # libraries take their memory, and choose kernels, before anything is captured
                    out = compute(states, bounds)
                    with plain:
                        torch.autograd.grad(out, [states, *weights], torch.zeros_like(out))
                    del out
            torch.cuda.current_stream().wait_stream(side)
            forward, backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
            with torch.cuda.graph(forward, pool=pool):
                out = compute(states, bounds)
            gradient = torch.zeros_like(out)
            with torch.cuda.graph(backward, pool=pool), plain:
                torch.autograd.backward(out, gradient)
        return Passes(states, bounds, out.detach(), gradient, forward.replay, backward.replay)

    return capture


class Replay(torch.autograd.Function):
    """Passes as one operation of autograd; the gradients of the weights it adds itself."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, passes: Passes) -> Tensor:
        """Copy states in, and return what the forward pass makes of them."""
        ctx.passes = passes
        passes.states.copy_(states)
        passes.forward()
        return passes.out.detach()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Copy the gradient in, and return that of the states."""
        passes: Passes = ctx.passes
        passes.gradient.copy_(gradients[0])
        passes.backward()
        assert passes.states.grad is not None
        return passes.states.grad.detach(), None


@dataclass
class GraphedBlocks:
    """The blocks of an encoder, captured once for each shape of a batch."""

    layers: nn.ModuleList
    capture: Capture = field(default_factory=captured)
    known: dict[Shape, Passes] = field(default_factory=dict)
    kept: list[Tensor] = field(default_factory=list)  # gradients of the weights, where all graphs add to them

    def takes(self, where: Layout) -> bool:
        """Say whether a batch is one for graphs."""
        return where.whole.tokens < MOST_TOKENS

    def __call__(self, states: Tensor, where: Layout) -> Tensor:
        """Map states [tokens, hidden] to states, as the blocks do one after the other."""
        tokens = len(states)
        filled = -(-(tokens + 1) // TOKENS) * TOKENS  # at least one token: no sequence is empty
        longest = -(-max(where.whole.longest, filled - tokens) // LONGEST) * LONGEST
        shape = Shape(filled, where.whole.rows, longest)
        states = functional.pad(states, (0, 0, 0, filled - tokens))
        bounds = functional.pad(where.bounds, (0, 1), value=filled)
        if not states.requires_grad:  # frozen embeddings: a gradient is wanted all the same, for the weights
            states = states.requires_grad_()
        if shape not in self.known and len(self.known) == MOST_SHAPES:
            return self.compute(shape)(states, bounds)[:tokens]
        weights = self.attached()
        if shape not in self.known:
            still = states.detach().clone().requires_grad_()
            self.known[shape] = self.capture(self.compute(shape), still, bounds.clone(), weights)
        passes = self.known[shape]
        passes.bounds.copy_(bounds)
        found: Tensor = Replay.apply(states, passes)
        return found[:tokens]

    def compute(self, shape: Shape) -> Compute:
        """Return what is captured: all blocks on a batch of this shape."""

        def compute(states: Tensor, bounds: Tensor) -> Tensor:
            whole = Padded(shape.tokens, shape.sequences + 1, shape.longest, None, None)
            where = Layout(bounds, bounds, bounds, whole, (whole,))  # the kernel reads bounds and longest, nothing else
            for layer in self.layers:
                states = layer(states, where)
            return states

        return compute

    def attached(self) -> list[nn.Parameter]:
        """Return the weights that train, the gradient of each where the graphs add to it."""
        weights = [one for one in self.layers.parameters() if one.requires_grad]
        if not self.kept:
            self.kept = [torch.zeros_like(one) for one in weights]
        fresh = [kept for one, kept in zip(weights, self.kept, strict=True) if one.grad is None]
        if fresh:
            torch._foreach_zero_(fresh)
        for one, kept in zip(weights, self.kept, strict=True):
            if one.grad is not None and one.grad is not kept:  # of a micro-batch before, that took no graph
                kept.copy_(one.grad)
            one.grad = kept
        return weights

"""One training in several processes, a GPU each: weights, gradients and moments are divided among them (FSDP2).

Every process takes the same steps: the same batch of the same seed, of whose units each computes a share; gradients are
added up over all, so that a step is that of one process but for rounding. What differs is dropout: its numbers are
drawn by micro-batch, from the seed of the step, and the processes have other micro-batches than one process has.

A block's weights are gathered for its forward and its backward pass and dropped after each; activations inside a block
are always computed anew, without which copies of all weights in half precision would wait for the backward pass.
Everything else works on shards: the optimiser, the best weights, checkpoints (a folder a process).
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from xstilts.families.facts import facts
from xstilts.families.features import take
from xstilts.modeling.batch import collate
from xstilts.modeling.batches import split_by_tokens
from xstilts.modeling.model import Model
from xstilts.modeling.read_rows import ReadRows
from xstilts.training import checkpoint
from xstilts.training.alone import Alone
from xstilts.training.optimiser import AdamW, build_optimiser


class ShardedModel(Model):
    """A model of which this process holds a part of each weight; what trains are those parts."""

    def __init__(self, model: Model) -> None:
        """Take the model as it is before its weights are divided."""
        super().__init__(model.encoder, dict(model.heads.items()), model.precision)
        self.shards: dict[str, nn.Parameter] = {}

    def trained(self) -> dict[str, nn.Parameter]:
        """Return this process's parts of the parameters that train, by name; some may be empty."""
        return self.shards

    def autocast(self) -> Any:
        """Return the context of a forward pass, which keeps no bfloat16 copy of a block once that has been run.

        Autocast keeps one of each weight until the pass is over, in case it is used again; none is, and all of them
        together would be the whole encoder on each GPU.
        """
        where = next(self.parameters()).device
        return torch.autocast(where.type, dtype=torch.bfloat16, enabled=self._half(where), cache_enabled=False)


@dataclass
class ShardedAdamW(AdamW):
    """AdamW on the parts that a process holds."""

    rank: int = 0

    def norm(self, gradients: dict[str, Tensor]) -> Tensor:
        """Return the norm of all gradients of all processes; what each holds whole counts once."""
        own = [gradient for gradient in gradients.values() if gradient.dim() > 0 or self.rank == 0]
        square = torch.stack(torch._foreach_norm(own)).square().sum() if own else torch.zeros(())
        square = square.to(next(iter(gradients.values())).device)
        dist.all_reduce(square)
        return square.sqrt()


class Ranks(Alone):
    """This process among those of a training, which run the same code side by side."""

    def __init__(self, stop_file: Path) -> None:
        """Take the file that asks all of them to stop; the process group is there already."""
        self.rank, self.count = dist.get_rank(), dist.get_world_size()
        self.first = self.rank == 0
        self._stop_file = stop_file
        self._lacking = 0  # micro-batches that others have more than this one, in this step

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Open an encoder when all before this process have: one at a time is whole in main memory."""
        for one in range(self.count):
            if one == self.rank:
                yield
            self._gathered(0)

    def placed(self, model: Model, where: torch.device) -> ShardedModel:
        """Divide a model among the processes, block by block; each keeps its part on its device."""
        sharded = ShardedModel(model)
        sharded.encoder.recompute_activations()
        for module in sharded.modules():
            if isinstance(module, nn.Embedding | ReadRows):
                module.sparse = False  # gradients are added up over processes, all rows of them
            if isinstance(module, ReadRows) and not self.first:
                module.whole = module.whole[:0].clone()  # who writes the model needs it
        mesh = init_device_mesh(where.type, (self.count,))
        whole = {parameter for parameter in sharded.parameters() if parameter.dim() == 0}  # cannot be divided
        for block in _blocks(sharded.encoder):
            fully_shard(block, mesh=mesh, reshard_after_forward=True, ignored_params=whole)
        fully_shard(sharded, mesh=mesh, reshard_after_forward=True, ignored_params=whole)
        register_fsdp_forward_method(sharded, "logits")
        for module in sharded.modules():
            if isinstance(module, FSDPModule):
                module.set_gradient_divide_factor(1.0)  # the loss is divided by the items of the whole batch
                module.set_force_sum_reduction_for_comms(True)
        for parameter in whole:
            parameter.data = parameter.data.to(where)
        trained = {name: one for name, one in sharded.named_parameters() if one.requires_grad}
        sharded.shards = {
            name: nn.Parameter(one.to_local().detach()) if isinstance(one, DTensor) else one
            for name, one in trained.items()
        }
        return sharded

    def folder(self, work: Path) -> Path:
        """Return where this process keeps its checkpoints."""
        return work / f"rank-{self.rank}"

    def latest(self, work: Path, log: Callable[[str], None]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]] | None:
        """Return the newest checkpoint that all processes have whole; what some have beyond it goes.

        Processes are never more than one checkpoint apart, since no step goes on without all of them, and two are kept.
        """
        while True:
            found = checkpoint.latest(work, log)
            mine = -1 if found is None else int(found[1]["step"])
            every = self._gathered(mine)
            if min(every) == max(every):
                return found
            for step in checkpoint.steps(work):
                if step > min(every):
                    shutil.rmtree(work / f"step-{step:08d}")

    def optimiser(self, model: Model, weight_decay: float, epsilon: float) -> AdamW:
        """Return the optimiser of this process's parts."""
        plain = build_optimiser(model, weight_decay, epsilon)
        return ShardedAdamW(plain.parameters, plain.decay, plain.epsilon, rank=self.rank)

    def share(self, longest: np.ndarray, limit: int) -> Iterable[np.ndarray]:
        """Return this process's micro-batches, every so many-th unit by length, and note how many others have more."""
        order = np.argsort(-longest, kind="stable")
        groups = [split_by_tokens(longest[order[one :: self.count]], limit) for one in range(self.count)]
        self._lacking = max(map(len, groups)) - len(groups[self.rank])
        return self._seeded([order[self.rank :: self.count][group] for group in groups[self.rank]])

    def _seeded(self, groups: list[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield micro-batches; each draws dropout of its own."""
        base = int(torch.randint(2**62, ()))  # of the step's seed, the same in all processes
        for number, group in enumerate(groups):
            torch.manual_seed(base + number * self.count + self.rank)
            yield group

    def joined(self, model: Model, part: Any, bounds: np.ndarray, loss: Tensor, places: int) -> tuple[Tensor, int]:
        """Add up loss and places of all processes, whose gradients have been; hand this one's part to the optimiser.

        Weights are gathered by all or by none: a process with fewer micro-batches runs others for nothing.
        """
        assert isinstance(model, ShardedModel)
        for _ in range(self._lacking):
            self._run_idle(model, part, bounds)
        dist.all_reduce(loss)
        for name, parameter in model.named_parameters():
            gradient = parameter.grad
            if gradient is None:
                continue
            if isinstance(gradient, DTensor):
                parameter.grad = None
                model.shards[name].grad = gradient.to_local()
            else:
                dist.all_reduce(gradient)
        return loss, sum(self._gathered(places))

    def _run_idle(self, model: Model, part: Any, bounds: np.ndarray) -> None:
        first = take(part.features, np.arange(bounds[0], bounds[1]))
        if part.mask is not None:
            first = part.mask(first, np.random.default_rng(0))
        where = next(iter(model.trained().values())).device
        batch = collate(
            first, np.arange(len(first)), part.family if facts(part.family).loss == "masked" else None, where
        )
        with model.autocast():
            nothing = model.logits(part.name, batch).float().sum() * 0.0
        nothing.backward()

    def same(self, scores: dict[str, float]) -> dict[str, float]:
        """Return the first process's dev scores: where kernels differ in a last bit, all choose as it does."""
        values = torch.tensor([*scores.values()], dtype=torch.float64)
        dist.broadcast(values, 0)
        return dict(zip(scores, values.tolist(), strict=True))

    def asked(self, due: bool, stop: bool) -> tuple[bool, bool]:
        """Return whether a checkpoint is due by the first process's clock, and whether any was asked to stop."""
        asked = stop or (self.first and self._stop_file.exists())
        flags = torch.tensor([due and self.first, asked], dtype=torch.int32)
        dist.all_reduce(flags, dist.ReduceOp.MAX)
        due, stop = (bool(flag) for flag in flags.tolist())
        return due, stop

    def whole(self, model: Model) -> Model:
        """Give the first process all weights, in main memory; the others' models are of no use any more."""
        made: dict[nn.Parameter, nn.Parameter] = {}  # a tied one is one afterwards too
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if parameter not in made:
                    full = parameter.full_tensor() if isinstance(parameter, DTensor) else parameter
                    kept = full.detach().cpu() if self.first else torch.empty(0)
                    made[parameter] = nn.Parameter(kept, requires_grad=parameter.requires_grad)
                module._parameters[name] = made[parameter]
        return model

    def _gathered(self, mine: int) -> list[int]:
        """Return a number of each process; none goes on before all are here."""
        every = [torch.zeros((), dtype=torch.int64) for _ in range(self.count)]
        dist.all_gather(every, torch.tensor(mine))
        return [int(one) for one in every]


def _blocks(encoder: nn.Module) -> list[nn.Module]:
    """Return the blocks of an encoder: its longest list of modules."""
    lists = [module for module in encoder.modules() if isinstance(module, nn.ModuleList)]
    return [*max(lists, key=len)] if lists else []

"""The shared encoder with its heads, as one module."""

import os
from typing import Any

import torch
from torch import Tensor, nn

from xstilts.errors import UserError
from xstilts.leases import ON_CPU, devices
from xstilts.modeling.batch import Batch
from xstilts.modeling.half import HalfCopies
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
        # Hides Module.half(), which would round the weights that train.
        self.half = HalfCopies()  # type: ignore[method-assign, assignment]

    def trained(self) -> dict[str, nn.Parameter]:
        """Return the parameters that train, by name, each tied one once.

        These and no others are optimised, copied when a checkpoint is the best so far, and put back: what trains only
        a part of the weights (an adapter) says so here, by ``requires_grad``.
        """
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def autocast(self) -> Any:
        """Return the context of a forward pass: bfloat16 where the settings and the device have it, else float32.

        The master weights stay float32 in each case.
        """
        where = next(self.parameters()).device
        return torch.autocast(where.type, dtype=torch.bfloat16, enabled=self._half(where))

    def _half(self, where: torch.device) -> bool:
        return self.precision == "bfloat16" and computes_in_bfloat16(where)

    def compile_on_gpu(self) -> None:
        """Compile the blocks of an encoder of this project's own code, where it computes on a GPU."""
        if next(self.parameters()).device.type == "cuda" and isinstance(self.encoder, XlmRoberta):
            self.encoder.compile_blocks()

    def graph_on_gpu(self) -> None:
        """Replay the blocks of an encoder of this project's own code as CUDA graphs, where a GPU attends unpadded."""
        where = next(self.parameters()).device
        if isinstance(self.encoder, XlmRoberta) and self.encoder.attends_unpadded(where, self._half(where)):
            self.encoder.graph_blocks()

    def keep_half(self) -> None:
        """Let an encoder of this project's own code multiply with copies of its weights, where it computes in bfloat16.

        With CUDA graphs it does not: a graph rounds the weights itself, and starts all its kernels at once.
        """
        own = isinstance(self.encoder, XlmRoberta) and not self.encoder.graphs
        if own and self._half(next(self.parameters()).device):
            self.half.make(self)  # type: ignore[attr-defined]

    def way(self) -> str:
        """Say for a log where and how this model computes."""
        where = next(self.parameters()).device
        name = f"{torch.get_num_threads()} CPU threads" if where.type == "cpu" else torch.cuda.get_device_name(where)
        precision = "bfloat16" if self._half(where) else "float32"
        packed = isinstance(self.encoder, XlmRoberta) and self.encoder.attends_unpadded(where, self._half(where))
        return f"computing in {precision} on {name}; attention {'on sequences end to end' if packed else 'padded'}"

    def attended(self, batch: Batch) -> int:
        """Return over how many places attention goes in a batch, padding included; ask within ``autocast``."""
        where = batch.input_ids.device
        return self.encoder.attended(batch.layout, where, self._half(where))

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
        name: build_head(family, encoder.hidden, classes, encoder.head_dropout, seed + position, encoder.sentence)
        for position, (name, (family, classes)) in enumerate(heads.items())
    }
    return Model(encoder, built, precision)


def device(deterministic: bool = False) -> torch.device:
    """Return the GPU that this process was given, else the CPU; UserError for a GPU that PyTorch cannot use.

    With ``deterministic`` equal inputs give equal bytes on a GPU too, as they do on a CPU: PyTorch takes deterministic
    kernels and refuses an operation that has none (https://pytorch.org/docs/stable/notes/randomness.html).
    """
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # read when the first matrix product runs
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs a pass
        torch.backends.cudnn.benchmark = False
    if not torch.cuda.is_available() and (given := devices()):
        raise UserError(f"GPU {given[0]}: {why_no_cuda()}; {ON_CPU}=1 computes on the CPU instead")
    if torch.cuda.is_available() and (why := why_no_code(0)):
        raise UserError(f"{why}; {ON_CPU}=1 computes on the CPU instead")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def why_no_cuda() -> str:
    """Say in a sentence why PyTorch sees no GPU here."""
    build = f"PyTorch {torch.__version__}"
    if torch.version.cuda is None:
        return f"found {build}, a build without CUDA; expected one with it: make install on this machine"
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        return f"{build} with CUDA {torch.version.cuda} cannot use it ({reason}); CUDA 13 needs driver 580 or newer"
    return (
        f"{build} with CUDA {torch.version.cuda} sees no device that it can use; expected one of CUDA_VISIBLE_DEVICES"
    )


def why_no_code(number: int) -> str | None:
    """Say why a GPU that PyTorch sees runs none of its kernels, such as a V100 with CUDA 13; None where it does."""
    capability, built = torch.cuda.get_device_capability(number), torch.cuda.get_arch_list()
    if has_code(capability, built):
        return None
    return (
        f"{torch.cuda.get_device_name(number)}: found compute capability {capability[0]}.{capability[1]}; expected one "
        f"that PyTorch {torch.__version__} has code for ({' '.join(built)}): a newer GPU, or another build of the same "
        "version (docs/operations.md, Packages)"
    )


def has_code(capability: tuple[int, int], built: list[str]) -> bool:
    """Say whether a build of PyTorch runs on a GPU.

    Code of ``sm_XY`` runs where X is the same and Y no higher, of ``sm_XYa`` on that very GPU; ``compute_XY`` is
    compiled anew for any later one (CUDA C++ Programming Guide, Compatibility).
    """
    for name in built:
        kind, _, number = name.partition("_")
        own = (int(number.rstrip("af")[:-1]), int(number.rstrip("af")[-1]))
        if own == capability or (kind == "compute" and own < capability and number[-1].isdigit()):
            return True
        if kind == "sm" and own[0] == capability[0] and own[1] <= capability[1] and number[-1] != "a":
            return True
    return False


def computes_in_bfloat16(where: torch.device) -> bool:
    """Say whether a device multiplies in bfloat16 itself, not by emulation."""
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))

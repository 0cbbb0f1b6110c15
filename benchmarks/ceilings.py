"""What the machine can do at most, measured in the same run: matrix products in each precision, and copying."""

import time
from typing import Any

from benchmarks.timing import Counts, Prepare


def best_product_size(dtype: Any, where: Any, smallest: bool) -> int:
    """Return the size of square matrices at which this machine multiplies fastest."""
    import torch

    sizes = [64] if smallest else [512, 1024, 2048] if where.type == "cpu" else [4096, 8192]
    speed = {}
    for size in sizes:
        a = torch.randn(size, size, device=where).to(dtype)
        torch.mm(a, a)
        taken = []
        for _ in range(5):
            _wait(where)
            began = time.perf_counter()
            torch.mm(a, a)
            _wait(where)
            taken.append(time.perf_counter() - began)
        speed[size] = size**3 / min(taken)
    return max(speed, key=lambda size: speed[size])


def _wait(where: Any) -> None:
    import torch

    if where.type == "cuda":
        torch.cuda.synchronize()


def products(settings: dict[str, Any]) -> Prepare:
    """Multiply square matrices of the size that is fastest here; counts ``flops``."""
    import torch

    from xstilts.modeling.model import device

    where = device()
    dtype = getattr(torch, settings["precision"])
    size = best_product_size(dtype, where, settings["smallest"])
    times = max(1, int((1e6 if settings["smallest"] else 4e10 if where.type == "cpu" else 2e13) / (2 * size**3)))
    a, b = (torch.randn(size, size, device=where).to(dtype) for _ in range(2))
    out = torch.empty(size, size, device=where, dtype=dtype)

    def work() -> Counts:
        for _ in range(times):
            torch.mm(a, b, out=out)
        return {"flops": 2.0 * size**3 * times, "size": size}

    return lambda: work


def copying(settings: dict[str, Any]) -> Prepare:
    """Copy a block far larger than the caches; counts ``bytes`` read and written."""
    import torch

    from xstilts.modeling.model import device

    where = device()
    numbers = 2**14 if settings["smallest"] else 2**26 if where.type == "cpu" else 2**29
    source = torch.ones(numbers, device=where)
    target = torch.zeros_like(source)
    times = 1 if settings["smallest"] else 4

    def work() -> Counts:
        for _ in range(times):
            target.copy_(source)
        return {"bytes": 8.0 * numbers * times}

    return lambda: work


def precision() -> str:
    """Return what both sides compute in: bfloat16 where the device multiplies in it, else float32."""
    from xstilts.modeling.model import computes_in_bfloat16, device

    return "bfloat16" if computes_in_bfloat16(device()) else "float32"

"""What a job computed on and took of it, and the energy by the counter of NVIDIA's driver (NVML).

The counter is the whole device's, in millijoules. It is read before and after the work. It moves a few times a second:
a window below five seconds says little and is not measured; nor is a device that several jobs share.
"""

import os
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

WINDOW = 5.0  # seconds
SLOTS = "XSTILTS_GPU_SLOTS"  # jobs that share a device

Meter = tuple[float, dict[str, int]]  # when it was read, and millijoules by the UUID of each device


def read_meter() -> Meter | None:
    """Read the counters of all devices of this machine; None where there are none, or no package that reads them."""
    if int(os.environ.get(SLOTS) or 1) > 1:
        return None
    try:
        import pynvml
    except ImportError:
        return None
    found: dict[str, int] = {}
    try:
        pynvml.nvmlInit()
        for number in range(pynvml.nvmlDeviceGetCount()):
            device = pynvml.nvmlDeviceGetHandleByIndex(number)
            try:
                name = pynvml.nvmlDeviceGetUUID(device)
                found[_plain(name)] = int(pynvml.nvmlDeviceGetTotalEnergyConsumption(device))
            except pynvml.NVMLError:  # a device older than Volta has no counter
                continue
    except pynvml.NVMLError:
        return None
    return (time.monotonic(), found) if found else None


def computed_on(before: Meter | None = None) -> dict[str, Any]:
    """Return what this process computed on, the most GPU memory that it held, and ``energy_joules`` since a reading.

    Asked at the end of the work, when PyTorch knows which device that was: NVML counts devices in another order.
    """
    torch = _on_gpu()
    if torch is None:
        return {"device": "cpu"}
    found = {"device": torch.cuda.get_device_name(), "peak_gpu_memory_mb": _peak(torch)}
    own = [_plain(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]
    return found | (joules(own, before, read_meter()) if before else {})


def gpus_of(manifest: Mapping[str, Any]) -> int:
    """Return on how many GPUs a finished job computed: several where its training was divided among them."""
    if manifest["made"]["machine"].get("device", "cpu") == "cpu":
        return 0
    return int(manifest["spec"]["settings"].get("gpus_per_job", 1))


def taken() -> dict[str, Any]:
    """Return what this process has taken so far: seconds of processors, and the most memory, of a GPU too."""
    usage, torch = resource.getrusage(resource.RUSAGE_SELF), _on_gpu()
    found = {
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_memory_mb": round(usage.ru_maxrss / 1024),
    }
    return found if torch is None else found | {"peak_gpu_memory_mb": _peak(torch)}


def together(processes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what processes that run side by side have ``taken``: their sums, and the most that one GPU held."""
    found = {name: round(sum(one[name] for one in processes), 3) for name in ("cpu_seconds", "peak_memory_mb")}
    peaks = [one["peak_gpu_memory_mb"] for one in processes if "peak_gpu_memory_mb" in one]
    return found | ({"peak_gpu_memory_mb": max(peaks)} if peaks else {})


def _on_gpu() -> Any:
    """Return PyTorch where this process computes on a GPU, else None."""
    torch: Any = sys.modules.get("torch")  # a job that computes has imported it
    return torch if torch is not None and torch.cuda.is_available() else None


def _peak(torch: Any) -> int:
    return round(torch.cuda.max_memory_allocated() / 2**20)


def joules(devices: Sequence[str], before: Meter, after: Meter | None) -> dict[str, Any]:
    """Return ``energy_joules`` of devices between two readings, nothing where they do not give it."""
    known = set(before[1]) & set(after[1]) if after else set()
    if after is None or not set(devices) <= known or after[0] - before[0] < WINDOW:
        return {}
    used = [after[1][one] - before[1][one] for one in devices]
    return {"energy_joules": round(sum(used) / 1000, 3)} if min(used) >= 0 else {}  # a driver loaded anew starts at 0


def _plain(name: Any) -> str:
    text = name.decode() if isinstance(name, bytes) else str(name)
    return text.removeprefix("GPU-").lower()

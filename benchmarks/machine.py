"""What a figure was measured on: processor, memory, GPU and versions."""

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

from benchmarks.timing import threads

PACKAGES = (
    "torch",
    "transformers",
    "accelerate",
    "datasets",
    "tokenizers",
    "numpy",
    "faiss-cpu",
    "seqeval",
    "snakemake",
)


def machine() -> dict[str, Any]:
    """Return the machine in words and numbers; ``gpu`` is None without one."""
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    wide = {word for line in lines if line.startswith("flags") for word in line.split()}
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "processor": ", ".join(sorted(names)) or platform.processor(),
        "cores": len([line for line in lines if line.startswith("processor")]),
        "threads_per_side": threads(),
        "instructions": sorted(wide & {"avx2", "avx512f", "avx512_bf16", "amx_bf16"}),
        "memory_gb": round(int(memory) / 2**20, 1),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "load_at_start": float(Path("/proc/loadavg").read_text().split()[0]),
    }


def versions() -> dict[str, str]:
    """Return the version of each package that takes part, where it is installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found

"""Which machine a plan is for: what the profile says of it, and what this machine has."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from xstilts.leases import device_name, devices

FILES = ("profile.yaml", "config.v8+.yaml", "config.yaml")  # where Snakemake looks, the newest name first
UNKNOWN_GPU = "a GPU like an H200"  # what the shipped speeds are of


@dataclass(frozen=True)
class Machine:
    """Where jobs will run."""

    profile: str
    device: str  # the name of the GPU, or `cpu`
    at_once: int  # jobs that compute at the same time
    cores: int
    words: str

    @property
    def unit(self) -> str:
        """What an hour of computing is called."""
        return "core hours" if self.device == "cpu" else "GPU hours"


def machine_of(arguments: Sequence[str], seen: Sequence[str] = ()) -> Machine:
    """Return the machine that a command line of Snakemake means by its profile.

    Args:
        arguments: of ``snakemake``; ``--workflow-profile`` or ``--profile`` names the folder.
        seen: GPUs that finished jobs ran on, the latest last: a cluster's are not in this machine.
    """
    folder = _profile(arguments)
    profile = _read(folder) if folder else {}
    own = device_name()
    limit = (profile.get("resources") or {}).get("gpu")
    given = profile.get("cores")
    cores: int = given if isinstance(given, int) else os.cpu_count() or 1
    name = str(folder) if folder else "no profile"
    if profile.get("executor") == "slurm":
        at_once = int(profile.get("jobs") or 1)
        words = f"a SLURM cluster, {at_once} jobs at once at most, each on one GPU"
        device = seen[-1] if seen else UNKNOWN_GPU
        return Machine(name, device, at_once, cores, f"{words} ({device})")
    if own is None and limit is None:
        return Machine(name, "cpu", cores, cores, f"this machine, {cores} cores, no GPU")
    gpus = int(limit or len(devices()) or 1)
    device = own or (seen[-1] if seen else UNKNOWN_GPU)
    here = "" if own else "; this machine has none"
    return Machine(name, device, gpus, cores, f"{gpus} job{'s' * (gpus != 1)} at once on GPUs ({device}{here})")


def _profile(arguments: Sequence[str]) -> Path | None:
    folder: Path | None = Path("profiles/default")  # Snakemake takes it by itself
    for place, word in enumerate(arguments):
        name, _, value = word.partition("=")
        if name in ("--workflow-profile", "--profile"):
            given = value or arguments[place + 1]
            folder = None if given == "none" else Path(given)
    return folder


def _read(folder: Path) -> dict[str, Any]:
    for name in FILES:
        if (folder / name).is_file():
            found = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
    return {}

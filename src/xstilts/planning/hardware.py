"""Which machine a plan is for: what the profile says of it, and what this machine has."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from xstilts.leases import device_name, devices

FILES = ("profile.yaml", "config.v8+.yaml", "config.yaml")  # where Snakemake looks, the newest name first
UNLIMITED = 1000  # jobs at once of a profile that says so
UNKNOWN_GPU = "a GPU like an H200"  # what the shipped speeds are of
CORES, JOBS, RESOURCES = ("--cores", "-c"), ("--jobs", "-j"), ("--resources", "--res")
CPU = Path("/proc/cpuinfo")
GIGABYTES = {"H200": 141, "H100": 80, "A100": 40, "L40": 48, "A40": 48, "A10": 24, "L4": 24, "V100": 16, "T4": 16}


@dataclass(frozen=True)
class Machine:
    """Where jobs will run."""

    profile: str
    device: str  # the name of the GPU, or `cpu`
    at_once: int  # GPUs or cores that compute at the same time, of a cluster jobs
    cores: int
    words: str
    memory: float | None = None  # bytes of a GPU, as it or the profile says, else by its name; None: no GPU, or unknown
    bfloat16: bool = True  # the processor multiplies in it, where jobs compute on that
    whole_jobs: bool = False  # of a cluster: a job that is divided among several GPUs is one of those at once

    @property
    def unit(self) -> str:
        """What an hour of computing is called."""
        return "core hours" if self.device == "cpu" else "GPU hours"


def machine_of(arguments: Sequence[str], seen: Sequence[str] = ()) -> Machine:
    """Return the machine that a command line of Snakemake means by its profile and its own limits.

    Args:
        arguments: of ``snakemake``; ``--workflow-profile`` or ``--profile`` names the folder, ``--cores``, ``--jobs``
            and ``--resources gpu=N`` count more than what stands in it.
        seen: GPUs that finished jobs ran on, the latest last: a cluster's are not in this machine.
    """
    folder = _profile(arguments)
    profile = _read(folder) if folder else {}
    own = device_name()
    limit = _limit(arguments, _named(profile.get("resources")).get("gpu"))
    here_are = len(os.sched_getaffinity(0))  # as Snakemake counts: a container or taskset may allow few of them
    given = _given(arguments, CORES) or str(profile.get("cores"))
    cores = int(given) if given.isdecimal() else here_are
    jobs = str(_given(arguments, JOBS) or profile.get("jobs"))
    name = str(folder) if folder else "no profile"
    if profile.get("executor") == "slurm":
        at_once = int(jobs) if jobs.isdecimal() else 1 if jobs == "None" else UNLIMITED
        words = f"a SLURM cluster, {at_once} jobs at once at most, each on GPUs of its own"
        device = seen[-1] if seen else UNKNOWN_GPU
        memory = _memory(profile, device, here=False)
        return Machine(name, device, at_once, cores, f"{words} ({device})", memory, whole_jobs=True)
    if jobs.isdecimal():
        cores = min(cores, int(jobs))  # on one machine `--jobs` means cores
    if own is None and limit is None:
        fast = cpu_has_bfloat16()
        without = "" if fast else " without arithmetic in bfloat16"
        return Machine(name, "cpu", cores, cores, f"this machine, {cores} cores{without}, no GPU", bfloat16=fast)
    gpus = int(limit or len(devices()) or 1)
    device = own or (seen[-1] if seen else UNKNOWN_GPU)
    here = "" if own else "; this machine has none"
    return Machine(
        name,
        device,
        gpus,
        cores,
        f"{gpus} job{'s' * (gpus != 1)} at once on GPUs ({device}{here})",
        _memory(profile, device, own is not None),
    )


def _given(arguments: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the last value of an option on a command line, ``--cores 2``, ``--cores=2``, ``-c 2`` or ``-c2``."""
    found = None
    for place, word in enumerate(arguments):
        name, _, value = word.partition("=")
        if name in names:
            found = value or (arguments[place + 1] if place + 1 < len(arguments) else None)
        elif word[:2] in names and word[2:]:
            found = word[2:]
    return found


def _named(resources: Any) -> dict[str, Any]:
    """Return the resources of a profile by name: a section of it, or a list of ``name=value``."""
    if isinstance(resources, dict):
        return resources
    return dict(str(one).split("=", 1) for one in resources or () if "=" in str(one))


def _limit(arguments: Sequence[str], of_profile: Any) -> int | None:
    """Return how many GPUs the jobs may use together: ``--resources gpu=N`` of a command line, else the profile's."""
    found = int(of_profile) if str(of_profile).isdecimal() else None
    for place, word in enumerate(arguments):
        if word in RESOURCES or word.startswith("--resources="):
            words = [word.removeprefix("--resources=")] if "=" in word else list(arguments[place + 1 :])
            for one in words:
                name, is_one, value = one.partition("=")
                if not is_one:
                    break
                found = int(value) if name == "gpu" and value.isdecimal() else found
    return found


def cpu_has_bfloat16() -> bool:
    """Say whether this machine's CPU computes in bfloat16: what `modeling.model` asks PyTorch, without it."""
    try:
        return "avx512_bf16" in CPU.read_text(encoding="utf-8")
    except OSError:  # not Linux: float32, as far as is known
        return False


def _memory(profile: dict[str, Any], device: str, here: bool) -> float | None:
    """Return the bytes of a GPU: as the profile says, else as this machine's smallest says, else by its name."""
    said = _named(profile.get("default-resources")).get("gpu_memory_gb")
    if said:
        return float(said) * 1e9
    if here:
        query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        try:
            answer = subprocess.run(query, capture_output=True, text=True, timeout=60).stdout.split()
        except (OSError, subprocess.TimeoutExpired):
            answer = []
        if answer and all(word.isdecimal() for word in answer):
            return min(map(float, answer)) * 2**20
    told = re.search(r"(\d+) ?GB", device)
    if told:
        return float(told[1]) * 1e9
    known = (gb * 1e9 for name, gb in GIGABYTES.items() if re.search(rf"\b{name}(?!\d)", device))  # an A4000 is no A40
    return next(known, None)


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

"""Checks of the machine: Python, packages, GPUs, SLURM, the Hub, the disk."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

from xstilts.costs.cards import card_bytes, is_small, remedy
from xstilts.costs.disk import bytes_of_model, bytes_of_run, bytes_of_training
from xstilts.costs.work import Workload
from xstilts.doctor.findings import Finding, ok, problem, warning
from xstilts.errors import UserError
from xstilts.graph.checkpoints import encoders_of
from xstilts.graph.jobs import Jobs
from xstilts.locks import lock

SUPPORTED = ((3, 11), (3, 14))  # from, and below: as pyproject.toml and the Makefile have it
SHOWN = 5  # packages named in one line
PATIENCE = 10  # seconds for an answer of the Hub, of SLURM or of the driver
GB = 1e9


def python() -> Finding:
    """Say which Python this is, and whether the package runs on it."""
    found = f"Python {platform.python_version()} ({sys.executable})"
    oldest, above = SUPPORTED
    wanted = f"{'.'.join(map(str, oldest))} or newer, below {'.'.join(map(str, above))}"
    return ok(found) if oldest <= sys.version_info < above else problem(f"{found}; expected {wanted}")


def packages(lock: Path) -> Finding:
    """Compare what is installed with the pinned versions (``name==version``, each at the start of a line)."""
    if not lock.is_file():
        return problem(f"found no {lock}; call this in the folder of the Snakefile")
    pins = dict(re.findall(r"^(\S+)==([^\s\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE))
    lacking, other = [], []
    for name, wanted in pins.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            lacking.append(name)
            continue
        if found.partition("+")[0] != wanted:  # +cu126: a build of the same version
            other.append(f"{name} {found} for {wanted}")
    if lacking:
        return problem(f"{len(lacking)} of {len(pins)} packages of {lock} are not installed: {_some(lacking)}")
    if other:
        return warning(f"{len(other)} of {len(pins)} packages are not the version of {lock}: {_some(other)}")
    return ok(f"all {len(pins)} packages have the version of {lock}")


def gpus(jobs: Jobs) -> list[Finding]:
    """Say which GPUs there are, whether PyTorch can use them, and which trainings of run and study do not fit each."""
    query = "--query-gpu=name,memory.total,driver_version"
    try:
        answer = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):
        answer = None
    if answer is None or answer.returncode:
        why = "no nvidia-smi that answers" if answer is None else answer.stdout.strip().partition("\n")[0]
        large = [model for model, one in encoders_of(jobs).items() if not is_small(Workload(one).size(model)[0])]
        if large:
            are = "are" if len(large) > 1 else "is"
            return [warning(f"no GPU ({why}); {' '.join(large)} {are} not meant to be trained on a CPU")]
        return [ok(f"no GPU ({why}); the run's encoder is small enough for a CPU")]
    found = []
    for number, line in enumerate(answer.stdout.splitlines()):
        name, memory, driver = (part.strip() for part in line.split(","))
        found.append(ok(f"GPU {number}: {name}, {float(memory) / 1024:.0f} GiB, driver {driver}"))
        found += _fits(jobs, number, float(memory) * 2**20)
    import torch

    from xstilts.modeling.model import why_no_code, why_no_cuda

    if not torch.cuda.is_available():
        found.append(problem(f"these GPUs: {why_no_cuda()}"))
        return found
    codes = (why_no_code(number) for number in range(torch.cuda.device_count()))
    return found + [problem(why) for why in codes if why]


def _fits(jobs: Jobs, number: int, memory: float) -> list[Finding]:
    found = []
    for model, one in encoders_of(jobs).items():
        needed = card_bytes(one, model)
        if needed > memory:
            found.append(
                warning(
                    f"GPU {number}: trainings of {model} need about {needed / 2**30:.0f} GiB (calculated); set "
                    f"{remedy(one, model, memory)}"
                )
            )
    return found


def slurm(needed: bool) -> Finding:
    """Say whether SLURM answers; without it a run is started with another profile than profiles/slurm."""
    missing = problem if needed else ok
    if shutil.which("sinfo") is None or shutil.which("sbatch") is None:
        lacking = " and ".join(name for name in ("sinfo", "sbatch") if shutil.which(name) is None)
        return missing(f"SLURM: no {lacking} in PATH; profiles/slurm cannot be used here")
    try:
        answer = subprocess.run(
            ["sinfo", "--noheader", "--format=%P"], capture_output=True, text=True, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return missing(f"SLURM: sinfo does not answer ({type(error).__name__})")
    if answer.returncode:
        said = answer.stderr.strip().partition("\n")[0]
        return missing(f"SLURM: sinfo ended with {answer.returncode}: {said}")
    return ok(f"SLURM: partitions {' '.join(answer.stdout.split()) or 'none'}")


def hub(needed: list[str]) -> list[Finding]:
    """Say whether the Hugging Face Hub answers, and whether there is a token.

    Args:
        needed: what the run will fetch from there; nothing: the answer does not matter.
    """
    from huggingface_hub import get_token

    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    wanted = f"; the run needs {_some(needed)}" if needed else "; the run needs nothing of it"
    missing = problem if needed else ok
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return [missing(f"Hub: not to be asked, as HF_HUB_OFFLINE is set{wanted}")]
    try:
        request = urllib.request.Request(f"{endpoint}/", method="HEAD")
        with urllib.request.urlopen(request, timeout=PATIENCE):
            pass
        reached = True
    except urllib.error.HTTPError as error:
        reached = error.code < 500  # it answers, whatever it thinks of the question
    except (OSError, ValueError):
        reached = False
    if not reached:
        return [missing(f"Hub: no answer of {endpoint}{wanted}")]
    token = "a token is set" if get_token() else "no token (HF_TOKEN): public repositories only"
    return [ok(f"Hub: {endpoint} answers; {token}")]


def disk(jobs: Jobs) -> list[Finding]:
    """Compare the free space with the weights that the run will add and the checkpoints of one training."""
    folder = jobs.results.resolve()
    place = next(path for path in (folder, *folder.parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    kept = bytes_of_run(jobs)
    there = sum(path.stat().st_size for path in (jobs.here / "models").rglob("*.safetensors"))
    more = max(0, sum(kept.values()) - there) + bytes_of_training(jobs)
    if jobs.run.keep != "all":  # a target's model stays until its predictions are made
        more += max(bytes_of_model(jobs, model) for model in jobs.run.models)
    by_stage = ", ".join(f"{stage} {size / GB:.1f}" for stage, size in kept.items() if size)
    text = (
        f"{place}: {free / GB:.1f} GB free; the run adds about {more / GB:.1f} GB with keep: {jobs.run.keep} "
        f"(models in GB: {by_stage}; checkpoints of one training: {bytes_of_training(jobs) / GB:.1f}), "
        "its data and their features"
    )
    if free >= more:
        return [ok(text)]
    others = {
        name: sum(bytes_of_run(Jobs(jobs.run.model_copy(update={"keep": name}), jobs.code, jobs.results)).values())
        for name in ("sources", "pretrained")
        if name != jobs.run.keep
    }
    smaller = ", ".join(f"keep: {name} keeps {size / GB:.1f} GB" for name, size in others.items())
    return [problem(f"{text}. {smaller}" if jobs.run.keep == "all" else text)]


def locks(folder: Path) -> Finding:
    """Say whether the disk of the results gives locks, without which two jobs would write into one folder."""
    place = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.is_dir())
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".xstilts-lock-") as handle:
            lock(handle.fileno(), place)
    except UserError as error:
        return problem(str(error))
    except OSError as error:
        return problem(f"{place}: {error.strerror}; results are written there")
    return ok(f"{place}: files can be locked")


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")

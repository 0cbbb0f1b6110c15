"""A GPU for a process: the workflow engine counts GPUs but does not choose them.

A lease is a kernel lock on a file, one file a slot of a device. It lasts as long as the process that holds it, and is
free again the moment that process ends, however it ends. A job that ran out of memory beside others takes all slots of
one device.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from xstilts.errors import UserError

KERNEL_LIST = Path("/proc/driver/nvidia/gpus")  # a folder a device, without loading any library
POLL_SECONDS = 0.5
ALONE = "XSTILTS_GPU_ALONE"  # set for the second start of a job that ran out of memory


def devices() -> list[str]:
    """Return the NVIDIA devices that may be used: those of ``CUDA_VISIBLE_DEVICES`` where it is set, else all."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name not in ("", "-1")]
    return [str(number) for number in range(_count_devices())]


def _count_devices() -> int:
    if KERNEL_LIST.is_dir():
        return len(list(KERNEL_LIST.iterdir()))
    try:
        answer = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return len(answer.stdout.splitlines()) if answer.returncode == 0 else 0


def device_name() -> str | None:
    """Return what the first NVIDIA device of this machine is called, None where there is none."""
    for path in sorted(KERNEL_LIST.glob("*/information")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Model:"):
                return line.partition(":")[2].strip()
    try:
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        answer = subprocess.run(query, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.splitlines()[0].strip() if answer.returncode == 0 and answer.stdout.strip() else None


def lease_folder() -> Path:
    """Return where this user's lock files lie: on this machine, never on a shared disk."""
    return Path(tempfile.gettempdir()) / f"xstilts-gpus-{os.getuid()}"


def lease_device(
    devices: Sequence[str], slots: int, folder: Path, wait_seconds: float, alone: bool = False
) -> tuple[str, list[int]]:
    """Take a free slot of the least shared device, or all slots of one; wait while there is none.

    Args:
        devices: names of the devices.
        slots: processes that may share a device.
        folder: where the lock files lie.
        wait_seconds: after so long without a free slot UserError is raised.
        alone: take all slots; from the first try on nobody else gets a slot of that device.

    Returns:
        (device, file descriptors of the locks): the lease lasts until they are closed or the process ends.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    until = time.monotonic() + wait_seconds
    while True:
        found = _whole_device(devices, slots, folder, until) if alone else _slot(devices, slots, folder)
        if found is not None:
            return found
        if time.monotonic() >= until:
            raise UserError(f"found no free GPU among {len(devices)} (with {slots} jobs each) in {wait_seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def _slot(devices: Sequence[str], slots: int, folder: Path) -> tuple[str, list[int]] | None:
    """Take a free slot, on a device where nobody waits to be alone."""
    for slot in range(slots):
        for device in devices:
            door = _lock(folder / f"gpu{device}-door", fcntl.LOCK_SH)
            if door is None:
                continue
            handle = _lock(folder / f"gpu{device}-slot{slot}", fcntl.LOCK_EX)
            os.close(door)
            if handle is not None:
                return device, [handle]
    return None


def _whole_device(devices: Sequence[str], slots: int, folder: Path, until: float) -> tuple[str, list[int]] | None:
    """Close the door of a device, then take each slot as it comes free."""
    for device in devices:
        door = _lock(folder / f"gpu{device}-door", fcntl.LOCK_EX)
        if door is None:
            continue
        handles = [door]
        while len(handles) <= slots and time.monotonic() < until:
            handle = _lock(folder / f"gpu{device}-slot{len(handles) - 1}", fcntl.LOCK_EX)
            if handle is None:
                time.sleep(POLL_SECONDS)
            else:
                handles.append(handle)
        if len(handles) > slots:
            return device, handles
        for handle in handles:
            os.close(handle)
    return None


def _lock(path: Path, kind: int) -> int | None:
    """Lock a file at once and return its descriptor, None when another process has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


@contextmanager
def leased_gpu() -> Iterator[None]:
    """Give this process one GPU, before any library looks for them; when its memory is too small for all, one alone.

    Nothing is done in a SLURM job, which has its own, or where there is no GPU. ``XSTILTS_GPU_SLOTS`` says how many
    processes may share a device.
    """
    names = devices()
    if "SLURM_JOB_ID" in os.environ or not names:
        yield
        return
    slots = int(os.environ.get("XSTILTS_GPU_SLOTS", "1"))
    alone = os.environ.pop(ALONE, None) is not None
    device, _ = lease_device(names, slots, lease_folder(), wait_seconds=7 * 86400.0, alone=alone)
    os.environ["CUDA_VISIBLE_DEVICES"] = device
    try:
        yield
    except RuntimeError as error:
        if alone or slots == 1 or type(error).__name__ != "OutOfMemoryError":  # PyTorch's, imported by who needs it
            raise
        print("out of memory on a shared GPU: starting again, alone on one", file=sys.stderr, flush=True)
        os.environ |= {"CUDA_VISIBLE_DEVICES": ",".join(names), ALONE: "1"}
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # frees the memory and the lease at once

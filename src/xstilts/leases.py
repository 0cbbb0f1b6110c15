"""GPUs for a process: the workflow engine counts GPUs but does not choose them.

A lease is a kernel lock on a file, one file a slot of a device. It lasts as long as the process that holds it, and is
free again the moment that process ends, however it ends. A job that ran out of memory beside others takes all slots of
one device; a job that is divided among several devices takes all slots of each.
"""

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from xstilts.errors import UserError
from xstilts.locks import lock, open_lock

KERNEL_LIST = Path("/proc/driver/nvidia/gpus")  # a folder a device, without loading any library
POLL_SECONDS = 0.5
ALONE = "XSTILTS_GPU_ALONE"  # set for the second start of a job that ran out of memory
FOLDER = "XSTILTS_LEASES"  # names another folder for the lock files
OWN = "XSTILTS_OWN_GPUS"  # 1 in a job that the workflow handed to SLURM: its GPUs are nobody else's
ON_CPU = "XSTILTS_CPU"  # 1: compute on the CPU whatever GPUs this process was given
ALLOCATOR = "PYTORCH_ALLOC_CONF"  # and its old name; a block of memory that grows leaves fewer holes behind
ALLOCATOR_NAMES = (ALLOCATOR, "PYTORCH_CUDA_ALLOC_CONF")
OUT_OF_MEMORY = ("out of memory", "ALLOC_FAILED", "allocate memory", "not enough memory")  # of CUDA, cuBLAS, a CPU


def devices() -> list[str]:
    """Return the NVIDIA devices that may be used: those of ``CUDA_VISIBLE_DEVICES`` where it is set, else all.

    None where the user wants the CPU (``XSTILTS_CPU=1``).
    """
    if os.environ.get(ON_CPU) == "1":
        return []
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name not in ("", "-1")]
    return [str(number) for number in range(_count_devices())]


def _count_devices() -> int:
    if KERNEL_LIST.is_dir():
        return len(list(KERNEL_LIST.iterdir()))
    import subprocess  # here and below: every job imports this module, and few take a GPU

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
    import subprocess

    try:
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        answer = subprocess.run(query, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.splitlines()[0].strip() if answer.returncode == 0 and answer.stdout.strip() else None


def lease_folder() -> Path:
    """Return where this user's lock files lie: on this machine, never on a shared disk.

    What a SLURM job sees as GPU 0 is another device than that of another job, or of another ``srun`` of the same: each
    has a folder of its own.
    """
    import tempfile

    base = Path(os.environ.get(FOLDER) or Path(tempfile.gettempdir()) / f"xstilts-gpus-{os.getuid()}")
    place = [os.environ[name] for name in ("SLURM_JOB_ID", "SLURM_STEP_ID") if name in os.environ]
    return base / "-".join(["slurm", *place]) if "SLURM_JOB_ID" in os.environ else base


def make_folder(folder: Path) -> None:
    """Make the folder of the lock files; UserError when it is not this user's alone, as its name is easy to guess."""
    for path in (folder.parent, folder) if "SLURM_JOB_ID" in os.environ else (folder,):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise UserError(
                f"{path}: found owner {found.st_uid} and mode {stat.filemode(found.st_mode)}; expected a folder "
                f"that only user {os.getuid()} may write, for the locks of GPUs (another one: {FOLDER}=FOLDER)"
            )


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
    make_folder(folder)
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
            door = _lock(folder / f"gpu{file_name(device)}-door", shared=True)
            if door is None:
                continue
            handle = _lock(folder / f"gpu{file_name(device)}-slot{slot}")
            os.close(door)
            if handle is not None:
                return device, [handle]
    return None


def _whole_device(devices: Sequence[str], slots: int, folder: Path, until: float) -> tuple[str, list[int]] | None:
    """Close the door of a device, then take each slot as it comes free."""
    for device in devices:
        door = _lock(folder / f"gpu{file_name(device)}-door")
        if door is None:
            continue
        handles = [door]
        while len(handles) <= slots and time.monotonic() < until:
            handle = _lock(folder / f"gpu{file_name(device)}-slot{len(handles) - 1}")
            if handle is None:
                time.sleep(POLL_SECONDS)
            else:
                handles.append(handle)
        if len(handles) > slots:
            return device, handles
        for handle in handles:
            os.close(handle)
    return None


def lease_devices(
    devices: Sequence[str], count: int, slots: int, folder: Path, wait_seconds: float
) -> tuple[list[str], list[int]]:
    """Take all slots of several devices, whole ones; wait while there are too few.

    One process at a time collects: two that hold a part of what they want each would wait for each other for ever. Its
    devices' doors are closed first, so that jobs of one slot do not keep it waiting one after the other.

    Args:
        devices: names of the devices.
        count: devices to take.
        slots: processes that may share a device.
        folder: where the lock files lie.
        wait_seconds: after so long UserError is raised.

    Returns:
        (devices in their own order, file descriptors of the locks), as from ``lease_device``.
    """
    if count > len(devices):
        raise UserError(f"gpus_per_job: found {len(devices)} GPUs ({' '.join(devices)}); expected {count} for this job")
    make_folder(folder)
    until = time.monotonic() + wait_seconds
    collecting = _until(until, partial(_lock, folder / "collecting"))
    handles: dict[str, list[int]] = {}
    while collecting is not None and len(handles) < count and time.monotonic() < until:
        # Free ones first: of others the doors are closed, and their jobs end one by one.
        waiting = [device for device in devices if device not in handles]
        for device in sorted(waiting, key=lambda one: _busy(one, slots, folder)):
            door = _lock(folder / f"gpu{file_name(device)}-door") if len(handles) < count else None
            if door is not None:
                handles[device] = [door]
        if len(handles) < count:
            time.sleep(POLL_SECONDS)
    for device, held in handles.items():
        for slot in range(slots):
            handle = _until(until, partial(_lock, folder / f"gpu{file_name(device)}-slot{slot}"))
            held += [] if handle is None else [handle]
    taken = [handle for held in handles.values() for handle in held]
    if collecting is not None:
        os.close(collecting)
    if len(taken) < count * (slots + 1):
        for handle in taken:
            os.close(handle)
        raise UserError(f"found no {count} free GPUs among {len(devices)} in {wait_seconds:.0f} s")
    return [device for device in devices if device in handles], taken


def _until(end: float, attempt: Callable[[], int | None]) -> int | None:
    """Try until there is a lock or the time is over."""
    while (found := attempt()) is None and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    return found


def _busy(device: str, slots: int, folder: Path) -> int:
    """Count the slots of a device that somebody holds at the moment."""
    held = 0
    for slot in range(slots):
        handle = _lock(folder / f"gpu{file_name(device)}-slot{slot}")
        if handle is None:
            held += 1
        else:
            os.close(handle)
    return held


def file_name(device: str) -> str:
    """Return a device's name as a part of a file's name: that of a slice of a GPU (MIG) has slashes."""
    return device.replace("/", "-")


def _lock(path: Path, shared: bool = False) -> int | None:
    """Lock a file at once and return its descriptor, None when another process has it."""
    handle = open_lock(path)
    if lock(handle, path, shared):
        return handle
    os.close(handle)
    return None


def is_out_of_memory(error: RuntimeError) -> bool:
    """Say whether an error of PyTorch means that memory ran out: it has no one type for that."""
    return type(error).__name__ == "OutOfMemoryError" or any(words in str(error) for words in OUT_OF_MEMORY)


@contextmanager
def leased_gpu(count: int = 1) -> Iterator[None]:
    """Give this process one GPU, before any library looks for them; when its memory is too small for all, one alone.

    Nothing is done where there is no GPU, or in a job that the workflow handed to SLURM and that has as many as it
    needs, its own; in an allocation for a whole run (salloc) the processes divide what is there.
    ``XSTILTS_GPU_SLOTS``: so many may share a device.
    Micro-batches differ in size: the blocks of PyTorch's allocator may grow, unless the user has set it.

    Args:
        count: GPUs that the job is divided among; several are whole ones always.
    """
    names = devices()
    if os.environ.get(ON_CPU) == "1":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if names and not any(name in os.environ for name in ALLOCATOR_NAMES):
        os.environ[ALLOCATOR] = "expandable_segments:True"
    if not names or (os.environ.get(OWN) == "1" and len(names) == count):
        yield
        return
    slots = int(os.environ.get("XSTILTS_GPU_SLOTS", "1"))
    if count > 1:
        taken, _ = lease_devices(names, count, slots, lease_folder(), wait_seconds=7 * 86400.0)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)
        yield
        return
    alone = os.environ.pop(ALONE, None) is not None
    device, _ = lease_device(names, slots, lease_folder(), wait_seconds=7 * 86400.0, alone=alone)
    os.environ["CUDA_VISIBLE_DEVICES"] = device
    try:
        yield
    except RuntimeError as error:
        if alone or slots == 1 or not is_out_of_memory(error):
            raise
        print("out of memory on a shared GPU: starting again, alone on one", file=sys.stderr, flush=True)
        os.environ |= {"CUDA_VISIBLE_DEVICES": ",".join(names), ALONE: "1"}
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # frees the memory and the lease at once

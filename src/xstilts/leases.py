"""GPUs for a process: the workflow engine counts GPUs but does not choose them.

A lease is a kernel lock on a file, one file a slot of a device. It lasts as long as the process that holds it, and is
free again the moment that process ends, however it ends. A job that ran out of memory beside others takes all slots of
one device; a job that is divided among several devices takes all slots of each.
"""

import os
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

from xstilts.errors import UserError
from xstilts.locks import take

KERNEL_LIST = Path("/proc/driver/nvidia/gpus")  # a folder a device, without loading any library
NODES = Path("/dev")  # a container sees the kernel's whole list, but the nodes of its own devices only
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
        names = map(str.strip, os.environ["CUDA_VISIBLE_DEVICES"].split(","))
        return [*takewhile(lambda name: name not in ("", "-1"), names)]  # CUDA sees none behind a name that is none
    count = len(_described()) or sum(line.startswith("GPU ") for line in _answer("--list-gpus"))  # else slices (MIG)
    return [str(number) for number in range(count)]


def _described() -> list[dict[str, str]]:
    """Return what the kernel says of each device that this process can open, in the order of their numbers."""
    found = []
    for path in sorted(KERNEL_LIST.glob("*/information")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        said = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "Device Minor" not in said or (NODES / f"nvidia{said['Device Minor']}").exists():
            found.append(said)
    return found


def _answer(*words: str) -> list[str]:
    """Return the lines that nvidia-smi answers, none where it does not."""
    import subprocess  # every job imports this module, and few take a GPU

    try:
        answer = subprocess.run(["nvidia-smi", *words], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return answer.stdout.splitlines() if answer.returncode == 0 else []


def device_name() -> str | None:
    """Return what the first NVIDIA device of this machine is called, None where there is none."""
    found = [said["Model"] for said in _described() if "Model" in said]
    found = found or _answer("--query-gpu=name", "--format=csv,noheader")
    return found[0].strip() if found else None


def lock_names(names: Sequence[str]) -> list[str]:
    """Return what the locks of devices are called: one name a device, whatever a process calls it.

    A UUID counts as the number that nvidia-smi has for it. In a SLURM job each step may see a device of its own as
    number 0: there devices have their numbers on the node, which SLURM says. Where these are the very numbers that the
    process sees, the cluster hides no device; else they belong together in their order.
    """
    if any(name.startswith("GPU-") for name in names):
        known = list(enumerate(_answer("--query-gpu=uuid", "--format=csv,noheader")))
        numbers = [[str(number) for number, uuid in known if uuid.strip().startswith(name)] for name in names]
        names = [found[0] if len(found) == 1 else name for name, found in zip(names, numbers, strict=True)]
    on_node = _of_step()
    if sorted(names) == sorted(on_node):
        return list(names)
    return [on_node[int(name)] if name.isdecimal() and int(name) < len(on_node) else name for name in names]


def _of_step() -> list[str]:
    """Return the numbers on the node of the devices that this SLURM step has; none outside SLURM, or unsaid."""
    said = os.environ.get("SLURM_STEP_GPUS") or os.environ.get("SLURM_JOB_GPUS") or ""
    return said.split(",") if said and "SLURM_JOB_ID" in os.environ else []


def lease_folder() -> Path:
    """Return where this user's lock files lie: on this machine, never on a shared disk.

    What a SLURM job sees as GPU 0 is another device than that of another job, and where SLURM does not say which, than
    that of another ``srun`` of the same: each has a folder of its own.
    """
    import tempfile

    base = Path(os.environ.get(FOLDER) or Path(tempfile.gettempdir()) / f"xstilts-gpus-{os.getuid()}")
    own = ("SLURM_JOB_ID",) if _of_step() else ("SLURM_JOB_ID", "SLURM_STEP_ID")
    place = [os.environ[name] for name in own if name in os.environ]
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
        devices: names of the devices, as their locks have them.
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
            files = _parts(device, slots, folder)
            if (door := take(files[0], shared=True)) is None:
                continue
            handle = take(files[1 + slot])
            os.close(door)
            if handle is not None:
                return device, [handle]
    return None


def _whole_device(devices: Sequence[str], slots: int, folder: Path, until: float) -> tuple[str, list[int]] | None:
    """Close the door of the least shared device and take each slot as it comes free, or all of another one's at once.

    One door is kept and no second one: that device comes free in the end, and no neighbour waits for another one.
    """
    chosen, held = "", list[int]()
    while True:
        others = sorted((one for one in devices if one != chosen), key=lambda one: _busy(one, slots, folder))
        for device in [chosen, *others] if chosen else others:
            taken = _more(_parts(device, slots, folder), held if device == chosen else [])
            if taken and (device == chosen or not chosen or len(taken) > slots):
                _close(held if device != chosen else [])
                chosen, held = device, taken
            else:
                _close(taken)
            if len(held) > slots:
                return chosen, held
        if time.monotonic() >= until:
            _close(held)
            return None
        time.sleep(POLL_SECONDS)


def _parts(device: str, slots: int, folder: Path) -> list[Path]:
    """Return the files whose locks are a whole device, its door first; the name of a slice (MIG) has slashes."""
    name = device.replace("/", "-")
    return [folder / f"gpu{name}-{part}" for part in ("door", *(f"slot{slot}" for slot in range(slots)))]


def _more(files: Sequence[Path], held: Sequence[int]) -> list[int]:
    """Return the locks that are held of the first files, with those of the next ones that are free."""
    held = list(held)
    for path in files[len(held) :]:
        handle = take(path)
        if handle is None:
            break
        held.append(handle)
    return held


def _close(handles: Sequence[int]) -> None:
    for handle in handles:
        os.close(handle)


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
    collecting, handles = list[int](), dict[str, list[int]]()
    while True:
        collecting = _more([folder / "collecting"], collecting)
        # Free ones first: of others the doors are closed, and their jobs end one by one.
        others = [device for device in devices if collecting and device not in handles]
        for device in sorted(others, key=lambda one: _busy(one, slots, folder)):
            if len(handles) < count and (door := _more(_parts(device, 0, folder), [])):
                handles[device] = door
        if len(handles) == count:
            handles = {device: _more(_parts(device, slots, folder), held) for device, held in handles.items()}
        taken = [handle for held in handles.values() for handle in held]
        if len(taken) == count * (slots + 1):
            _close(collecting)
            return [device for device in devices if device in handles], taken
        if time.monotonic() >= until:
            _close([*collecting, *taken])
            raise UserError(f"found no {count} free GPUs among {len(devices)} in {wait_seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def _busy(device: str, slots: int, folder: Path) -> int:
    """Count the slots of a device that somebody holds at the moment."""
    tried = [take(path) for path in _parts(device, slots, folder)[1:]]
    _close([handle for handle in tried if handle is not None])
    return tried.count(None)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Say whether an error of PyTorch means that memory ran out: it has no one type for that."""
    return type(error).__name__ == "OutOfMemoryError" or any(words in str(error) for words in OUT_OF_MEMORY)


@contextmanager
def leased_gpu(count: int = 1) -> Iterator[None]:
    """Give this process one GPU, before any library looks for them; when its memory is too small for all, one alone.

    Nothing is done where there is no GPU, or in a job that the workflow handed to SLURM and that has as many as it
    needs, its own; in an allocation for a whole run (salloc) the processes divide what is there.
    ``XSTILTS_GPU_SLOTS``: so many may share a device. Unless the user has set either, a number is what nvidia-smi and
    SLURM mean by it, as locks have it (CUDA by itself calls the fastest 0), and the blocks of PyTorch's allocator may
    grow: micro-batches differ in size.

    Args:
        count: GPUs that the job is divided among; several are whole ones always.
    """
    names = devices()
    if os.environ.get(ON_CPU) == "1":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if names:
        os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
        if not any(name in os.environ for name in ALLOCATOR_NAMES):
            os.environ[ALLOCATOR] = "expandable_segments:True"
    if not names or (os.environ.get(OWN) == "1" and len(names) == count):
        yield
        return
    slots = int(os.environ.get("XSTILTS_GPU_SLOTS", "1"))
    seen = dict(zip(lock_names(names), names, strict=True))
    if count > 1:
        taken, _ = lease_devices([*seen], count, slots, lease_folder(), wait_seconds=7 * 86400.0)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(seen[device] for device in taken)
        yield
        return
    alone = os.environ.pop(ALONE, None) is not None
    device, _ = lease_device([*seen], slots, lease_folder(), wait_seconds=7 * 86400.0, alone=alone)
    os.environ["CUDA_VISIBLE_DEVICES"] = seen[device]
    try:
        yield
    except RuntimeError as error:
        if alone or slots == 1 or not is_out_of_memory(error):
            raise
        print("out of memory on a shared GPU: starting again, alone on one", file=sys.stderr, flush=True)
        os.environ |= {"CUDA_VISIBLE_DEVICES": ",".join(names), ALONE: "1"}
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # frees the memory and the lease at once

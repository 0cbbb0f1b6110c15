"""A GPU for a process: the workflow engine counts GPUs but does not choose them.

A lease is a kernel lock on a file, one file a slot of a device. It lasts as long as the process that holds it, and is
free again the moment that process ends, however it ends.
"""

import fcntl
import os
import subprocess
import tempfile
import time
from pathlib import Path

from xstilts.errors import UserError

KERNEL_LIST = Path("/proc/driver/nvidia/gpus")  # a folder a device, without loading any library
POLL_SECONDS = 0.5


def count_devices() -> int:
    """Return how many NVIDIA devices this machine has, 0 without a driver."""
    if KERNEL_LIST.is_dir():
        return len(list(KERNEL_LIST.iterdir()))
    try:
        answer = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return len(answer.stdout.splitlines()) if answer.returncode == 0 else 0


def lease_folder() -> Path:
    """Return where this user's lock files lie: on this machine, never on a shared disk."""
    return Path(tempfile.gettempdir()) / f"xstilts-gpus-{os.getuid()}"


def lease_device(devices: int, slots: int, folder: Path, wait_seconds: float) -> tuple[int, int]:
    """Take a free slot of the least shared device; wait for one while all are taken.

    Args:
        devices: number of devices of the machine.
        slots: processes that may share a device.
        folder: where the lock files lie.
        wait_seconds: after so long without a free slot UserError is raised.

    Returns:
        (device, file descriptor of the lock): the lease lasts until the descriptor is closed or the process ends.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    until = time.monotonic() + wait_seconds
    while True:
        for slot in range(slots):
            for device in range(devices):
                handle = os.open(folder / f"gpu{device}-slot{slot}", os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(handle)
                    continue
                return device, handle
        if time.monotonic() >= until:
            raise UserError(f"found no free GPU among {devices} (with {slots} jobs each) in {wait_seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def use_leased_gpu() -> None:
    """Give this process one GPU, before any library looks for them.

    Nothing is done where the scheduler or the user has chosen already (``CUDA_VISIBLE_DEVICES``, a SLURM job), or where
    there is no GPU. ``XSTILTS_GPU_SLOTS`` says how many processes may share a device.
    """
    if "CUDA_VISIBLE_DEVICES" in os.environ or "SLURM_JOB_ID" in os.environ:
        return
    devices = count_devices()
    if devices:
        slots = int(os.environ.get("XSTILTS_GPU_SLOTS", "1"))
        device, _ = lease_device(devices, slots, lease_folder(), wait_seconds=7 * 86400.0)
        os.environ["CUDA_VISIBLE_DEVICES"] = str(device)

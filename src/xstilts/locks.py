"""Kernel locks on files: they end with the process that holds them, however it ends.

NFS gives an exclusive lock only on a file that is open for writing, and a shared one on a file open for reading; some
disks have no locks at all. Lock files belong to everybody whom the umask lets write.
"""

import errno
import fcntl
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from xstilts.errors import UserError

LOCK = ".lock"  # held by whoever writes into the folder
NONE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
REMEDY = "mount it with locks (Lustre: `flock`; NFS: `local_lock=none` and a lock daemon), or use a folder elsewhere"


def open_lock(path: Path) -> int:
    """Open a lock file, made where it is not there; a foreign one that may only be read is opened for reading."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def lock(handle: int, path: Path, shared: bool = False, wait: bool = False) -> bool:
    """Lock an open file; say whether that succeeded.

    Args:
        handle: its descriptor; the lock ends when it is closed.
        path: its name, for errors.
        shared: others may hold a shared lock at the same time.
        wait: until it is free; otherwise False says that somebody else holds it.

    Raises:
        UserError: the disk has no locks, or the file is another user's and the disk lets only writers lock.
    """
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in NONE:
            raise UserError(f"{path}: this disk has no file locks ({error.strerror}); {REMEDY}") from None
        if error.errno == errno.EBADF:
            raise UserError(f"{path}: may not be written, and this disk lets only writers lock; chmod g+w it") from None
        raise
    return True


def take(path: Path, shared: bool = False) -> int | None:
    """Lock a file at once and return its descriptor, None when another process has it."""
    handle = open_lock(path)
    if lock(handle, path, shared):
        return handle
    os.close(handle)
    return None


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's kernel lock, which dies with the process; a second writer says so and waits for the first.

    The lock file says who holds it: node, process, GPU, SLURM job and since when.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    handle = open_lock(path)
    try:
        if not lock(handle, path):
            if writer := holder(folder):
                who = f"process {writer['process']} on {writer['node']}"
                print(f"{folder}: waits for {who}, which is writing here", file=sys.stderr, flush=True)
            lock(handle, path, wait=True)
        with suppress(OSError):  # on a full disk the lock holds without a name
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(whereabouts() | {"began": time.time()}).encode(), 0)
        yield
    finally:
        os.close(handle)


def holder(folder: Path) -> dict[str, Any] | None:
    """Return who holds a folder's lock, None when nobody does; the test lets go of the lock in the same instant."""
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        if lock(handle, folder / LOCK, shared=True):
            return None
        try:
            found: dict[str, Any] = json.loads(os.pread(handle, 4096, 0) or b"{}")
        except json.JSONDecodeError:
            found = {}  # it is being written
        return found
    finally:
        os.close(handle)


def whereabouts() -> dict[str, Any]:
    """Return where this process runs; null without a GPU or a SLURM job.

    ``gpu`` is the device as this process sees it, ``slurm_gpus`` as the node counts them: SLURM may show each job its
    own as number 0.
    """
    return {
        "node": platform.node(),
        "process": os.getpid(),
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES") or None,
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        "slurm_gpus": os.environ.get("SLURM_STEP_GPUS") or os.environ.get("SLURM_JOB_GPUS"),
    }

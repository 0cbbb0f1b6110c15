"""Starts the processes of a training that is divided among several GPUs, through torchrun, and says how they ended.

The job's own process keeps the lock of the artifact, the lease of the GPUs and the receipt; below it torchrun runs this
module once a GPU. A process that ends with an error writes it into a file: of all that follow from one failure, the job
says the first one. A signal that asks the job to stop becomes a file that the first process looks for after each step.
"""

import json
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import get_args_parser, run

from xstilts.artifacts import WORK, Manifest, Product, read_manifest
from xstilts.energy import taken
from xstilts.errors import UserError
from xstilts.files import read_json, sync, write_json
from xstilts.leases import is_out_of_memory
from xstilts.training.loop import Interrupted
from xstilts.training.parts import train_parts
from xstilts.training.runtime import StopSignal
from xstilts.training.sharded import Ranks

SOURCE = Path(__file__).resolve().parents[2]  # this checkout's library, whatever the environment has
PATIENCE = timedelta(hours=2)  # that processes wait for one another: one opens a large encoder, or writes it
DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl
ASKED, USER, OTHER, PEER = "asked", "user", "other", "peer"  # what ended a process; PEER: that another one had ended


def start(
    folder: Path, settings: dict[str, Any], inputs: dict[str, Manifest], keep_head: bool, absent: dict[str, str]
) -> Product:
    """Train on the parts that there are in ``gpus_per_job`` processes; as ``parts.train_parts`` in one.

    Raises:
        Interrupted: the job was asked to stop; every process has written a checkpoint.
        UserError: a process ended with an error that a user or the machine caused, or was killed.
        RuntimeError: any other error of a process, with its traceback.
    """
    count, notes = int(settings["gpus_per_job"]), folder / WORK / "together"
    notes.mkdir(parents=True, exist_ok=True)
    for old in notes.iterdir():
        old.unlink()
    job = {
        "parent": os.getpid(),
        "folder": str(folder),
        "settings": settings,
        "inputs": {role: str(found.path) for role, found in inputs.items()},
        "keep_head": keep_head,
        "absent": absent,
    }
    write_json(notes / "job.json", job)
    words = ["--standalone", f"--nproc-per-node={count}", "--local-addr=127.0.0.1", "--monitor-interval=0.2"]
    words += ["--signals-to-handle=SIGQUIT", "-m", "xstilts.training.torchrun", str(notes / "job.json")]
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)  # what failed is said below
    with _environment(count), _asking(notes / "stop"):
        try:
            run(get_args_parser().parse_args(words))
        except ChildFailedError as error:
            codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
            raise first_failure(notes, codes, count) from None
    below = [read_json(notes / f"taken-{rank}.json") for rank in range(count)]
    return Product(**read_json(notes / "product.json") | {"below": below})


@contextmanager
def _environment(count: int) -> Iterator[None]:
    """Give each process its share of the job's threads, this library, and the loopback between them."""
    before = dict(os.environ)
    threads = str(max(1, int(os.environ.get("OMP_NUM_THREADS") or count) // count))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = threads
    os.environ["PYTHONPATH"] = os.pathsep.join([str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _asking(stop: Path) -> Iterator[None]:
    """Write the file that asks the processes to stop when this one is asked to."""
    numbers = (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: stop.touch()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def first_failure(notes: Path, codes: Mapping[int, int], count: int) -> Exception:
    """Return as an exception why processes ended: an error counts more than that one was killed, what follows least."""
    there = {rank: notes / f"error-{rank}.json" for rank in codes}
    said = {rank: read_json(path) for rank, path in there.items() if path.is_file() and path.stat().st_size}
    exceptions = {  # by kind, the one that counts most first
        USER: lambda who, found: UserError(f"{who}: {found['message']}"),
        OTHER: lambda who, found: RuntimeError(f"{who}:\n{found['traceback']}"),
        ASKED: lambda _, found: Interrupted(found["message"]),
    }
    for kind, exception in exceptions.items():
        for rank, found in sorted(said.items()):
            if found["kind"] == kind:
                return exception(f"process {rank} of {count}", found)
    killed = {rank: -code for rank, code in codes.items() if code < 0 and rank not in said}
    if killed:
        # torchrun asks the others with SIGTERM to end once one has.
        rank, number = min(killed.items(), key=lambda one: (one[1] == signal.SIGTERM, one))
        return UserError(f"process {rank} of {count}: was killed by signal {number} ({signal.strsignal(number)})")
    if said:  # no other process was the cause: what ties them together was (NCCL, its shared memory, a timeout)
        rank, found = min(said.items())
        return UserError(f"process {rank} of {count}: {found['message']}")
    return UserError(f"processes ended: {', '.join(f'{rank} with {code}' for rank, code in sorted(codes.items()))}")


def main(path: Path) -> NoReturn:
    """Be one of the processes, and end it: with 1 after an error.

    Without Python's own end. After an error it lets go of NCCL's communicators and of a GPU on which a kernel may wait
    for another process, which waits for this one: torchrun would not know of the error, and all would hang. Where all
    went well, a thread of gloo's that lets go of a tensor as the interpreter is taken down has no lock to take any
    more, and ends the process with SIGABRT (pytorch's pull request 179291 describes it).
    """
    _die_with(read_json(path)["parent"])
    rank, notes = int(os.environ["RANK"]), path.parent
    if rank:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # all would say the same
    try:
        _train(path, rank)
    except BaseException as error:
        message = str(error) or type(error).__name__
        found = {"kind": _kind(error), "message": message, "traceback": traceback.format_exc()}
        place = notes / f"error-{rank}.json"
        with suppress(OSError):  # the disk may be full
            place.write_text(json.dumps(found), encoding="utf-8")
            sync(place)
        _end(1)
    _end(0)


def _end(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _train(path: Path, rank: int) -> None:
    job, notes = read_json(path), path.parent
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    # What a head returns may be a view; nothing here changes one in place.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view", UserWarning)
    StopSignal()  # from now on a signal does not end this process: the job's own process writes the file
    ranks = Ranks(notes / "stop")
    inputs = {role: read_manifest(Path(one)) for role, one in job["inputs"].items()}
    product = train_parts(Path(job["folder"]), job["settings"], inputs, job["keep_head"], job["absent"], ranks)
    write_json(notes / f"taken-{rank}.json", taken())
    if rank == 0:
        write_json(notes / "product.json", asdict(product))
    dist.destroy_process_group()


def _kind(error: BaseException) -> str:
    if isinstance(error, Interrupted):
        return ASKED
    if isinstance(error, UserError | OSError | MemoryError) or (
        isinstance(error, RuntimeError) and is_out_of_memory(error)
    ):
        return USER
    if isinstance(error, dist.DistError) or any(word in str(error) for word in ("gloo", "Connection", "NCCL")):
        return PEER
    return OTHER


def _die_with(parent: int) -> None:
    """End this process when the job's does, however that ends: nobody else would write into its folder then."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(DIES_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Checks in a process of their own.

One that hangs is ended, and one that takes the process with it, or leaves its GPU in no state to go on (after an
illegal access every later call fails), stops no other: the next ones have a new process.
"""

import gc
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from benchmarks.gpu.setting import Check, Found, Where
from benchmarks.machine import machine
from xstilts.leases import ALLOCATOR, ALLOCATOR_NAMES

SECONDS = 480.0  # of all checks
EACH = 150.0  # of one, with the start of a process
ENDING = 30.0  # a process that is killed while a GPU works for it


def in_turn(
    where: Where, checks: Sequence[Check], seconds: float = SECONDS, each: float = EACH
) -> Iterator[tuple[str, Found]]:
    """Yield the machine, and by name what each check found; ``failed`` says why one has found nothing."""
    prepare()
    until, left = time.monotonic() + seconds, [*checks]
    while left:
        if time.monotonic() >= until:
            yield from ((one.__name__, {"failed": f"did not begin before {seconds:.0f} s were over"}) for one in left)
            return
        here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(target=_work, args=(where, left, there))
        process.start()
        there.close()
        try:
            while left:
                wait = max(0.0, min(each, until - time.monotonic()))
                try:
                    name, entry = here.recv() if here.poll(wait) else (left[0].__name__, _late(wait, each, seconds))
                except EOFError:
                    process.join()
                    name, entry = left[0].__name__, {"failed": f"its process ended with {process.exitcode}"}
                yield name, entry
                if name == left[0].__name__:
                    left.pop(0)
                if "failed" in entry:
                    break
        finally:
            process.kill()
            process.join(ENDING)
            here.close()


def prepare() -> None:
    """Set what a job sets before PyTorch looks for a GPU, and what kernels that give equal bytes ask for."""
    if not any(name in os.environ for name in ALLOCATOR_NAMES):
        os.environ[ALLOCATOR] = "expandable_segments:True"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read once, when the first matrix product runs


def _late(wait: float, each: float, seconds: float) -> Found:
    return {"failed": f"was not done {f'in {each:.0f} s' if wait == each else f'when {seconds:.0f} s were over'}"}


def _work(where: Where, checks: Sequence[Check], answers: Any) -> None:
    """Run checks, and send what each has found."""
    answers.send(("machine", machine()))
    for check in checks:
        began = time.perf_counter()
        try:
            entry = check(where)
        except Exception as error:  # the others go on: a machine is lent for minutes
            entry = {"failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
        entry["took_seconds"] = round(time.perf_counter() - began, 1)
        answers.send((check.__name__, entry))
        gc.collect()
        if where.device.type == "cuda":
            torch.cuda.empty_cache()

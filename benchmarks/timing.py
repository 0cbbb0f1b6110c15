"""Contests: two or more sides do the same work in turn, each in a process of its own, and every repeat is measured."""

import contextlib
import ctypes
import importlib
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from xstilts.script import use_threads

REPEATS = 5
RESET_PEAK = "5"  # written to clear_refs: the kernel forgets the peak of the resident size (man 5 proc)

Counts = dict[str, float]
Prepare = Callable[[], Callable[[], Counts]]  # untimed preparation of one repeat -> the timed work, which counts it


@dataclass(frozen=True)
class Contest:
    """One row of a figure: the same work given to several sides.

    ``sides`` maps a name to ``module:function``; the function takes ``settings`` and returns a ``Prepare``. What the
    work counts under ``unit`` makes the rate.
    """

    case: str
    unit: str
    sides: dict[str, str]
    settings: dict[str, Any] = field(default_factory=dict)


def threads() -> int:
    """Return how many threads a side may use: OMP_NUM_THREADS, else all cores."""
    return int(os.environ.get("OMP_NUM_THREADS", "0")) or len(os.sched_getaffinity(0))


def _resident(key: str) -> float:
    """Return VmRSS or VmHWM of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise OSError(f"no {key} in /proc/self/status")


def _forget_peak() -> None:
    with contextlib.suppress(OSError):  # some containers forbid it: then the peak is that of the whole process
        Path("/proc/self/clear_refs").write_text(RESET_PEAK)


def _give_back_memory() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _cuda() -> Any:
    """Return torch.cuda when this process has imported torch and there is a GPU."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() else None


def _timed(prepare: Prepare) -> dict[str, Any]:
    """Do the work once and measure it: seconds, CPU seconds with those of child processes, peak memory in MB."""
    work = prepare()
    before = _resident("VmRSS")
    _forget_peak()
    cuda = _cuda()
    if cuda is not None:
        cuda.synchronize()
        cuda.reset_peak_memory_stats()
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, began = time.process_time(), time.perf_counter()
    counts = dict(work())
    if cuda is not None:
        cuda.synchronize()
    seconds = time.perf_counter() - began
    cpu = time.process_time() - cpu
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu += after.ru_utime + after.ru_stime - child.ru_utime - child.ru_stime
    peak = counts.pop("peak_mb", _resident("VmHWM"))
    found = {"seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak, "peak_above_start_mb": max(0.0, peak - before)}
    if cuda is not None:
        found["gpu_peak_mb"] = cuda.max_memory_allocated() / 2**20
    return {**found, "counts": counts}


def _serve(pipe: Connection) -> None:
    """Answer what a contest asks of a side, until it is told nothing more."""
    prepared: Prepare | None = None
    while (message := pipe.recv()) is not None:
        try:
            if message == "go":
                assert prepared is not None
                pipe.send(_timed(prepared))
            else:
                where, settings = message
                prepared = None
                _give_back_memory()
                module, _, function = where.partition(":")
                prepared = getattr(importlib.import_module(module), function)(settings)
                pipe.send({"ready": True})
        except Exception as error:  # a peer that cannot be had is said so in the figure, whatever the reason
            pipe.send({"absent": f"{type(error).__name__}: {error}".splitlines()[0]})


@dataclass
class Bench:
    """A process for each side; it outlives a contest, so that a library is imported once."""

    repeats: int = REPEATS
    pipes: dict[str, Connection] = field(default_factory=dict)

    def ask(self, side: str, message: Any) -> dict[str, Any]:
        """Send a message to a side's process, which is started at its first one, and return the answer."""
        if side not in self.pipes:
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            context.Process(target=_serve, args=(theirs,), daemon=True).start()
            theirs.close()
            self.pipes[side] = ours
        self.pipes[side].send(message)
        try:
            answer: dict[str, Any] = self.pipes[side].recv()
        except EOFError:
            del self.pipes[side]
            return {"absent": "its process ended (out of memory?)"}
        return answer

    def close(self) -> None:
        """End all processes."""
        for pipe in self.pipes.values():
            with contextlib.suppress(OSError):
                pipe.send(None)
        self.pipes.clear()


@contextlib.contextmanager
def bench(repeats: int) -> Iterator[Bench]:
    """Yield the processes of a figure's sides; they end with it."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    use_threads(threads())  # as a job of the workflow does, for all sides
    found = Bench(repeats)
    try:
        yield found
    finally:
        found.close()


def contest(on: Bench, what: Contest) -> dict[str, Any]:
    """Let the sides of a contest do its work in turn, once to warm up and then ``repeats`` times; return the row.

    Without repeats the warm-up stands for a measurement.

    The order turns at each repeat (ABBA), so that a drift of the machine meets all sides alike. ``rate`` is the unit's
    count a second: median, lowest and highest of the repeats; ``ratio`` that of the first side to each other one, of
    the seconds in the same repeat; ``cpu_ratio`` the same of the median CPU seconds, which other programs disturb
    less. A side that fails is named under ``absent`` with the reason.
    """
    absent: dict[str, str] = {}
    runs: dict[str, list[dict[str, Any]]] = {}
    for side, where in what.sides.items():
        answer = on.ask(side, (where, what.settings))
        if "absent" not in answer:
            answer = on.ask(side, "go")  # warm-up
        if "absent" in answer:
            absent[side] = answer["absent"]
        else:
            runs[side] = [answer]
    for repeat in range(on.repeats):
        for side in list(runs) if repeat % 2 else list(reversed(runs)):
            answer = on.ask(side, "go")
            if "absent" in answer:
                absent[side] = answer["absent"]
                del runs[side]
            else:
                runs[side].append(answer)
    sides = {side: _summary(found, what.unit) for side, found in runs.items()}
    row: dict[str, Any] = {"case": what.case, "unit": what.unit, "sides": sides, "absent": absent}
    row |= {"ratio": {}, "cpu_ratio": {}}
    own = next(iter(what.sides))
    if own in sides:
        peers = [side for side in sides if side != own]
        row["ratio"] = {side: _ratio(sides[side], sides[own]) for side in peers}
        spent = {side: found["cpu_seconds"]["median"] for side, found in sides.items()}
        row["cpu_ratio"] = {side: spent[side] / spent[own] for side in peers if spent[own]}
    say(row)
    return row


def spread(values: list[float]) -> dict[str, float]:
    """Return median, lowest and highest."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def _summary(runs: list[dict[str, Any]], unit: str) -> dict[str, Any]:
    measured = runs[1:] or runs
    counts = measured[-1]["counts"]
    return {
        "seconds": [run["seconds"] for run in measured],
        "seconds_spread": spread([run["seconds"] for run in measured]),
        "cpu_seconds": spread([run["cpu_seconds"] for run in measured]),
        "rate": spread([run["counts"][unit] / run["seconds"] for run in measured]),
        "counts": counts,
        **{
            key: max(run[key] for run in runs)  # the first repeat takes what later ones only use again
            for key in ("peak_mb", "peak_above_start_mb", "gpu_peak_mb")
            if key in runs[0]
        },
    }


def _ratio(peer: dict[str, Any], own: dict[str, Any]) -> dict[str, float]:
    """Return how many times faster the own side is, for equal work: paired by repeat."""
    return spread([theirs / ours for theirs, ours in zip(peer["seconds"], own["seconds"], strict=True)])


def say(row: dict[str, Any]) -> None:
    """Print a row's medians for the person who waits."""
    rates = "  ".join(f"{side} {found['rate']['median']:,.0f}" for side, found in row["sides"].items())
    ratios = "  ".join(f"{found['median']:.2f}x {side}" for side, found in row["ratio"].items())
    lost = "".join(f"  ({side}: {why})" for side, why in row["absent"].items())
    print(f"{row['case']:<28} {row['unit']}/s: {rates}   {ratios}{lost}", file=sys.stderr, flush=True)

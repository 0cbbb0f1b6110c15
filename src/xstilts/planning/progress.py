"""One line of progress of a run: jobs done, time left, tokens a second, what runs."""

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from xstilts.costs.work import Workload
from xstilts.planning.remaining import Expected, Key, expect, keep_planned
from xstilts.planning.report import duration
from xstilts.planning.speeds import COMPUTING
from xstilts.planning.watch import STEP, tail

SOON = 5.0  # seconds in which the log of a job that begins at once says something
NOT_WHOLE = ("going on from the checkpoint", ": waits for process ")  # what another job had begun, or made
PART = re.compile(r"^(\d+) of (\d+) languages needed forward passes$", re.MULTILINE)
# From where on the plugin for SLURM says nothing: it points to logs whose ends stand below.
EMPTY = re.compile(
    r"[.\s]*(Detailed failure reason unavailable|Reasons?: Step \d+: Unable|For further error details).*", re.S
)
HEAD = 40  # lines at the start of a log, among which these stand
END = 12  # lines of a failed job's log that are shown
# How SLURM's own words begin in a job's log; what Snakemake says there after them is many lines.
OF_SLURM = ("slurmstepd", "srun: error")


@dataclass
class Running:
    """A job that Snakemake handed out; on a cluster it waits until its log says something."""

    key: Key
    log: Path | None
    since: float
    begun: float | None = None

    @property
    def name(self) -> str:
        """The job in one word."""
        return " ".join([self.key[0], "/".join(self.key[1])]).strip()

    def step(self) -> tuple[int, float, float] | None:
        """Return (percent, tokens a second, seconds left) of a training, by its log."""
        if self.log is None or self.begun is None or not (found := STEP.findall(tail(self.log))):
            return None
        step, of, speed, left, _ = found[-1]
        minutes, seconds = left.split(":")
        return 100 * int(step) // int(of), float(speed.replace(",", "")), 60 * int(minutes) + int(seconds)


@dataclass
class Progress:
    """What is known of a run: the events of Snakemake go in, a line comes out."""

    started: float = field(default_factory=time.time)
    done: int = 0
    total: int = 0
    running: dict[int, Running] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    took: dict[Key, float | None] = field(default_factory=dict)
    expected: Expected | None = None
    named: int = 0  # targets that only name others, such as `all`: Snakemake counts them as jobs

    def plan(self, keys: Sequence[Key], workload: Workload, arguments: Sequence[str], named: int = 0) -> None:
        """Estimate what the planned jobs take, on the machine that a command line of Snakemake means."""
        self.named = named
        self.expected = expect(workload, keys, arguments)
        keep_planned(workload.jobs.results / workload.jobs.run.run, self.expected.jobs)

    def begin(self, number: int, key: Key, log: str | None, since: float | None = None) -> None:
        """Take a job that was handed out, now or at a time that is known; it is no longer a failed one."""
        self.failed.pop(number, None)
        self.running[number] = Running(key, Path(log) if log else None, time.time() if since is None else since)

    def finish(self, number: int) -> None:
        """Take a job that ended well."""
        job = self.running.pop(number, None)
        self.failed.pop(number, None)
        if job is not None:
            self.took[job.key] = None if _went_on(job) else time.time() - (job.begun or job.since)

    def fail(self, number: int, name: str) -> bool:
        """Take a job that failed; say whether that is news."""
        job = self.running.pop(number, None)
        news = number not in self.failed
        self.failed[number] = job.name if job else name
        return news

    def line(self) -> str:
        """Return what is so now, the most important first: a narrow terminal cuts off the end."""
        jobs = list(self.running.values())
        for job in jobs:
            if job.begun is None and _speaks(job):
                job.begun = time.time()
        at_work = [job for job in jobs if job.begun is not None or job.log is None or time.time() - job.since < SOON]
        steps = {job.key: job.step() for job in at_work}
        parts = [self._counts()]
        parts += [f"{len(self.failed):,} failed"] if self.failed else []
        if self.expected is not None:
            since = {job.key: (time.time() - (job.begun or job.since), _third(steps[job.key])) for job in at_work}
            parts.append(f"{duration(self.expected.left(self.took, since))} left")
        speed = sum(found[1] for found in steps.values() if found)
        parts += [f"{speed:,.0f} tokens/s"] if speed else []
        names = [job.name + (f" ({found[0]} %)" if (found := steps[job.key]) else "") for job in at_work]
        names += [f"{len(jobs) - len(at_work):,} waiting"] if len(jobs) > len(at_work) else []
        return ", ".join(parts) + (": " if names else "") + ", ".join(names)

    def _counts(self) -> str:
        """Return how many jobs are done of all that make something: others end last, and at once."""
        total = self.total - self.named
        return f"{min(self.done, total):,} of {total:,} jobs"

    def last(self) -> str:
        """Return how the run ended."""
        failed = f", {len(self.failed):,} failed" if self.failed else ""
        minutes, seconds = divmod(round(time.time() - self.started), 60)
        return f"{self._counts()}{failed}, in {minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _third(step: tuple[int, float, float] | None) -> float | None:
    return step[2] if step else None


def _speaks(job: Running) -> bool:
    try:
        return job.log is not None and job.log.stat().st_mtime >= job.since - 1
    except OSError:
        return False


def _went_on(job: Running) -> bool:
    """Say whether a job only ended what an earlier one had begun: its seconds say nothing of a whole one.

    One that found its work done says no more than who it is, and a prediction in how many languages it had work.
    """
    try:
        with open(job.log or os.devnull, encoding="utf-8", errors="replace") as log:
            head = list(islice(log, HEAD))
    except OSError:
        return False
    if any(words in line for line in head for words in NOT_WHOLE):
        return True
    if job.log is None or job.key[0] not in COMPUTING:
        return False
    parts = PART.findall(tail(job.log))
    return len(head) < 2 or any(int(needed) < int(of) for needed, of in parts[-1:])


def failure(name: str, said: str | None, logs: Sequence[str]) -> str:
    """Return what to print of a failed job: its name, what the cluster said, the end of its log or SLURM's words."""
    why = EMPTY.sub("", said or "")
    lines = [f"error: {name} failed" + (f": {why}" if why else "")]
    for log in map(os.path.relpath, logs):
        found = [line for line in tail(Path(log)).splitlines() if line.strip()]
        words = list(dict.fromkeys(line for line in found if line.startswith(OF_SLURM)))
        what = f"what SLURM says in {log}:" if words else f"the end of {log}:" if found else f"nothing in {log}"
        lines += [f"  {what}", *(f"    {line}" for line in (words or found)[-END:])]
    return "\n".join(lines)

"""What a run does now, from what lies in its folders: locks, logs, checkpoints, manifests.

It starts and changes nothing, and works while Snakemake runs and after it died, here and on machines that share the
disk.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from xstilts.artifacts import BEGUN, WORK
from xstilts.config.run import Run, load
from xstilts.errors import ConfigError, DataError, UserError
from xstilts.files import dump_json, read_json, read_object
from xstilts.graph.jobs import REPORTING, Jobs
from xstilts.graph.specs import codes_of, specs_of
from xstilts.graph.started import read_started
from xstilts.leases import lease_folder
from xstilts.locks import LOCK, holder, lock
from xstilts.planning.dryrun import output_of
from xstilts.planning.plan import REPORT, STAGES, stage_of
from xstilts.planning.report import duration
from xstilts.training.checkpoint import steps

STATES = ("done", "running", "failed", "stopped", "waiting")
ALWAYS = ("collect_scores", "table_main", "verify")  # tables of every run, whatever its configuration
STEP = re.compile(r"step (\d+)/(\d+) .*?([\d,]+) tokens/s  (\d+:\d\d) left(.*)")
LANGUAGE = re.compile(r"^\S+: \d+ examples$", re.MULTILINE)
OLD = "made with other settings or code"
MANIFEST = "manifest.json"
TAIL = 4000  # bytes of a log that are read

Wanted = Callable[[], dict[Path, str]]  # what specs should hold, where those on the disk are another plan's


@dataclass(frozen=True)
class Seen:
    """A job as its folder shows it."""

    rule: str
    wildcards: tuple[str, ...]
    state: str
    where: dict[str, Any]  # of a running job: who holds its lock
    words: str  # how far it is, or what it said last
    quiet: float  # seconds since the last sign of life of a running job

    @property
    def name(self) -> str:
        """The job in one word."""
        return f"{self.rule} {'/'.join(self.wildcards)}".strip()


def look(results: Path, name: str) -> list[Seen]:
    """Return every job of a run as it stands: of the command that was started last, else of what was planned.

    A folder that was renamed or copied is looked at itself, and not the run whose name stands in it.

    Raises:
        UserError: there is no such run.
    """
    path = results / name / "configuration.json"
    if not path.is_file():
        known = sorted(found.parent.name for found in results.glob("*/configuration.json"))
        raise UserError(f"{path}: no such run; known: {' '.join(known) or 'none'}")
    if started := read_started(path.parent):
        with suppress(ConfigError):  # of another version
            run = load(started[0])
            jobs, before = Jobs(_named(run, name), Path(), results=results), f"{results / run.run}/"
            wanted = cache(lambda: _wanted(jobs))
            found = [
                (rule, words, [_below(jobs.here, before, one) for one in made]) for rule, words, made in started[1]
            ]
            return [_seen(jobs, rule, words, made, wanted) for rule, words, made in found]
    try:
        run = load(read_object(path))
    except ConfigError as error:
        raise UserError(
            f"{path}: {error} (of another version); `xstilts plan` with the run's command line writes it anew"
        ) from None
    jobs = Jobs(_named(run, name), Path(), results=results)
    seen = [_seen(jobs, rule, tuple(map(str, wildcards))) for rule, *wildcards in jobs.every()]
    return [job for job in seen if job.rule not in REPORTING or job.state != "waiting" or job.rule in ALWAYS]


def _named(run: Run, name: str) -> Run:
    """Return a run under the name of its folder."""
    return run if run.run == name else run.model_copy(update={"run": name})


def _below(here: Path, before: str, path: str) -> Path:
    """Return a file of a run where it lies now; ``before`` is the folder that the run was started in, with a slash."""
    return here / path.removeprefix(before) if path.startswith(before) else Path(path)


def _wanted(jobs: Jobs) -> dict[Path, str]:
    """Return the specs of the command that was started by their places, where a plan of another part wrote its own."""
    try:
        return {path: dump_json(spec) for path, spec, _ in specs_of(jobs, codes_of(jobs))}
    except (UserError, OSError):  # what they rest on is gone: a task file, a folder
        return {}


def _seen(
    jobs: Jobs,
    rule: str,
    wildcards: tuple[str, ...],
    outputs: Sequence[Path] = (),
    wanted: Wanted = dict,
) -> Seen:
    log = jobs.log(rule, *wildcards)
    said = _last(log)
    if rule in REPORTING or rule == "baseline":
        # Which of them a run needs, and what they make, the rules know: of a plan alone only the log says that one ran.
        there = all(path.is_file() for path in outputs) if outputs else log.is_file()
        state = "failed" if _has_failed(log) else "done" if there else "waiting"
        return Seen(rule, wildcards, state, {}, said if state == "failed" else "", 0)
    output, *others = outputs or (output_of(jobs, rule, *wildcards),)
    there = all(path.is_file() for path in (output, *others))
    if output.name != MANIFEST:
        failed = not there and _has_failed(log)
        return Seen(rule, wildcards, "done" if there else "failed" if failed else "waiting", {}, said * failed, 0)
    folder = output.parent
    if there and _up_to_date(output, jobs.spec(rule, *wildcards), wanted):
        return Seen(rule, wildcards, "done", {}, "", 0)
    held = holder(folder)
    if held is not None:
        return Seen(rule, wildcards, "running", held, progress(log), max(0.0, time.time() - _last_sign(log, folder)))
    if (folder / BEGUN).is_file():
        if _has_failed(log) and not said.startswith("error: asked to stop"):
            return Seen(rule, wildcards, "failed", {}, said, 0)
        begun = steps(folder / WORK)
        words = f"a checkpoint holds step {begun[-1]}" if begun else "without a checkpoint"
        return Seen(rule, wildcards, "stopped", {}, words, 0)
    if not there and _has_failed(log):
        return Seen(rule, wildcards, "failed", {}, said, 0)
    return Seen(rule, wildcards, "waiting", {}, OLD if there else "", 0)


def _last_sign(log: Path, folder: Path) -> float:
    """Return when a job last wrote something; what goes away meanwhile, as old checkpoints do, is none."""
    found = []
    with suppress(OSError):
        for path in (log, folder / LOCK, *folder.glob(".receipt*.json"), *(folder / WORK).glob("step-*")):
            with suppress(OSError):
                found.append(path.stat().st_mtime)
    return max(found, default=time.time())


def _up_to_date(manifest: Path, spec: Path, wanted: Wanted) -> bool:
    """Say whether what lies there was made with the settings and the code of today."""
    try:
        made = read_object(manifest, "spec")["spec"]
        return bool(made == read_json(spec)) or dump_json(made) == wanted().get(spec)
    except DataError:
        return False


def progress(log: Path) -> str:
    """Return how far a job is by its log: step, speed, what remains and what is amiss; languages; or its last line."""
    text = tail(log)
    found = STEP.findall(text)
    if found:
        step, of, speed, left, more = found[-1]
        share = 100 * int(step) // int(of)
        return f"step {int(step):,} of {int(of):,} ({share} %), {speed} tokens/s, {left} left{more}"
    languages = len(LANGUAGE.findall(text))
    return f"{languages} languages done" if languages else _last(log)


def tail(log: Path) -> str:
    """Return the end of a log; nothing of one that is not there."""
    try:
        with open(log, "rb") as handle:
            handle.seek(max(0, log.stat().st_size - TAIL))
            return handle.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def _has_failed(log: Path) -> bool:
    """Say whether a job ended with an error of its own: one line, or what Python says of a mistake in the code."""
    return _last(log).startswith("error:") or "Traceback (most recent call last)" in tail(log)


def _last(log: Path) -> str:
    lines = [line for line in tail(log).splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def picture(seen: Sequence[Seen], name: str, stale_minutes: float) -> str:
    """Return one picture of a run: counts by stage, what runs where, what failed, and whether anything moves."""
    lines = [f"run {name}, {time.strftime('%H:%M:%S')}", "", f"{'stage':<16}" + "".join(f"{one:>9}" for one in STATES)]
    for stage in (*STAGES, REPORT):
        mine = [job for job in seen if stage_of(job.rule) == stage]
        counts = [sum(job.state == state for job in mine) for state in STATES]
        lines += [f"{stage:<16}" + "".join(f"{count:>9,}" for count in counts)] if mine else []
    for job in (job for job in seen if job.state == "running"):
        lines += [
            "",
            f"running  {job.name}",
            f"         {_where(job)}",
            *([f"         {job.words}"] if job.words else []),
        ]
    for state in ("failed", "stopped"):
        jobs = [job for job in seen if job.state == state]
        lines += [""] if jobs else []
        lines += [f"{state:<8} {job.name}: {job.words[:200]}" for job in jobs[:20]]
        lines += [f"         and {len(jobs) - 20} more"] if len(jobs) > 20 else []
    return "\n".join([*lines, "", *_moves(seen, stale_minutes)]) + "\n"


def _where(job: Seen) -> str:
    held = job.where
    parts = [f"on {held['node']}, process {held['process']}"] if held else ["starting"]
    parts += [f"GPU {held['gpu']}"] if held.get("gpu") else []
    parts += [f"SLURM job {held['slurm_job']}"] if held.get("slurm_job") else []
    parts += [f"for {duration(time.time() - held['began'])}"] if held.get("began") else []
    return ", ".join(parts)


def _moves(seen: Sequence[Seen], stale_minutes: float) -> list[str]:
    """Say what is amiss, or that all is well."""
    engines = snakemakes(Path.cwd())
    engine = f"snakemake runs here (process {', '.join(map(str, engines))})" if engines else "no snakemake runs here"
    leased = held_gpus()
    lines = [engine + (f"; GPUs in use here: {' '.join(leased)}" if leased else "")]
    running = [job for job in seen if job.state == "running"]
    old = sum(job.words == OLD for job in seen)
    missing = sum(job.state != "done" for job in seen) - len(running) - old
    for job in running:
        if job.quiet > 60 * stale_minutes:
            who = f"process {job.where.get('process')} on {job.where.get('node')}"
            lines.append(
                f"nothing moves: {job.name} said nothing for {duration(job.quiet)}, though {who} holds its folder"
            )
    if not running and missing and not engines:
        lines.append(
            f"nothing moves: {missing:,} {'job is' if missing == 1 else 'jobs are'} missing and none holds a lock; "
            "the same command goes on with what is missing"
        )
    if old:
        lines.append(f"{old:,} of those that wait were {OLD}: `xstilts plan` says which will run again")
    if not missing and not old and not running:
        lines.append("everything is done")
    return lines


def snakemakes(folder: Path) -> list[int]:
    """Return the processes of this machine that run Snakemake in a folder; none where processes cannot be seen."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if (entry / "cwd").readlink() == folder and any(_is_snakemake(words, i) for i in range(len(words))):
                found.append(int(entry.name))
        except OSError:
            continue
    return sorted(found)


def _is_snakemake(words: Sequence[bytes], place: int) -> bool:
    """Say whether a word of a command line is Snakemake itself: its program, or ``-m snakemake``."""
    program = place < 2 and words[place].rsplit(b"/", 1)[-1] == b"snakemake"
    return program or (words[place] == b"snakemake" and words[place - 1] == b"-m")


def held_gpus(folder: Path | None = None) -> list[str]:
    """Return the slots of this machine's GPUs that jobs hold."""
    found: list[str] = []
    for path in sorted((folder or lease_folder()).glob("gpu*-slot*")):
        handle = os.open(path, os.O_RDONLY)
        if not lock(handle, path, shared=True):
            found.append(path.name)
        os.close(handle)
    return found


def all_done(seen: Iterable[Seen]) -> bool:
    """Say whether there is nothing left to watch."""
    return all(job.state == "done" for job in seen)

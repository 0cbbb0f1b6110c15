"""A real SLURM with two pretend GPUs, and runs of the workflow on it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from xstilts.locks import holder

START = Path(__file__).with_name("start-slurm")
SCORES = "results/tiny/tables/scores.csv"
COMMAND = (sys.executable, "-m", "snakemake", SCORES, "--nocolor", "--logger", "xstilts", "--configfile")
COMMAND += ("config/runs/demo.yaml", "tests/tiny.yaml", "tests/slurm/cluster.yaml")
# The profile as it is; only what makes a test wait is shorter.
ON_SLURM = ("--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "3")
ON_SLURM += ("--latency-wait", "10")


def wait_for(what: str, found: Callable[[], object], seconds: float = 400, pause: float = 0.1) -> None:
    """Wait until something is the case; fail with its name."""
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until, f"waited {seconds:.0f} s: {what}"
        time.sleep(pause)


def free_ports() -> int:
    """Return the first of four ports in a row that nobody listens on."""
    while True:
        first = Random().randrange(20000, 30000)
        try:
            for port in range(first, first + 4):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


class Cluster:
    """A SLURM of its own folder and ports."""

    def __init__(self, folder: Path, accounting: bool) -> None:
        self.folder = folder
        ours = {"CLUSTER": str(folder), "ACCOUNTING": str(int(accounting)), "SLURM_PORT": str(free_ports())}
        self.environment = os.environ | ours | {"SLURM_CONF": str(folder / "slurm.conf"), "OMP_NUM_THREADS": "1"}
        self.environment["XSTILTS_CPU"] = "1"  # its GPUs are names

    def start(self) -> None:
        """Start what does not run."""
        done = subprocess.run([START, "start"], env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def stop(self) -> None:
        """Stop everything, jobs included."""
        subprocess.run([START, "stop"], env=self.environment, check=True, capture_output=True)

    def end(self, daemon: str) -> None:
        """End one daemon as a restart does: it saves its state, without which a job just started counts as waiting."""
        pid = int((self.folder / f"{daemon}.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        wait_for(f"the end of {daemon}", lambda: not running(pid))

    def ask(self, *command: str) -> str:
        """Return what a command of SLURM answers."""
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout

    def job(self, number: str) -> dict[str, str]:
        """Return what the controller knows of a job."""
        words = self.ask("scontrol", "show", "job", "--oneliner", number).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def queue(self) -> list[list[str]]:
        """Return (rule with wildcards, state, reason) of each job that waits or runs."""
        return [line.split() for line in self.ask("squeue", "-h", "-o", "%k %T %r").splitlines()]


def running(pid: int) -> bool:
    """Say whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


def processes(script: str, folder: Path) -> list[int]:
    """Return the Python processes that run a script of the workflow in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            if words[1:2] == [script.encode()] and (path / "cwd").resolve() == folder.resolve():
                found.append(int(path.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@dataclass(frozen=True)
class Held:
    """A training that was stopped in the middle, after a checkpoint: its process and its SLURM job."""

    pid: int
    job: str

    def go_on(self) -> None:
        """Let it run again."""
        os.kill(self.pid, signal.SIGCONT)


class Run:
    """A call of snakemake in a checkout, on the cluster."""

    def __init__(self, folder: Path, cluster: Cluster, *arguments: str) -> None:
        self.folder = folder
        self.held: set[str] = set()  # SLURM jobs
        self.output = folder / f"snakemake-{len(list(folder.glob('snakemake-*')))}.log"
        environment = cluster.environment | {"PYTHONPATH": str(folder / "src"), "PROBE": str(folder / "probes")}
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(
                [*COMMAND, *ON_SLURM, *arguments], cwd=folder, env=environment, stdout=output, stderr=output
            )

    @property
    def said(self) -> str:
        """All that snakemake printed so far."""
        return self.output.read_text()

    def says(self, text: str, seconds: float = 400) -> None:
        """Wait for a text in the output."""
        wait_for(f"{text!r} in {self.output}", lambda: text in self.said or self.process.poll() is not None, seconds)
        assert text in self.said, f"snakemake ended without {text!r}:\n{self.said[-6000:]}"

    def writes(self, text: str) -> None:
        """Wait for a text in Snakemake's own log, which has what the progress line leaves out."""
        logs = self.folder / ".snakemake/log"
        wait_for(f"{text!r} in {logs}", lambda: any(text in path.read_text() for path in logs.glob("*.log")))

    def hold(self, *names: str) -> tuple[str, Held]:
        """Stop the first of these trainings that has written a checkpoint, in the middle; each SLURM job once."""
        caught: list[tuple[str, Held]] = []

        def found() -> bool:
            assert self.process.poll() is None, self.said[-6000:]
            for name in names:
                folder = self.folder / "results/tiny/models/tiny" / name
                assert not (folder / "manifest.json").exists(), f"{name} ended before it was seen"
                where = holder(folder) if next(folder.glob("checkpoints/step-*"), None) else None
                if where and where["slurm_job"] not in {None, *self.held}:
                    caught.append((name, Held(where["process"], where["slurm_job"])))
            return bool(caught)

        wait_for(f"a checkpoint of one of {names}", found)
        name, held = caught[0]
        os.kill(held.pid, signal.SIGSTOP)
        assert not (self.folder / "results/tiny/models/tiny" / name / "manifest.json").exists(), f"{name} is done"
        self.held.add(held.job)
        return name, held

    def begins_again(self, name: str, before: Held) -> None:
        """Wait until another process than the one before trains, or has trained."""
        folder = self.folder / "results/tiny/models/tiny" / name

        def found() -> bool:
            now = (holder(folder) or {}).get("process")
            return (folder / "manifest.json").exists() or now not in (None, before.pid)

        wait_for(f"{name} to begin again", found)

    def stop_when_large(self, script: str, megabytes: int) -> None:
        """Stop the process that runs a script once it has taken that much memory, unless SLURM was faster."""

        def large() -> bool:
            assert self.process.poll() is None, self.said[-6000:]
            for pid in processes(script, self.folder):
                if resident(pid) > megabytes * 2**20:
                    os.kill(pid, signal.SIGSTOP)
                    return True
            return "'FAILED'" in self.said

        wait_for(f"{megabytes} MB of {script}", large, pause=0.01)

    def log(self, *name: str) -> str:
        """Return the log of a job, as its last attempt wrote it."""
        return self.folder.joinpath("results/tiny/logs", *name).with_suffix(".log").read_text()

    def finish(self, seconds: float = 300) -> str:
        """Wait for the end, a good one; return the scores."""
        wait_for(f"the end of {self.output}", lambda: self.process.poll() is not None, seconds)
        assert self.process.returncode == 0, self.said[-6000:]
        return (self.folder / SCORES).read_text()

    def made(self) -> list[dict]:
        """Return where and when each artifact of the run was made."""
        found = self.folder.glob("results/tiny/[mp]*/tiny/**/manifest.json")
        return [json.loads(path.read_text())["made"] for path in found]

"""A checkout in which the workflow runs, gets hurt, and goes on."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from checkout import check_out

HERE = Path(__file__).parent
RUN = Path("results/faults")
TABLES = [f"{RUN}/tables/scores.csv", f"{RUN}/tables/main.csv"]
FREQUENT = "optimisation={checkpoint_minutes: 0.00001}"  # a checkpoint after every step
GONE_ON = re.compile(r"^going on from the checkpoint of step (\d+) of (\d+)$", re.MULTILINE)
STEP = re.compile(r"^step (\d+)/", re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """A copy of the checkout with its own results; the traps of ``traps.py`` lie in ``traps``."""

    folder: Path

    @property
    def run(self) -> Path:
        """The results of the run."""
        return self.folder / RUN

    @property
    def traps(self) -> Path:
        """Where the traps wait for jobs."""
        return self.folder / "traps"

    def start(self, *arguments: str, cores: int = 2, retries: int = 0) -> subprocess.Popen[str]:
        """Start snakemake, by default for the tables, in a session of its own."""
        targets = [] if arguments and arguments[0].startswith(str(RUN)) else TABLES
        command = [sys.executable, "-m", "snakemake", *targets, *arguments, "--nocolor", "--cores", str(cores)]
        command += ["--retries", str(retries), "--configfile", "config/runs/demo.yaml", "faults.yaml"]
        environment = os.environ | {
            "PYTHONPATH": str(self.folder / "src"),
            "TRAPS": str(self.traps),
            "OMP_NUM_THREADS": "1",
        }
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def snakemake(self, *arguments: str, fails: bool = False, cores: int = 2) -> str:
        """Run snakemake to its end and return what it printed."""
        process = self.start(*arguments, cores=cores)
        output, _ = process.communicate()
        assert (process.returncode != 0) == fails, output[-6000:]
        return output

    def errors(self, output: str) -> list[str]:
        """Return the one-line errors of the jobs that failed, as snakemake shows them."""
        return [line.strip() for line in output.splitlines() if line.strip().startswith("error: ")]

    def log(self, job: str) -> str:
        """Return the log of a job's last attempt; empty when none has begun."""
        try:
            return (self.run / "logs" / f"{job}.log").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:  # Snakemake removes it just before an attempt
            return ""

    def finished(self) -> dict[str, bytes]:
        """Return every file of the run that must not depend on what happened on the way."""
        kept = ("tables/**/*", "scores/**/*", "predictions/**/*", "models/**/*")
        files = {path for pattern in kept for path in self.run.glob(pattern) if path.is_file()}
        names = {path for path in files if not path.name.startswith(".") and path.name != "manifest.json"}
        return {str(path.relative_to(self.run)): path.read_bytes() for path in sorted(names)}

    def leftovers(self) -> list[str]:
        """Return what killed writers left behind."""
        store = self.folder / "results"
        found = [p for p in store.rglob(".*") if p.suffix == ".part" or p.name.startswith((".tmp", ".begun"))]
        return [str(path.relative_to(store)) for path in [*found, *store.rglob("checkpoints")]]

    def twin(self, folder: Path) -> "Place":
        """Return a copy with all dates kept."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Place(folder)


def new_place(folder: Path) -> Place:
    """Copy what the workflow needs of the working tree."""
    check_out(folder)
    shutil.copyfile(HERE / "faults.yaml", folder / "faults.yaml")
    shutil.copyfile(HERE / "traps.py", folder / "src" / "sitecustomize.py")
    (folder / "traps").mkdir()
    return Place(folder)


def flip(path: Path, position: float = 0.5) -> None:
    """Turn one bit of a file around."""
    content = bytearray(path.read_bytes())
    content[int(position * (len(content) - 1))] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    """Cut a file in half."""
    os.truncate(path, path.stat().st_size // 2)

"""A copy of this checkout in which the workflow runs, and what a dry run of it plans."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "config", "envs", "profiles", "resources", "src", "tests/tiny.yaml", "workflow")
CONFIGURATION = ("config/demo.yaml", "tests/tiny.yaml")
SPEC = re.compile(r"--spec (\S+)/specs/(\S+)\.json")

# Every Python process starts with it: a job writes down which modules of the package it imported.
PROBE = """
import atexit, os, pathlib, sys

def write():
    if "--spec" in sys.argv:
        spec = sys.argv[sys.argv.index("--spec") + 1]
        path = pathlib.Path(os.environ["PROBE"]) / spec.replace("/", "!")
        path.write_text("\\n".join(sorted(name for name in sys.modules if name.split(".")[0] == "xstilts")))

atexit.register(write)
"""


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout: the workflow reads code, configuration and results of this folder only."""

    folder: Path

    @property
    def probes(self) -> Path:
        """Where each job wrote down which modules it imported."""
        return self.folder / "probes"

    def snakemake(self, *arguments: str, check: bool = True) -> str:
        """Run the workflow on one core; return all that it printed."""
        command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "1", "--nocolor"]
        command += ["--configfile", *CONFIGURATION]
        environment = os.environ | {
            "PYTHONPATH": str(self.folder / "src"),
            "PROBE": str(self.probes),
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        output = done.stdout + done.stderr
        assert done.returncode == 0 or not check, output[-8000:]
        return output

    def plan(self, *arguments: str) -> set[str]:
        """Return the jobs that a dry run plans, as ``rule`` or ``rule/wildcard/...``; targets of a user have no job."""
        output = self.snakemake("--dry-run", "--printshellcmds", *arguments)
        jobs = set()
        for base, name in SPEC.findall(output):
            rule, *wildcards = name.split("/")
            if base == "results/store":
                wildcards = wildcards[1:]  # the name of the origin
            if wildcards == [rule]:
                wildcards = []
            jobs.add("/".join([rule, *wildcards]))
        assert jobs or "Nothing to be done" in output, output[-4000:]
        return jobs

    @contextmanager
    def edited(self, path: str, *changes: tuple[str, str]) -> Iterator[None]:
        """Replace text in a file, each old text once; on leaving, write the file as it was."""
        file = self.folder / path
        before = file.read_text(encoding="utf-8")
        text = before
        for old, new in changes:
            assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
        try:
            yield
        finally:
            file.write_text(before, encoding="utf-8")

    def twin(self, folder: Path) -> "Checkout":
        """Return a copy of this checkout with all dates kept, in which jobs may run."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Checkout(folder)

    def log(self, job: str) -> str:
        """Return the log of a job of the run."""
        rule, *wildcards = job.split("/")
        return (self.folder.joinpath("results/tiny/logs", rule, *(wildcards or [rule])).with_suffix(".log")).read_text()


def check_out(folder: Path) -> Checkout:
    """Copy what the workflow needs of the working tree, uncommitted changes too."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *PARTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    (folder / "probes").mkdir()
    (folder / "src/sitecustomize.py").write_text(PROBE)
    return Checkout(folder)

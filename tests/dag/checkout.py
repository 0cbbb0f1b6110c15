"""A copy of this checkout in which the workflow runs, and what a dry run of it plans."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xstilts.artifacts import seal

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "config", "envs", "profiles", "resources", "src", "tests/tiny.yaml", "workflow")
CONFIGURATION = ("config/runs/demo.yaml", "tests/tiny.yaml")
SPEC = re.compile(r"--spec (\S+)/specs/(\S+)\.json(?:.* --output \S+/scores/(\S+)\.json)?")

# Every Python process starts with it: a job writes down what it imported of the package and of heavy libraries, and
# which files it read.
PROBE = """
import atexit, os, pathlib, sys

HEAVY = ("tokenizers", "torch", "transformers")

if "--spec" in sys.argv:
    read = set()

    def watch(event, arguments):
        if event == "open" and isinstance(arguments[0], (str, os.PathLike)) and not arguments[2] & os.O_ACCMODE:
            read.add(os.path.relpath(os.fspath(arguments[0])))

    def write():
        spec = sys.argv[sys.argv.index("--spec") + 1]
        if "/specs/score/" in spec:  # many jobs have one
            spec = sys.argv[sys.argv.index("--output") + 1].replace("/scores/", "/specs/score/")
        modules = sorted(name for name in sys.modules if name.split(".")[0] == "xstilts" or name in HEAVY)
        files = sorted(name for name in read if name.startswith(("results/", "resources/")) and os.path.isfile(name))
        path = pathlib.Path(os.environ["PROBE"]) / spec.replace("/", "!")
        path.write_text("\\n".join(modules) + "\\n\\n" + "\\n".join(files))

    sys.addaudithook(watch)
    atexit.register(write)
"""


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout: the workflow reads code, configuration and results of this folder only."""

    folder: Path
    configuration: tuple[str, ...] = CONFIGURATION

    @property
    def probes(self) -> Path:
        """Where each job wrote down which modules it imported."""
        return self.folder / "probes"

    def probe(self, spec: Path | str) -> tuple[set[str], set[str]] | None:
        """Return (modules, files) that the job of a spec imported and read, None when it has not run here.

        Of scores the spec is the one that each would have if it were its own, as in ``declared``.
        """
        path = self.probes / str(spec).replace("/", "!")
        if not path.is_file():
            return None
        modules, files = path.read_text().split("\n\n")
        return set(modules.split()), set(files.split("\n")) - {""}

    def declared(self) -> dict[str, tuple[set[str], set[str]]]:
        """Return (inputs, outputs) of each job that the workflow knows, by its spec."""
        found: dict[str, tuple[set[str], set[str]]] = {}
        for line in self.snakemake("--detailed-summary").splitlines():
            cells = line.split("\t")
            if len(cells) > 5 and (match := SPEC.search(cells[5])):
                spec = f"{match[1]}/specs/{f'score/{match[3]}' if match[3] else match[2]}.json"
                found.setdefault(spec, (set(cells[4].split(",")), set()))[1].add(cells[0])
        return found

    def snakemake(self, *arguments: str, check: bool = True) -> str:
        """Run the workflow on one core; return all that it printed."""
        command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "1", "--nocolor"]
        command += ["--configfile", *self.configuration]
        environment = os.environ | {
            "PYTHONPATH": str(self.folder / "src"),
            "PROBE": str(self.probes),
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        output = done.stdout + done.stderr
        assert done.returncode == 0 or not check, output[-8000:]
        return output

    def xstilts(self, *arguments: str, status: int = 0) -> str:
        """Run a command of ``xstilts`` in this checkout; return all that it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "xstilts.cli", *arguments],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder / "src"), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        output = done.stdout + done.stderr
        assert done.returncode == status, output[-4000:]
        return output

    def plan(self, *arguments: str) -> set[str]:
        """Return the jobs that a dry run plans, as ``rule`` or ``rule/wildcard/...``; targets of a user have no job."""
        output = self.snakemake("--dry-run", "--printshellcmds", *arguments)
        jobs = set()
        for base, name, score in SPEC.findall(output):
            rule, *wildcards = f"score/{score}".split("/") if score else name.split("/")
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

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Let each finished training have taken two seconds: what took less than one says no speed."""
        before = {path: path.stat() for path in self.folder.glob("results/tiny/models/**/manifest.json")}
        texts = {path: path.read_bytes() for path in before}
        for path, text in texts.items():
            content = json.loads(text)
            content["made"]["seconds"] = 2.0
            self._written(path, json.dumps(content | {"seal": seal(content)}).encode(), before[path])
        try:
            yield
        finally:
            for path, text in texts.items():
                self._written(path, text, before[path])

    @staticmethod
    def _written(path: Path, text: bytes, dated: os.stat_result) -> None:
        path.write_bytes(text)
        os.utime(path, ns=(dated.st_atime_ns, dated.st_mtime_ns))

    def twin(self, folder: Path) -> "Checkout":
        """Return a copy of this checkout with all dates kept, in which jobs may run."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Checkout(folder, self.configuration)

    def log(self, job: str) -> str:
        """Return the log of a job of the run."""
        rule, *wildcards = job.split("/")
        return (self.folder.joinpath("results/tiny/logs", rule, *(wildcards or [rule])).with_suffix(".log")).read_text()


def copy_workflow(folder: Path) -> None:
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
            shutil.copy(ROOT / name, folder / name)  # with its mode: the profiles hold programs


def check_out(folder: Path) -> Checkout:
    """Copy what the workflow needs, and let each job write down what it imports and reads."""
    copy_workflow(folder)
    (folder / "probes").mkdir()
    (folder / "src/sitecustomize.py").write_text(PROBE)
    return Checkout(folder)

"""The workflow itself: parsing, planning the paper's jobs, a run with nothing to do, and what each job costs besides.

The peer is Snakemake alone: a Snakefile without a configuration, with as many jobs in as many layers, where each reads
what one other made; and for plans the same with about as many files as ours (`files`): each job reads a spec, a score
the rows of a language, and four tables all scores. Times are those of the whole `snakemake` command, Python's start
included.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figure import Setting, main
from benchmarks.timing import Contest, Counts, Prepare, contest, threads

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "config", "envs", "profiles", "resources", "src", "workflow")
PICKS = {
    1: ("sources=none,mnli", "seeds=1"),
    4: ("sources=none,mnli,squad", "seeds=1,2,3"),
    16: ("sources=none,anli,mnli,qqp,squad,squad2,hellaswag,ccg,cosmosqa,csqa,multi",),
}
SMALLEST = ("sources=none", "seeds=1", "tasks=tatoeba", "languages=fr,de")
WORDS = {"parse": ["--list-rules"], "plan": ["--dry-run", "--quiet", "all"], "idle": ["--quiet", "host"]}
JOBS = 20  # small ones, of which each costs a start
# Touching waits a tenth of a second a job, and takes a round of the scheduler for as many jobs as there are cores.
HURRIED = (
    "-c",
    "from snakemake import cli; from snakemake.executors import touch; touch.Executor.SLEEPING_TIME = 0; cli.main()",
)
# Each job is recorded as done, whatever the dates of the files: of one without a record Snakemake compares less.
TOUCHED = ("--cores", "1000", "--touch", "--quiet", "all")
BARE = """
rule all:
    input: expand("score/{{cell}}/{{language}}", cell=range({cells}), language=range({languages}))

rule train:
    output: "train/{{cell}}"
    shell: "touch {{output}}"

rule predict:
    input: "train/{{cell}}"
    output: "predict/{{cell}}"
    shell: "touch {{output}}"

rule score:
    input: "predict/{{cell}}"
    output: "score/{{cell}}/{{language}}"
    shell: "touch {{output}}"
"""
FILES = """
rule all:
    input: "table"

rule train:
    input: "spec/train/{{cell}}", expand("data/{{language}}", language=range({languages}))
    output: "train/{{cell}}"
    shell: "touch {{output}}"

rule predict:
    input: "train/{{cell}}", "spec/predict/{{cell}}", expand("data/{{language}}", language=range({languages}))
    output: "predict/{{cell}}"
    shell: "touch {{output}}"

rule score:
    input: "predict/{{cell}}", "spec/score/{{language}}", "data/{{language}}"
    output: "score/{{cell}}/{{language}}"
    shell: "touch {{output}}"

rule table:
    input: expand("score/{{cell}}/{{language}}", cell=range({cells}), language=range({languages}))
    output: "table"
    shell: "touch {{output}}"
"""
STARTS = """
rule all:
    input: expand("started/{{job}}", job=range({jobs}))

rule start:
    output: "started/{{job}}"
    shell: "{command} > {{output}}"
"""


def measure(setting: Setting) -> dict[str, Any]:
    """Measure parsing, planning, a run with nothing to do, the cost of a job; planning and nothing to do grow."""
    folder = _checkout(setting.scratch / "checkout")
    data = (f"mirror={setting.mirror or folder / 'mirror'}", "data={origin: mirror}")  # nothing is fetched
    growth: list[dict[str, Any]] = []
    idle: list[dict[str, Any]] = []
    for times in setting.growth:
        picks = (*(SMALLEST if setting.smallest else PICKS[times]), *data)
        jobs = planned(folder, picks)
        settings = {"folder": str(folder), "picks": picks, "jobs": jobs, "scratch": str(setting.scratch)}
        growth.append({"times": times, "jobs": jobs, **contest(setting.on, _contest("plan", "jobs", settings))})
        finished(folder, picks)
        idle.append({"times": times, "jobs": jobs, **contest(setting.on, _contest("idle", "jobs", settings))})
        shutil.rmtree(folder / "results")
        shutil.rmtree(folder / ".snakemake", ignore_errors=True)
    plain = {"folder": str(folder), "picks": (*SMALLEST, *data), "jobs": 1, "scratch": str(setting.scratch)}
    jobs = 2 if setting.smallest else JOBS
    rows = [
        contest(setting.on, _contest("parse", "parses", plain)),
        growth[-1] | {"case": "plan of the paper"},
        idle[-1] | {"case": "nothing to do"},
        contest(setting.on, _contest("start", "jobs", plain | {"jobs": jobs})),
    ]
    return {"rows": rows, "growth": growth, "growth_nothing_to_do": idle, "targets_seconds": {"plan": 10, "idle": 10}}


def _contest(what: str, unit: str, settings: dict[str, Any]) -> Contest:
    names = ("ours", "bare", "files") if what in ("plan", "idle") else ("ours", "bare")
    sides = {name: f"benchmarks.workflow:{name}" for name in names}
    return Contest(what, unit, sides, settings | {"what": what})


def _checkout(folder: Path) -> Path:
    """Copy what the workflow needs, so that nothing of the user's results is touched."""
    (folder / "mirror").mkdir(parents=True)  # empty: a plan needs no data, a run asks where they are
    skip = shutil.ignore_patterns("__pycache__")
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=skip)
        else:
            shutil.copyfile(source, folder / name)
    return folder


def _snakemake(folder: Path, *arguments: str, start: tuple[str, ...] = ("-m", "snakemake")) -> tuple[str, float]:
    """Run a command in a folder; return what it printed and its peak memory in MB."""
    command = [sys.executable, *start, "--cores", str(threads()), "--nocolor", *arguments]
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as on a user's machine, nothing is compiled at each start
    with open(folder / "printed", "w+", encoding="utf-8") as printed:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=printed, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        text = printed.read()
    if process.returncode:
        raise RuntimeError(f"snakemake failed: {text[-500:]}")
    return text, usage.ru_maxrss / 1024


def _picked(picks: tuple[str, ...]) -> list[str]:
    return ["--config", *picks] if picks else []


def planned(folder: Path, picks: tuple[str, ...]) -> int:
    """Return the number of jobs that a dry run plans."""
    text, _ = _snakemake(folder, "--dry-run", "--quiet", "rules", *_picked(picks))
    totals = [line.split()[1] for line in text.splitlines() if line.startswith("total")]
    return int(totals[0])


def finished(folder: Path, picks: tuple[str, ...]) -> None:
    """Make the outputs of all jobs, empty, with Snakemake's records of them: a run that has nothing to do."""
    text, _ = _snakemake(folder, "--summary", *_picked(picks))
    for line in text.splitlines():
        name = line.split("\t")[0]
        if name.startswith("results/"):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    _snakemake(folder, *TOUCHED, "--forcerun", "prepare", *_picked(picks), start=HURRIED)  # and all that follows


def ours(settings: dict[str, Any]) -> Prepare:
    """Run this workflow."""
    folder, picks = Path(settings["folder"]), tuple(settings["picks"])
    if settings["what"] == "start":
        script = folder / "workflow/scripts/score.py"
        return _starts(settings, "ours", f"{sys.executable} {script} --help")
    return _command(settings, folder, [*WORDS[settings["what"]], *_picked(picks)])


def bare(settings: dict[str, Any]) -> Prepare:
    """Run Snakemake on a Snakefile with as many jobs and nothing else."""
    if settings["what"] == "start":
        return _starts(settings, "bare", f"{sys.executable} -c pass")
    return _alone(settings, "bare", BARE)


def files(settings: dict[str, Any]) -> Prepare:
    """Run Snakemake on a Snakefile with as many jobs that read about as many files, and nothing else."""
    return _alone(settings, "files", FILES)


def _alone(settings: dict[str, Any], side: str, snakefile: str) -> Prepare:
    folder = Path(settings["scratch"]) / f"{side}-{settings['what']}-{settings['jobs']}"
    folder.mkdir(exist_ok=True)
    languages = max(1, min(18, settings["jobs"] - 3))
    cells = max(1, (settings["jobs"] - 1) // (languages + 2))
    (folder / "Snakefile").write_text(snakefile.format(cells=cells, languages=languages), encoding="utf-8")
    scores = [f"{cell}/{number}" for cell in range(cells) for number in range(languages)]
    jobs = {"train": range(cells), "predict": range(cells), "score": scores}
    specs = jobs | {"score": range(languages)}
    read = [f"spec/{rule}/{name}" for rule, names in specs.items() for name in names]
    made = [f"{rule}/{name}" for rule, names in jobs.items() for name in names]
    _touch(folder, [*read, *(f"data/{number}" for number in range(languages))])
    if settings["what"] == "idle":
        _touch(folder, [*made, "table"])
        _snakemake(folder, *TOUCHED, "--forceall", start=HURRIED)
    return _command(settings, folder, WORDS[settings["what"]])


def _touch(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def _command(settings: dict[str, Any], folder: Path, arguments: list[str]) -> Prepare:
    def work() -> Counts:
        text, peak = _snakemake(folder, *arguments)
        if settings["what"] == "idle" and "Nothing to be done" not in text:
            raise RuntimeError(f"there was something to do: {text[-300:]}")
        return {"jobs": float(settings["jobs"]), "parses": 1.0, "peak_mb": peak}

    return lambda: work


def _starts(settings: dict[str, Any], side: str, command: str) -> Prepare:
    """Run some jobs that only start their program."""
    folder = Path(settings["scratch"]) / f"starts-{side}"
    folder.mkdir(exist_ok=True)
    (folder / "Snakefile").write_text(STARTS.format(jobs=settings["jobs"], command=command), encoding="utf-8")
    shutil.copytree(Path(settings["folder"]) / "src", folder / "src", dirs_exist_ok=True)

    def prepare() -> Callable[[], Counts]:
        shutil.rmtree(folder / "started", ignore_errors=True)
        return lambda: {"jobs": float(settings["jobs"]), "peak_mb": _snakemake(folder, "--quiet", "all")[1]}

    return prepare


if __name__ == "__main__":
    main("workflow", measure)

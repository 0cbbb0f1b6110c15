"""From score files to pages at the paper's size: its thirty rows with five seeds, on XTREME and on XTREME-R.

There is no peer: what counts is how time and memory grow. Score files are planted, with numbers drawn at random and no
items; trainings, intervals and figures are not there, as in a run of which only the scores are finished. Growth is that
of ``make table`` in the number of seeds, measured once.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figure import Setting, main
from benchmarks.timing import Contest, Counts, Prepare, bench, contest
from xstilts.artifacts import seal
from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.files import read_json, write_json
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import expected_splits

ROOT = Path(__file__).parents[1]
SEEDS = 5
STEPS = ("scores.csv", "main tables", "figures", "report.html", "make table", "trace")


def measure(setting: Setting) -> dict[str, Any]:
    """Measure each step from scores to pages on both benchmarks, then the whole table with growing numbers of seeds."""
    rows = []
    for benchmark in ("xtreme", "xtreme_r"):
        told = planted(setting, benchmark, 1 if setting.smallest else SEEDS)
        rows += [contest(setting.on, _contest(f"{benchmark}: {step}", step, told)) for step in STEPS]
    growth = []
    with bench(min(1, setting.on.repeats)) as once:
        for times in setting.growth:
            told = planted(setting, "xtreme", times)
            growth.append({"times": times, **contest(once, _contest(f"{times} seeds", "make table", told))})
    return {"rows": rows, "growth": growth}


def _contest(case: str, step: str, told: dict[str, Any]) -> Contest:
    return Contest(case, "rows", {"ours": "benchmarks.reporting:ours"}, told | {"step": step})


def planted(setting: Setting, benchmark: str, seeds: int) -> dict[str, Any]:
    """Plant the score files of a run; return where it lies and how many rows its ``scores.csv`` will have."""
    folder = setting.scratch / f"{benchmark}-{seeds}"
    picks = {"benchmark": benchmark, "seeds": ",".join(map(str, range(1, seeds + 1)))}
    picks |= {"sources": "none,mnli"} if setting.smallest else {}
    jobs = Jobs(load(read_layers(ROOT, [], picks)), ROOT)
    write_json(folder / "specs/table_main/table_main.json", {"settings": settings_of(jobs, "table_main")})
    run, drawn, rows = opened(folder), random.Random(0), 0
    for cell in run.cells():
        task = run.tasks[cell.task]
        metrics = {
            split: {metric: drawn.uniform(40, 90) for metric in task["metrics"]}
            for split in expected_splits(task, cell.language)
        }
        splits = {split: {"metrics": found, "examples": 100} for split, found in metrics.items()}
        scores: dict[str, Any] = {"task": cell.task, "language": cell.language, "splits": splits, "reason": None}
        path = cell.path(folder / "scores")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(scores | {"seal": seal(scores)}), encoding="utf-8")
        rows += sum(map(len, metrics.values()))
    return {"folder": str(folder), "rows": rows}


def opened(folder: Path) -> RunFolder:
    """Return the run as a job finds it: nothing of it read yet."""
    settings = read_json(folder / "specs/table_main/table_main.json")["settings"]
    return RunFolder(settings, folder, folder / "tables")


def ours(settings: dict[str, Any]) -> Prepare:
    """Do one step, after those that it builds on."""
    folder, step = Path(settings["folder"]), settings["step"]
    if step != "make table":
        for earlier in STEPS[: STEPS.index(step)][:2]:
            _step(earlier, folder)()

    def prepare() -> Callable[[], Counts]:
        work = _step(step, folder)

        def done() -> Counts:
            work()
            return {"rows": float(settings["rows"])}

        return done

    return prepare


def _step(step: str, folder: Path) -> Callable[[], object]:
    from xstilts.planning.numbers import find_number
    from xstilts.reporting.figures.differences import figure_differences
    from xstilts.reporting.page.job import report
    from xstilts.reporting.tables.main import partial_tables, table_main
    from xstilts.reporting.tables.scores import collect_scores

    run = opened(folder)
    run.tables.mkdir(exist_ok=True)
    works: dict[str, Callable[[], object]] = {
        "scores.csv": lambda: collect_scores(run),
        "main tables": lambda: table_main(run),
        "figures": lambda: figure_differences(run),
        "report.html": lambda: report(run),
        "make table": lambda: partial_tables(run.settings, folder),
        "trace": lambda: find_number(run, run.tables / "main.csv", "mnli", "xnli"),
    }
    return works[step]


if __name__ == "__main__":
    main("reporting", measure)

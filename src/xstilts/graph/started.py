"""What a run was started for: the jobs of the commands with its settings of now, for people's questions.

A plan of another part of a run changes its specs and its configuration, and not what the run is there to make.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.files import read_object, write_json
from xstilts.graph.jobs import Jobs

STARTED = "started.json"  # in a run's folder

Made = tuple[str, tuple[str, ...], tuple[str, ...]]  # rule, wildcards, what the job makes


def keep_started(jobs: Jobs, made: Iterable[Made]) -> None:
    """Write down what a command makes, finished jobs too, beside what earlier ones with the same settings did.

    Nothing is written where it makes nothing of the run's own, or nothing that was not known.
    """
    new, own = {(rule, words): outputs for rule, words, outputs in made if outputs}, f"{jobs.here}/"
    if not any(path.startswith(own) for outputs in new.values() for path in outputs):
        return
    configuration, before = jobs.run.model_dump(mode="json"), read_started(jobs.here)
    if before and before[0] == configuration:
        known = {(rule, words): outputs for rule, words, outputs in before[1]}
        if known == known | new:
            return
        new = known | new
    found = sorted((rule, words, outputs) for (rule, words), outputs in new.items())
    with suppress(OSError):  # a full disk, or a folder that may only be read: nothing rests on it
        write_json(jobs.here / STARTED, {"configuration": configuration, "jobs": found})


def read_started(folder: Path) -> tuple[dict[str, Any], list[Made]] | None:
    """Return (configuration, jobs) of what a run was started for; None where that is not known."""
    try:
        found = read_object(folder / STARTED, "configuration", "jobs")
        made = [(rule, tuple(words), tuple(outputs)) for rule, words, outputs in found["jobs"]]
    except (DataError, TypeError, ValueError):
        return None
    return found["configuration"], made

"""The long table of scores."""

from typing import Any

from xstilts.files import write_json
from xstilts.reporting.failures import failed_trainings
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import collect_scores as collect
from xstilts.reporting.scores import seals, write_scores


def collect_scores(run: RunFolder) -> list[dict[str, Any]]:
    """Write ``scores.csv``, a row for every cell that the run expects with its value or why there is none; return them.

    ``seals.json`` beside it says which scores files they are of: what reads a file's items goes by it.
    """
    failed = failed_trainings(run.trainings)
    rows = collect(run.folder / "scores", list(run.cells()), run.tasks, failed, run.settings["rests_on"])
    write_json(run.tables / "seals.json", seals(rows))
    write_scores(run.tables / "scores.csv", rows, run.settings["recipe"])
    return rows

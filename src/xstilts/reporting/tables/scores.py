"""The long table of scores."""

from xstilts.reporting.failures import failed_trainings
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import collect_scores as collect
from xstilts.reporting.scores import write_scores


def collect_scores(run: RunFolder) -> None:
    """Write ``scores.csv``: a row for every cell that the run expects, with its value or why there is none."""
    failed = failed_trainings(run.trainings)
    rows = collect(run.folder / "scores", list(run.cells()), run.tasks, failed, run.settings["rests_on"])
    write_scores(run.tables / "scores.csv", rows, run.settings["recipe"])

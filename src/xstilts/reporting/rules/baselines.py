"""What the tasks give away without an encoder."""

from typing import Any

from xstilts.files import read_json, write_json
from xstilts.reporting.baselines import baseline_scores
from xstilts.reporting.run import RunFolder
from xstilts.tasks import registry


def baseline(run: RunFolder) -> None:
    """Write ``baselines/TASK.json``: what a task gives away without an encoder."""
    (task,) = run.settings["languages"]
    entry = run.tasks[task]
    parts = () if entry["target"] == "none" else registry()[1][entry["target"]].parts
    train = [row for part in parts for row in run.rows(run.data(part, "en"), "train")]
    rows = baseline_scores(task, entry, train, run.evaluated(task)) if train or not parts else []
    write_json(run.tables / "baselines" / f"{task}.json", rows)


def read_baselines(run: RunFolder) -> list[dict[str, Any]]:
    """The baseline rows of all tasks of the run."""
    files = [run.tables / "baselines" / f"{task}.json" for task in run.settings["languages"]]
    return [row for path in files if path.is_file() for row in read_json(path)]

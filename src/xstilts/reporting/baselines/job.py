"""What the tasks give away without an encoder."""

from pathlib import Path

from xstilts.artifacts import read_manifest
from xstilts.files import write_json
from xstilts.reporting.baselines.families import baseline_scores
from xstilts.reporting.baselines.rankings import MOST_READ, Searched
from xstilts.reporting.run import RunFolder
from xstilts.tasks import registry


def baseline(run: RunFolder) -> None:
    """Write ``baselines/TASK.json``: what a task gives away without an encoder."""
    (task,) = run.settings["languages"]
    entry = run.tasks[task]
    known = registry()[1].get(entry["target"])
    parts = known.parts if known and known.family == entry["family"] else ()  # Tatoeba after SQuAD learns nothing of it
    if "searched" in run.settings:
        entry = entry | {"searched": _searched(run)}
    train = [row for part in parts for row in run.rows(run.data(part, "en"), "train")]
    rows = baseline_scores(task, entry, train, run.evaluated(task)) if train or not parts else []
    write_json(run.tables / "baselines" / f"{task}.json", rows)


def _searched(run: RunFolder) -> Searched:
    places = list(map(Path, run.settings["searched"]))
    counts = [read_manifest(path).results.get("rows", {}).get("test", 0) for path in places]
    read = places if sum(counts) <= MOST_READ else []
    return Searched(sum(counts), [row for path in read for row in run.rows(path, "test")])

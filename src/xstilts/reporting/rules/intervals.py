"""The intervals of both main tables."""

from dataclasses import asdict, fields

from xstilts.files import write_text
from xstilts.reporting.aggregate import choose_split, expected_languages, index_scores
from xstilts.reporting.run import POLICIES, RunFolder
from xstilts.reporting.scores import csv_text
from xstilts.scoring.score_file import read_scores
from xstilts.scoring.uncertainty import Interval
from xstilts.scoring.uncertainty import intervals as resample
from xstilts.tasks.sources import CONTROLS


def intervals(run: RunFolder) -> None:
    """Write ``intervals.csv``: of every cell of both main tables, of its differences to ``none`` and to controls."""
    rows = []
    frame = run.scores()
    controls = [source for source in run.settings["sources"] if source in CONTROLS]

    def expected(task: str, split: str) -> tuple[str, ...]:
        return expected_languages(run.tasks[task], split)

    for model in run.settings["models"]:
        indexed = index_scores(frame, model)
        tables = {
            stem: {task: choose_split(task, entry, policy, indexed) for task, entry in run.tasks.items()}
            for stem, policy in POLICIES.items()
        }
        found = {}
        for cell in run.cells():
            path = cell.path(run.folder / "scores")
            if cell.model == model and cell.language in run.tasks[cell.task]["languages"] and path.is_file():
                found[cell.source, cell.seed, cell.task, cell.language] = read_scores(path)
        found = {key: content for key, content in found.items() if content["splits"]}
        resampled = resample(found, tables, controls=controls, expected=expected) if found else []
        rows += [{"model": model} | asdict(row) for row in resampled]
    columns = ["model", *(field.name for field in fields(Interval))]
    write_text(run.tables / "intervals.csv", csv_text(rows, columns))

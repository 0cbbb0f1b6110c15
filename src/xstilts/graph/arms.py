"""Which jobs compute for an arm of a study, as if it stood alone: what arms share counts for each of them."""

from pathlib import Path
from typing import Any

from xstilts.config.study import BEST
from xstilts.graph.cells import PREDICTING
from xstilts.graph.jobs import Jobs, StudyJobs


def of_arm(jobs: StudyJobs, arm: str) -> list[tuple[str, tuple[Any, ...]]]:
    """Return every (rule, wildcards) that computes for an arm, each once; of best-en for all its candidates."""
    model, source = jobs.arms[arm]
    sources = jobs.settings.candidates if source == BEST else [source]
    return list(dict.fromkeys(job for one in sources for job in _of_source(jobs, model, one)))


def _of_source(jobs: Jobs, model: str, source: str) -> list[tuple[str, tuple[Any, ...]]]:
    """Return what computes for a source with a model: its encoders, its targets, its predictions."""
    known = jobs.run.source(source)
    follows = known.base if known.kind in PREDICTING else source
    root = jobs.run.source(follows).root if follows else ""
    way = [*jobs.before(root), root]
    chosen = [cell for cell in jobs.choices() if cell[:2] == (model, source)]
    tried = {(name, cell[2]) for cell in chosen for name in jobs.run.candidates(model, source, cell[2])}
    found: list[tuple[str, tuple[Any, ...]]] = []
    found += [("train_intermediate", cell) for cell in jobs.intermediate() if cell[0] == model and cell[1] in way]
    for cell in jobs.target_trainings():
        if cell[0] == model and (cell[1] == follows or (cell[1], cell[2]) in tried):
            found.append(("train_target", cell))
    cells = [cell for cell in jobs.cells() if cell[:2] == (model, source)]
    cells = list(dict.fromkeys(one for cell in cells for one in (jobs.like(*cell), cell) if one))
    found += [("index", cell) for cell in cells if cell[4] in jobs.indexed]
    return found + [(jobs.predicting(source), cell) for cell in cells]


def manifests_of(jobs: StudyJobs, arm: str) -> list[Path]:
    """Return the manifests of what computes for an arm."""
    found = []
    for rule, wildcards in of_arm(jobs, arm):
        if rule == "train_intermediate":
            found.append(jobs.encoder(*wildcards))
        elif rule == "train_target":
            found.append(jobs.trained(*wildcards))
        else:
            found.append(jobs.index(*wildcards) if rule == "index" else jobs.prediction(*wildcards))
    return list(dict.fromkeys(found))

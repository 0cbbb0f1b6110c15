"""The specs: for each job a small file that says when the job is out of date.

A spec holds exactly the settings that a job uses and a digest of the code that it runs. It is a file, written only
when its content changes, and an input of the job; nothing of the machine is in it.
"""

import os
from pathlib import Path
from typing import Any

from xstilts import tasks
from xstilts.data.readers import reader_module
from xstilts.data.registry import dataset
from xstilts.digest import code_digest, module_digests
from xstilts.featurising import job as featurising
from xstilts.files import dump_json
from xstilts.jobs import Jobs
from xstilts.prediction import languages
from xstilts.scoring import evaluate
from xstilts.settings import settings_of
from xstilts.training import phase
from xstilts.trainings import parts_of_source

SCRIPTS = Path("workflow/scripts")


def write_specs(jobs: Jobs) -> None:
    """Write every spec whose content changed, and only those.

    Two files beside them are for people's questions, and no job reads them: the run's configuration, and under each
    digest of code the modules that it covers.
    """
    seen: set[str] = set()
    for rule, *wildcards in jobs.every():
        code = (jobs.code / SCRIPTS / f"{rule}.py", opened_by_name(jobs, rule, *wildcards))
        digest = code_digest(*code)
        spec = {
            "rule": rule,
            "wildcards": [str(value) for value in wildcards],
            "settings": settings_of(jobs, rule, *wildcards),
            "code": digest,
        }
        _write_changed(jobs.spec(rule, *wildcards), dump_json(spec))
        if digest not in seen and not jobs.modules(digest).is_file():
            _write_changed(jobs.modules(digest), dump_json(module_digests(*code)))
        seen.add(digest)
    _write_changed(jobs.configuration, dump_json(jobs.run.model_dump(mode="json")))


def _write_changed(path: Path, content: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(content, encoding="utf-8")
        beside.replace(path)  # not synced to the disk: there are thousands, and a lost one is written again


def opened_by_name(jobs: Jobs, rule: str, *wildcards: Any) -> tuple[str, ...]:
    """Return the modules that a job's script imports by a string: they belong to its code too."""
    if rule in ("download", "prepare"):
        return (reader_module(dataset(wildcards[0])),)
    if rule == "featurise":
        settings = settings_of(jobs, rule, *wildcards)
        return featurising.opened_by_name(settings["kind"], settings["family"])
    if rule == "train_intermediate":
        return phase.opened_by_name({part["family"] for part in parts_of_source(jobs.run, wildcards[1])})
    if rule == "train_target":
        return phase.opened_by_name({tasks.training_set(wildcards[2]).family})
    if rule == "predict":
        return languages.opened_by_name(tasks.task(wildcards[4]).family)
    if rule == "score":
        return evaluate.opened_by_name(tasks.task(wildcards[4]))
    return ()

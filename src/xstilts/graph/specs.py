"""The specs: for each job a small file that says when the job is out of date.

A spec holds exactly the settings that a job uses and a digest of the code that it runs. It is a file, written only
when its content changes, and an input of the job; nothing of the machine is in it. While a run goes on it holds a
kernel lock on its specs: what it planned is what its jobs read, whatever is planned beside it.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from xstilts import tasks
from xstilts.data.registry import dataset
from xstilts.errors import UserError
from xstilts.families import modules
from xstilts.files import dump_json, name_beside
from xstilts.graph.code import Codes
from xstilts.graph.hyperparameters import parts_of_source
from xstilts.graph.jobs import REPORTING, Jobs
from xstilts.graph.places import SHARED
from xstilts.graph.settings import settings_of
from xstilts.locks import LOCK, lock, open_lock, whereabouts
from xstilts.own_code import files_of

SCRIPTS = Path("workflow/scripts")
NEW = ".new"  # beside the lock of specs: held by whoever adds some
PATIENCE = 10.0  # seconds to wait for another plan, which holds the specs for a moment


def write_specs(jobs: Jobs) -> list[int]:
    """Write every spec whose content changed, and only those; hold them.

    Beside them stand the run's configuration, for people's questions, and under each digest of code the modules that
    it covers, by which a job checks that its code is what was planned.

    Returns:
        Descriptors of locks, of the run's own specs and of those that runs share: while they are open nobody changes
        these specs.

    Raises:
        UserError: a run that goes on holds a spec that would change; what is not there yet it cannot read.
    """
    seen, own, shared = set[str](), dict[Path, str](), dict[Path, str]()
    codes = codes_of(jobs)
    for path, spec, modules_of_job in specs_of(jobs, codes):
        (shared if spec["rule"] in SHARED else own)[path] = dump_json(spec)
        if (digest := spec["code"]) not in seen:
            _write_changed(jobs.modules(digest), dump_json(modules_of_job))
            _write_changed(jobs.files(digest), dump_json(files_of(modules_of_job)))
        seen.add(digest)
    _check_shared(jobs)
    jobs.hashes.save()
    codes.save()
    own[jobs.configuration] = dump_json(jobs.run.model_dump(mode="json"))
    return [*_write_and_hold(jobs.here, own), *_write_and_hold(jobs.store, shared)]


def codes_of(jobs: Jobs) -> Codes:
    """Return the digests of code as these jobs' store remembers them."""
    return Codes(jobs.store / "code" / "digests.json", jobs.code / SCRIPTS)


def specs_of(jobs: Jobs, codes: Codes) -> Iterator[tuple[Path, dict[str, Any], dict[str, str]]]:
    """Yield (place, spec, digest of each module of its code) of every job, as configuration and code are now."""
    seen: set[Path] = set()
    for rule, *wildcards in jobs.every():
        owner = jobs.owner(rule, *wildcards)
        path = owner.spec(rule, *wildcards)
        if path in seen:
            continue
        seen.add(path)
        digest, modules_of_job = codes.of(f"{rule}.py", opened_by_name(owner, rule, *wildcards))
        spec = {
            "rule": rule,
            "wildcards": [str(value) for value in owner.spec_words(rule, *wildcards)],
            "settings": settings_of(owner, rule, *wildcards),
            "code": digest,
        }
        yield path, spec, modules_of_job


def _check_shared(jobs: Jobs) -> None:
    """Refuse a study that wants a job of the run with other settings: what is equal is made once, for both."""
    if jobs.study is None:
        return
    for rule, *wildcards in jobs.study.every():
        if rule in ("baseline", *REPORTING) or jobs.owner(rule, *wildcards) is not jobs:
            continue
        ours, theirs = settings_of(jobs, rule, *wildcards), settings_of(jobs.study, rule, *wildcards)
        if ours != theirs:
            keys = " ".join(key for key in theirs if theirs[key] != ours.get(key))
            what = "/".join(map(str, (rule, *wildcards)))
            raise UserError(
                f"study {jobs.run.study}: changes {keys} of {what}, which is a row of run {jobs.run.run} too; expected "
                "the run's settings, or a run of another name (--config run=NAME)"
            )


def sign(held: Sequence[int]) -> None:
    """Write into the lock files who holds them: a run, for those whose plan it keeps from changing its specs."""
    for handle in held:
        _write_into(handle, json.dumps(whereabouts()).encode())


def release(held: Sequence[int]) -> None:
    """Let go of specs: a plan is made, and no job will read them."""
    for handle in held:
        os.close(handle)


def _write_and_hold(folder: Path, wanted: Mapping[Path, str]) -> list[int]:
    """Write what changed below a folder of specs, alone, and return the descriptor of the lock that keeps it so."""
    path = folder / "specs" / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = open_lock(path)
    except OSError:
        if not any(_differs(*one) for one in wanted.items()):
            return []  # a folder that may only be read, and need not be written
        raise
    lock(handle, path, shared=True, wait=True)
    changed = {one: content for one, content in wanted.items() if _differs(one, content)}
    if changed and not any(one.exists() for one in changed):
        changed = _add(path.with_name(NEW), changed)
    if changed:
        os.close(handle)
        handle, by = _alone(path)
        if by is not None:
            os.close(handle)
            other = min((one for one in changed if one.exists()), default=min(changed))
            raise UserError(_refusal(folder, other, by))
        for one, content in changed.items():
            _write_changed(one, content)
        lock(handle, path, shared=True, wait=True)
    return [handle]


def _alone(path: Path) -> tuple[int, str | None]:
    """Open and lock specs, a moment's plans waited for; say who holds them where that is a run that goes on."""
    handle, began = open_lock(path), time.monotonic()
    while not lock(handle, path):
        who = os.pread(handle, 4096, 0)
        if time.monotonic() - began > (PATIENCE if not who else 1.0):
            return handle, _name(who)
        time.sleep(0.1)
    _write_into(handle, b"")  # what stands there is of a run that is over
    return handle, None


@contextmanager
def no_run(folder: Path) -> Iterator[None]:
    """Keep runs and plans out of a run's folder, while what its jobs read is taken away.

    Raises:
        UserError: a run goes on there.
    """
    handle, by = _alone(folder / "specs" / LOCK)
    try:
        if by is not None:
            raise UserError(f"{folder}: a run goes on here ({by}), whose jobs may read what would go; wait for its end")
        yield
    finally:
        os.close(handle)


def _add(path: Path, missing: Mapping[Path, str]) -> dict[Path, str]:
    """Write specs that are not there, which no run that goes on reads; return those that somebody else wrote otherwise.

    One plan at a time does it: of two that want one file with different content the second finds the first one's.
    """
    handle = open_lock(path)
    lock(handle, path, wait=True)
    for one, content in missing.items():
        if not one.exists():
            _write_changed(one, content)
    os.close(handle)
    return {one: content for one, content in missing.items() if _differs(one, content)}


def _write_into(handle: int, words: bytes) -> None:
    with suppress(OSError):  # another person's file, or a full disk: the lock holds without a name
        os.ftruncate(handle, 0)
        os.pwrite(handle, words, 0)


def _name(who: bytes) -> str:
    try:
        found = json.loads(who)
        return f"process {found['process']} on {found['node']}"
    except (ValueError, KeyError):
        return "another process"


def _refusal(folder: Path, changed: Path, by: str) -> str:
    other = "a checkout of its own" if folder.name == "store" else "another name (--config run=NAME)"
    return (
        f"{changed}: a run that goes on ({by}) has other settings or code here, and its jobs read this file; "
        f"wait for its end, or use {other}"
    )


def _differs(path: Path, content: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") != content
    except (FileNotFoundError, UnicodeDecodeError):
        return True


def _write_changed(path: Path, content: str) -> None:
    if _differs(path, content):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = name_beside(path)
        try:
            beside.write_text(content, encoding="utf-8")
            beside.replace(path)  # not synced to the disk: there are thousands, and a lost one is written again
        except OSError as error:  # a full disk names no file
            with suppress(OSError):
                beside.unlink()
            raise OSError(error.errno, error.strerror, str(path)) from None


def opened_by_name(jobs: Jobs, rule: str, *wildcards: Any) -> tuple[str, ...]:
    """Return the modules that a job's script imports by a string: they belong to its code too."""
    if rule in ("download", "prepare"):
        return modules.of_reading(dataset(wildcards[0]).family)
    if rule == "fetch_text":
        return modules.of_reading(dataset("text").family)
    if rule == "translate":
        return modules.of_facts(dataset(wildcards[0]).family)
    if rule == "pretrain":
        return modules.of_facts("mlm")
    if rule == "featurise":
        settings = settings_of(jobs, rule, *wildcards)
        return modules.of_featurising(settings["kind"], settings["family"])
    if rule == "trim":
        found = settings_of(jobs, rule, *wildcards)["features"]
        return tuple(
            dict.fromkeys(name for one in found for name in modules.of_featurising(one["kind"], one["family"]))
        )
    if rule == "train_intermediate":
        families = {part["family"] for part in parts_of_source(jobs.run, wildcards[1])}
        opened = modules.of_training(families) + modules.of_method(
            jobs.adapters(wildcards[0], "intermediate", wildcards[1])
        )
        return opened + modules.of_division(jobs.run.encoders[wildcards[0]].gpus_per_job)
    if rule == "train_target":
        model, source, target, _ = wildcards
        adapters = jobs.adapters(model, "target", source) or (
            jobs.adapters(model, "intermediate", source) if jobs.is_adapter(model, source, "none") else None
        )
        known = tasks.training_set(target)
        chain = ("xstilts.training.chain",) if known.chain else ()
        opened = modules.of_training({known.family}) + chain + modules.of_method(adapters)
        return opened + modules.of_division(jobs.run.encoders[model].gpus_per_job)
    if rule == "few_shot":
        model, source, target, _, name = wildcards
        follows, family = jobs.run.source(source).base, tasks.task(name).family
        adapters = jobs.adapters(model, "target", follows) if follows else None
        return ("xstilts.training.few_shot", *modules.of_prediction(family), *modules.of_method(adapters))
    if rule == "in_context":
        return ("xstilts.prediction.in_context", *modules.of_facts(tasks.task(wildcards[4]).family))
    if rule == "measure_latency":
        assert jobs.study is not None
        settings = settings_of(jobs, rule, *wildcards)
        kinds = [jobs.study.adapters(model, source=source) for model, source in jobs.study.arms.values()]
        adapted = [name for kind in dict.fromkeys(kinds) for name in modules.of_method(kind)]
        own = ("xstilts.prediction.in_context",) if settings["in_context"] else ()
        return (*dict.fromkeys([*modules.of_facts(settings["family"]), *adapted]), *own)
    if rule in ("index", "predict"):
        model, source, target = wildcards[:3]
        adapters = jobs.adapters(model, source=source) if jobs.is_adapter(model, source, target) else None
        family = tasks.task(wildcards[4]).family
        opened = modules.of_facts(family) if rule == "index" else modules.of_prediction(family)
        return opened + modules.of_method(adapters)
    if rule == "score":
        task = tasks.task(wildcards[4])
        return modules.of_scoring(task.scoring, task.family)
    if rule == "baseline":
        return modules.of_facts(tasks.task(wildcards[0]).family)
    if rule == "measure_speed":
        found = settings_of(jobs, rule, *wildcards)["training"].values()
        opened = modules.of_training({part["family"] for training in found for part in training["parts"]})
        return opened + modules.of_method(next((one["method"]["kind"] for one in found if "method" in one), None))
    if rule == "measure_serving":
        served = settings_of(jobs, rule, *wildcards)["models"]
        kinds = sorted({one["kind"] for one in served} - {"full"})
        return modules.of_facts(*(one["family"] for one in served)) + tuple(
            name for kind in kinds for name in modules.of_method(kind)
        )
    if rule == "study":
        return (f"xstilts.studies.{jobs.run.study.replace('-', '_')}",) if jobs.run.study else ()
    if rule == "overlaps":
        return modules.of_facts(*sorted({dataset(path.parts[-3]).family for path in jobs.all_data()}))
    if rule == "table_tasks":
        return modules.of_facts(*(tasks.task(name).family for name in jobs.run.tasks))
    return ()

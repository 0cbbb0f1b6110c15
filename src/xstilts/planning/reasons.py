"""Why a job will run: new, settings, code or inputs changed, damaged; from what was made and the new specs."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.artifacts import RECEIPT, WORK, Manifest, read_manifest
from xstilts.errors import DataError
from xstilts.files import read_json, sha256
from xstilts.graph.jobs import Jobs
from xstilts.planning.dryrun import Job
from xstilts.training.checkpoint import steps

ARTIFACTS = (
    "world",
    "download",
    "fetch_text",
    "prepare",
    "fetch_translator",
    "translate",
    "sample_text",
    "pretrain",
    "fetch_model",
    "fetch_whole",
    "trim",
    "adopt_source",
    "featurise",
    "train_intermediate",
    "train_target",
    "choose_rate",
    "index",
    "predict",
    "few_shot",
    "in_context",
    "fetch_decoder",
)
SMALL = 1_000_000  # bytes: larger files are compared by size only, so that a plan is instant
FOLLOWS = "follows from jobs before it"
OTHERWISE = "its settings, its code or a file that it reads changed"


@dataclass(frozen=True)
class Reason:
    """Why a job will run, in one line; ``kind`` is what it is counted under."""

    kind: str
    words: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.words}" if self.words else self.kind


def reasons(jobs: Jobs, job: Job, waits: bool) -> list[Reason]:
    """Return why a job will run; ``waits`` says whether a job that it reads from will run too."""
    if job.rule not in ARTIFACTS:
        if job.status == "missing":
            return [Reason("new")]
        return [Reason(FOLLOWS if waits else OTHERWISE)]
    folder = job.outputs[0].parent
    receipt = folder / RECEIPT
    if not receipt.is_file():
        begun = steps(folder / WORK)
        return [Reason("interrupted", f"goes on from the checkpoint of step {begun[-1]}")] if begun else [Reason("new")]
    try:
        made = read_manifest(receipt)
    except DataError as error:
        return [Reason("damaged", str(error))]
    spec = read_json(jobs.spec(job.rule, *job.wildcards))
    found = [*damages(made), *changed_settings(made.content["spec"]["settings"], spec["settings"])]
    found += changed_code(jobs, made.content["spec"]["code"], spec["code"])
    found += changed_inputs(made)
    if found:
        return found
    if waits:
        return [Reason(FOLLOWS)]
    return [Reason("published again", "what lies there is whole and up to date")]


def damages(made: Manifest, hashed: bool = True) -> list[Reason]:
    """Return which files of an artifact are gone or other than they were; dropped ones are not missed."""
    found = []
    for name, entry in made.content["files"].items():
        if name in made.dropped:
            continue
        path = made.folder / name
        if not path.is_file():
            found.append(Reason("damaged", f"{path} is gone"))
        elif path.stat().st_size != entry["bytes"]:
            found.append(Reason("damaged", f"{path} has {path.stat().st_size} bytes and had {entry['bytes']}"))
        elif hashed and entry["bytes"] < SMALL and sha256(path) != entry["sha256"]:
            found.append(Reason("damaged", f"{path} was changed since it was made"))
    return found


def damages_of_done(job: Job) -> list[Reason]:
    """Return what is lost or damaged of a job that Snakemake counts as done: it sees the manifest only."""
    manifest = job.outputs[0]
    if job.rule not in ARTIFACTS or not manifest.is_file():
        return []
    try:
        return damages(read_manifest(manifest), hashed=False)
    except DataError as error:
        return [Reason("damaged", str(error))]


def changed_settings(old: dict[str, Any], new: dict[str, Any]) -> list[Reason]:
    """Return one reason that names each key with its old and new value, none when nothing changed."""
    before, after = dict(flat(old)), dict(flat(new))
    changes = [
        f"{key} {_word(before.get(key))} -> {_word(after.get(key))}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]
    return [Reason("settings changed", ", ".join(changes))] if changes else []


def flat(value: Any, key: str = "") -> Iterable[tuple[str, Any]]:
    """Yield (dotted key, value) of nested settings; parts of a mixture go by their names."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flat(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list) and value and all(isinstance(one, dict) and "name" in one for one in value):
        for one in value:
            yield from flat({name: inner for name, inner in one.items() if name != "name"}, f"{key}.{one['name']}")
    else:
        yield key, value


def _word(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "nothing"
    return "nothing" if value is None else str(value)


def changed_code(jobs: Jobs, old: str, new: str) -> list[Reason]:
    """Return one reason that names the modules that changed; without a record of the old ones it says so."""
    if old == new:
        return []
    try:
        before, after = (read_json(jobs.modules(digest)) for digest in (old, new))
    except DataError:
        return [Reason("code changed", "which modules was not written down at the time")]
    gone = {before[name] for name in before.keys() - after.keys()}  # what is new under another name was moved
    changed = [
        name
        for name in sorted(after)
        if after[name] != before.get(name) and (name in before or after[name] not in gone)
    ]
    return [Reason("code changed", ", ".join(changed) or "an import means another module")]


def changed_inputs(made: Manifest) -> list[Reason]:
    """Return which inputs of an artifact are not what it was made from any more."""
    found = []
    for role, entry in made.content["inputs"].items():
        path = Path(entry["manifest"])
        try:
            if path.is_file() and read_manifest(path).digest != entry["digest"]:
                found.append(f"{role} ({path.parent})")
        except DataError as error:
            return [Reason("damaged", str(error))]
    return [Reason("input changed", ", ".join(found))] if found else []

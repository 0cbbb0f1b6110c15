"""What the jobs of a run took, as their manifests say."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from xstilts.artifacts import WORK
from xstilts.energy import gpus_of
from xstilts.files import read_json

PLANNED = "planned.json"  # what `make` wrote of its plan: no input, as nothing of it enters a result
STAGES = {
    "pretrain": "pretraining of the encoder",
    "train_intermediate": "training on sources",
    "train_target": "training on targets",
    "index": "embedding of candidates",
    "predict": "prediction",
    "in_context": "answers of a decoder from its context",
    "few_shot": "training on examples of languages, and prediction",
}


def costs(folder: Path) -> list[dict[str, Any]]:
    """Return a row a stage of a run's folder, and one of all: what the jobs took, on what, and what was planned.

    A checkpoint that a stopped training left has a manifest, too: that one is no job's.
    """
    paths = [
        path
        for place in ("models", "indexes", "predictions")
        for path in (folder / place).glob("**/manifest.json")
        if WORK not in path.relative_to(folder).parts
    ]
    planned = read_json(folder / PLANNED) if (folder / PLANNED).is_file() else {}
    found = [content for content in map(read_json, sorted(paths)) if content["rule"] in STAGES]
    made = []
    for one in found:
        expected = planned.get("/".join([one["rule"], *map(str, one["wildcards"])]))
        made.append((one["rule"], one["made"] | {"planned": expected, "gpus": gpus_of(one)}))
    rows = [_row(STAGES[stage], [one for rule, one in made if rule == stage]) for stage in STAGES]
    rows.append(_row("all", [one for _, one in made]))
    return [row for row in rows if row["jobs"]]


def _planned(made: list[Mapping[str, Any]]) -> str:
    """Return the time that the plan gave all of these jobs, "" where it did not give it to each."""
    seconds = [one["planned"] for one in made if one["planned"] is not None]
    return _clock(round(sum(seconds))) if len(seconds) == len(made) else ""


def _row(stage: str, made: list[Mapping[str, Any]]) -> dict[str, Any]:
    work = [one.get("work") or {} for one in made]
    # A job that went on from a checkpoint has the seconds of all its tries in its work.
    seconds = [max(one["seconds"], did.get("seconds", 0.0)) for one, did in zip(made, work, strict=True)]
    devices = [one["machine"]["device"] for one in made]
    on_gpu = sum(took * one["gpus"] for took, one in zip(seconds, made, strict=True))
    return {
        "stage": stage,
        "jobs": len(made),
        "time": _clock(round(sum(seconds))),
        "planned": _planned(made),
        "gpu_hours": on_gpu / 3600,
        "tokens": sum(did.get("tokens", 0) for did in work),
        "examples": sum(did.get("examples", 0) for did in work),
        "memory": _most(one.get("peak_memory_mb") for one in made),
        "gpu_memory": _most(one["machine"].get("peak_gpu_memory_mb") for one in made),
        "devices": ", ".join(dict.fromkeys(devices)),
    }


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _most(megabytes: Iterable[int | None]) -> float:
    return max((one for one in megabytes if one is not None), default=0) / 1024

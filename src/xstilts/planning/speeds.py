"""How fast jobs were: what finished in ``results`` on the same machine and encoder corrects the estimates."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from xstilts.config.methods import Method
from xstilts.costs.size import Size, size_in
from xstilts.costs.time import DEVICES, seconds
from xstilts.costs.work import Workload
from xstilts.energy import gpus_of
from xstilts.errors import UserError

COMPUTING = ("pretrain", "train_intermediate", "train_target", "index", "predict", "few_shot")
SHORTEST = 1.0  # seconds: what took less says nothing about speed


@dataclass(frozen=True)
class Measured:
    """A finished job that computed: what it took, on what, and what the shipped estimate of its work is."""

    run: str
    rule: str
    name: str  # the training set or task
    wildcards: tuple[str, ...]
    device: str
    size: Size
    seconds: float  # on all of its GPUs together
    estimated: float  # by the shipped speeds, for the steps and tokens that it had

    @property
    def factor(self) -> float:
        """How many times longer than the shipped estimate it took."""
        return self.seconds / self.estimated


class Speeds:
    """Measured jobs on one device and encoder, and the correction that they give for another job."""

    def __init__(self, measured: list[Measured], device: str) -> None:
        """Take the measured jobs and the device that a plan is for."""
        self.device = device
        self.jobs = [job for job in measured if job.device == device]

    def factor(self, rule: str, name: str, size: Size) -> tuple[float, int]:
        """Return (factor on the shipped estimate, jobs behind it).

        They are those of the same training set or task, else of the rule, else of any rule: how fast the machine is.
        """
        of_size = [job for job in self.jobs if job.size == size]
        same = [job for job in of_size if job.rule == rule]
        nearest = [job for job in same if job.name == name] or same or of_size
        return (median(job.factor for job in nearest), len(nearest)) if nearest else (1.0, 0)


def kind(device: str) -> str:
    """Return which of the two kinds of machine a device is: ``cpu`` or ``gpu``."""
    return "cpu" if device == "cpu" else "gpu"


def set_name(rule: str, wildcards: tuple[str, ...]) -> str:
    """Return the model, source, target or task whose work a job is."""
    return wildcards[{"pretrain": 0, "train_intermediate": 1, "train_target": 2}.get(rule, 4)]


def measured_jobs(results: Path, workload: Workload) -> list[Measured]:
    """Return the finished jobs of all runs below ``results`` that computed long enough to say something.

    Each is compared with the shipped estimate for its own settings and numbers of examples, so that both the machine's
    speed and the tokens of a row are corrected.
    """
    found = []
    sizes = cache(size_in)
    for content, folder in _manifests(results):
        work, made = content["made"].get("work") or {}, content["made"]
        rule, wildcards = content["rule"], tuple(content["wildcards"])
        run = folder.relative_to(results).parts[0]
        size = sizes(results / run / "models" / wildcards[0])
        took = max(made["seconds"], work.get("seconds", 0.0))
        if size is None or not work or took < SHORTEST or not _whole(content, work):
            continue
        estimate = _estimate(workload, content, size)
        if estimate:
            device = made["machine"].get("device", "cpu")
            took *= gpus_of(content) or 1  # estimates are of one
            found.append(Measured(run, rule, set_name(rule, wildcards), wildcards, device, size, took, estimate))
    return found


def _manifests(results: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    for pattern in (
        "*/models/**/manifest.json",
        "*/indexes/*/*/*/*/*/manifest.json",
        "*/predictions/*/*/*/*/*/manifest.json",
    ):
        for path in results.glob(pattern):
            try:
                content = json.loads(path.read_bytes())
                if content["rule"] in COMPUTING and content["reason"] is None:
                    yield content, path.parent
            except (OSError, ValueError, KeyError, TypeError):
                continue  # it is being written, or damaged: that is said where it matters


def _whole(content: dict[str, Any], work: dict[str, Any]) -> bool:
    """A prediction that went on from earlier languages, or an index from earlier blocks, says nothing of a whole."""
    if content["rule"] == "index":
        return bool(work["examples"] == content["results"]["candidates"])
    if content["rule"] not in ("predict", "few_shot"):
        return True
    languages = content["results"]["languages"].values()
    return bool(work["languages"] == sum(not one["reason"] for one in languages))


def _estimate(workload: Workload, content: dict[str, Any], size: Size) -> float:
    """Return the shipped estimate for a measured job: of its own settings and numbers of examples; 0 where none is."""
    settings, made = content["spec"]["settings"], content["made"]
    try:
        if content["rule"] == "index":
            work = workload.indexing(settings)
        elif content["rule"] == "few_shot":
            work = workload.few_shot(settings)
        elif content["rule"] == "predict":
            work = workload.prediction(settings, made["work"]["examples"])
        elif content["rule"] == "pretrain":
            work = workload.work("pretrain", *content["wildcards"])
        else:
            method = Method.model_validate(settings["method"]) if "method" in settings else None
            work = replace(workload.training(settings, content["results"]["train_examples"]), method=method)
    except (KeyError, UserError):
        return 0.0  # of another version, or of a data set that is not known here
    device = kind(made["machine"].get("device", "cpu"))
    threads = 1 if device == "gpu" else int(made.get("threads") or 1)  # as in estimates of jobs to come
    return seconds(work, size, DEVICES[device], threads) if work.rows else 0.0

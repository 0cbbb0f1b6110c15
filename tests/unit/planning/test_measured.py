"""What finished jobs on GPUs say of the next ones: in the same measure as the estimates, one GPU's seconds."""

import json
from pathlib import Path
from typing import Any

import pytest

from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.costs.time import DEVICES, seconds
from xstilts.costs.work import Workload
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.planning.dryrun import output_of
from xstilts.planning.hardware import Machine
from xstilts.planning.remaining import estimate
from xstilts.planning.speeds import Speeds, measured_jobs

ROOT = Path(__file__).parents[3]
MODEL, GPU = "xlm-roberta-base", "NVIDIA H200"


TRAINING = ("train_target", MODEL, "none", "mnli", "1")
PREDICTION = ("predict", MODEL, "none", "none", "1", "bucc2018")


def work_of(results: Path, gpus: int) -> Workload:
    """Return the work of a run of XLM-R Base whose trainings are divided among so many GPUs."""
    changed: dict[str, Any] = {"encoders": {MODEL: {"gpus_per_job": gpus}}}
    return Workload(Jobs(load(read_layers(ROOT, ["small"], changed)), ROOT, results))


def finish(workload: Workload, job: tuple[str, ...], gpus: int, took: float) -> None:
    """Let a job have taken so many seconds on GPUs."""
    rule, *wildcards = job
    jobs, size, rows = workload.jobs, workload.size(MODEL)[0], workload.work(*job).rows
    words = [int(word) if word.isdecimal() else word for word in wildcards]
    languages = {code: {"reason": None} for code in jobs.run.languages_of("bucc2018")}
    content = {
        "rule": rule,
        "wildcards": wildcards,
        "reason": None,
        "spec": {"settings": settings_of(jobs, rule, *words)},
        "results": {"train_examples": {"mnli": rows}, "languages": languages},
        "made": {
            "seconds": took,
            "threads": str(workload.threads(MODEL) * gpus),
            "work": {"examples": rows, "languages": len(languages)},
            "machine": {"device": GPU},
        },
    }
    place = output_of(jobs, rule, *wildcards)
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(content))
    keys = ("vocab_size", "max_position_embeddings", "num_hidden_layers", "hidden_size", "intermediate_size")
    sizes = (size.vocabulary, size.positions, size.layers, size.hidden, size.inner)
    encoder = jobs.pretrained(MODEL).parent / "config.json"
    encoder.parent.mkdir(parents=True, exist_ok=True)
    encoder.write_text(json.dumps(dict(zip(keys, sizes, strict=True))))


@pytest.mark.parametrize(("job", "gpus"), [(TRAINING, 1), (TRAINING, 4), (PREDICTION, 1), (PREDICTION, 4)])
def test_a_job_that_took_what_was_estimated_corrects_nothing(tmp_path: Path, job: tuple[str, ...], gpus: int) -> None:
    workload = work_of(tmp_path, gpus)
    shipped = seconds(workload.work(*job), workload.size(MODEL)[0], DEVICES["gpu"])
    divided = workload.cards(*job)
    assert divided == (gpus if job is TRAINING else 1)
    finish(workload, job, divided, shipped / divided)
    (found,) = measured_jobs(tmp_path, workload)
    assert found.factor == pytest.approx(1), "a second thread makes no GPU faster, and several GPUs do the work of one"
    machine = Machine("none", GPU, 8, 8, "GPUs")
    again = estimate(workload, machine, Speeds([found], GPU), job[0], job[1:])
    assert again.behind == 1 and again.seconds == pytest.approx(shipped)

"""What the arms of a study should cost, written down before any of them is measured."""

from pathlib import Path
from typing import Any

from xstilts.config.layers import merged
from xstilts.config.run import load
from xstilts.config.study import Study
from xstilts.costs.disk import bytes_of_adapters, bytes_of_model
from xstilts.costs.gpu_memory import training_parts
from xstilts.costs.time import DEVICES, seconds
from xstilts.costs.work import Workload
from xstilts.files import write_text
from xstilts.graph.arms import of_arm
from xstilts.graph.jobs import StudyJobs
from xstilts.reporting.scores import csv_text
from xstilts.studies.costs import MEMORY, PREDICTED, TRAININGS


def predict_study(settings: dict[str, Any], folder: Path, code: Path) -> None:
    """Write ``predicted.csv``: a row an arm, by the shipped speeds of one thread of a CPU and of a GPU.

    Args:
        settings: of the job's spec: the study, and the configuration of its arms.
        folder: of the study in the run's results.
        code: the folder of the workflow.
    """
    machine = {"optimisation": {"checkpoint_minutes": 15}}  # which costs nothing, and stands in no spec
    configuration = merged(settings["configuration"], machine)
    study = Study.model_validate(settings["study"])
    jobs = StudyJobs(load(configuration, of_study=True), code, folder.parents[2], settings=study)
    rows = predicted_costs(jobs)
    write_text(folder / "predicted.csv", csv_text(rows, ("arm", "source", *PREDICTED, *MEMORY)))


def predicted_costs(jobs: StudyJobs) -> list[dict[str, Any]]:
    """Return what each arm should cost, as if it stood alone."""
    workload, rows = Workload(jobs), []
    for arm, (_, source) in jobs.arms.items():
        found = of_arm(jobs, arm)
        computed = [(rule, words) for rule, words in found if rule != "in_context"]  # a decoder of a size of its own
        work = [(workload.work(rule, *map(str, words)), workload.size(words[0])[0]) for rule, words in computed]
        memory = [_memory(jobs, workload, rule, *words) for rule, words in computed if rule in (*TRAININGS, "few_shot")]
        took = {kind: sum(seconds(one, size, DEVICES[kind]) for one, size in work) for kind in ("cpu", "gpu")}
        left = [(words[0], *_left(rule, *words)) for rule, words in found if rule in TRAININGS]
        rows.append(
            {
                "arm": arm,
                "source": source,
                "jobs": len(found),
                "steps": sum(one.steps for one, _ in work),
                "tokens": round(sum(one.tokens for one, _ in work)),
                "forward_tokens": round(sum(one.forward for one, _ in work)),
                "cpu_seconds": round(took["cpu"], 1),
                "gpu_seconds": round(took["gpu"], 1),
                "bytes": sum(_bytes(jobs, *one) for one in left),
            }
            | max(memory, key=lambda one: sum(one.values()), default={})
        )
    return rows


def _memory(jobs: StudyJobs, workload: Workload, rule: str, model: str, source: str, *rest: Any) -> dict[str, int]:
    """Return the bytes of a training by what holds them, for a forward pass as large as its batches are on average."""
    work, known = workload.work(rule, model, source, *map(str, rest)), jobs.run.source(source)
    phase = "intermediate" if rule == "train_intermediate" else "target"
    follows = (known.base or "none") if rule == "few_shot" else source
    parts = training_parts(
        workload.size(model)[0],
        jobs.run.optimisation,
        known.mlm,
        jobs.run.method_in(model, follows, phase),
        work.tokens / max(1, work.micro_batches),
        all_rows=work.all_rows,
        gpus=1 if rule == "few_shot" else jobs.run.encoders[model].gpus_per_job,
    )
    return {name: round(value) for name, value in parts.items()}


def _left(rule: str, model: str, source: str, *rest: Any) -> tuple[str, str]:
    """Return the (source, target) of what a training leaves; target ``none`` is a source's encoder."""
    return source, "none" if rule == "train_intermediate" else rest[0]


def _bytes(jobs: StudyJobs, model: str, source: str, target: str) -> int:
    adapters = jobs.is_adapter(model, source, target)
    return bytes_of_adapters(jobs, model, source) if adapters else bytes_of_model(jobs, model)

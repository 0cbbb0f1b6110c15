# The configuration, checked, and the jobs that follow from it; functions by which rules name their inputs.
import gc
import re
import sys
from pathlib import Path
from shlex import quote

from snakemake.settings.types import DeploymentMethod
from xstilts.config import load
from xstilts.data.lock import LOCK
from xstilts.data.public import try_again
from xstilts.errors import UserError
from xstilts.jobs import Jobs
from xstilts.specs import write_specs
from xstilts.tasks import task as task_of
from xstilts.workload import Workload

# A plan is millions of objects, all of which stay: going through them for garbage took a quarter of its time.
gc.disable()

try:
    run = load(config)
    jobs = Jobs(run, Path(workflow.basedir))
    workload = Workload(jobs)
    if workflow.is_main_process:  # not once more in every job of a cluster
        for name in jobs.downloads():
            try_again(jobs.download(name))
        write_specs(jobs)
    origin = jobs.world.parent if run.data.origin == "world" else run.mirror or jobs.world.parent
    slots = workflow.global_resources.get("gpu_slots")  # of the profile: how many jobs may share a GPU
    # Places and a machine's settings reach the jobs as variables: what a job depends on stands in its spec.
    variables = {
        "PYTHONPATH": Path(workflow.basedir, "src"),
        "XSTILTS_RUN": jobs.here,
        "XSTILTS_ORIGIN": origin,
        "XSTILTS_STORE": jobs.store,
        "XSTILTS_GPU_SLOTS": getattr(slots, "value", None) or 1,
        "XSTILTS_CHECKPOINT_MINUTES": run.optimisation.checkpoint_minutes,
        "XSTILTS_ACTIVATION_CHECKPOINTING": run.optimisation.activation_checkpointing,
    }
    exports = " ".join(f"{name}={quote(str(value))}" for name, value in variables.items())
    if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
        exports += f" PATH={quote(str(Path(sys.executable).parent))}:$PATH"  # the Python that runs this, and no other
    # The shell waits for a training that was asked to end (scancel, the end of a time limit) and writes a checkpoint.
    shell.prefix(f"trap : TERM USR2; export {exports}; ")
except UserError as error:
    raise WorkflowError(str(error)) from None


# A dry run plans without data; a run needs to know where they are before its first job.
onstart:
    gc.freeze()
    gc.enable()
    # A limit on submissions (by default 100 a second) makes Snakemake 9 start a timer at each turn of its scheduler, and
    # each timer brings another turn: after N jobs N turns a second over all waiting jobs, in the end a whole core.
    workflow.scheduler.job_rate_limiter = None
    if run.data.origin == "mirror" and run.mirror is None:
        raise WorkflowError("mirror: is missing; say where the real data are: --config mirror=FOLDER")
    planned = {Path(file) for job in workflow.dag.needrun_jobs() for file in job.output}
    if planned & jobs.from_hub() and not LOCK.is_file():
        raise WorkflowError(f"{LOCK}: is missing; pin what comes from the Hub: make lock RUN={run.run}")


def one_of(names):
    """A pattern that matches exactly these names, and nothing when there are none."""
    return "|".join(map(re.escape, dict.fromkeys(names))) or "(?!)"


def spec_of(rule, *names):
    """The input function that finds a job's spec from its wildcards."""
    return lambda wildcards: jobs.spec(rule, *(wildcards[name] for name in names))


def memory_for(rule, *names):
    """The function by which a job asks for main memory: by its work, and more at each attempt."""
    return lambda wildcards, attempt: workload.memory_mb(attempt, rule, *(wildcards[name] for name in names))


def minutes_for(rule, *names):
    """The function by which a job asks for time: by its work, and more at each attempt."""
    return lambda wildcards, attempt: workload.minutes(attempt, rule, *(wildcards[name] for name in names))


def threads_for(wildcards):
    """The threads of a job that runs a model: by the model's size, so that a second attempt computes the same."""
    return workload.threads(wildcards.model)


def encoder_of(wildcards):
    """The encoder that the training of a target starts from."""
    return jobs.encoder(wildcards.model, wildcards.source, wildcards.seed)


def model_of(wildcards):
    """What a prediction runs: the target's model, or for retrieval the encoder as it is."""
    return jobs.trained(wildcards.model, wildcards.source, wildcards.target, wildcards.seed)


def data_of(kind, name):
    """The input function that finds the data of a source, target, task or model."""
    return lambda wildcards: getattr(jobs, f"data_of_{kind}")(wildcards[name])


wildcard_constraints:
    model=one_of(run.models),
    source=one_of([*run.source_names, *(source for _, source, _, _ in jobs.target_trainings())]),
    target=one_of([*run.targets, "none"]),
    seed=r"\d+",
    task=one_of(run.tasks),
    language="[a-z]+",
    start=one_of(["none", *run.own_encoders]),
    use="intermediate|target|task",
    dataset="[a-z0-9-]+",

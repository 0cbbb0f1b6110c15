# The configuration, checked, and the jobs that follow from it; functions by which rules name their inputs.
import atexit
import gc
import os
import re
import sys

# A plan is millions of objects, all of which stay: going through them for garbage took a quarter of its time, and at the
# end of the process a tenth.
gc.disable()
atexit.register(gc.freeze)

from getpass import getuser
from pathlib import Path
from shlex import quote

from snakemake.settings.types import DeploymentMethod

sys.path.insert(0, str(Path(workflow.basedir, "src")))  # this checkout's library, whatever the environment has

import xstilts
from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.data.fetching.lock import LOCK
from xstilts.data.fetching.public import try_again
from xstilts.errors import UserError
from xstilts.graph.checkpoints import unusable
from xstilts.graph.inputs import inputs_of
from xstilts.graph.jobs import Jobs
from xstilts.graph.places import PRETRAINED
from xstilts.graph.specs import write_specs
from xstilts.graph.weights import needed_again, restoring
from xstilts.leases import OWN as OWN_GPUS
from xstilts.tasks.outside import VARIABLE as TASK_FILES, in_variable
from xstilts.costs.cards import check_cpu, check_gpus
from xstilts.costs.time import spare_cores
from xstilts.costs.work import Workload


def in_braces(text):
    """A text that Snakemake fills in, with the braces that the name of a folder may have."""
    return text.replace("{", "{{").replace("}", "}}")


environment = in_braces(str(Path(workflow.basedir, "envs/environment.yaml")))

try:
    getuser()
except (KeyError, OSError):  # an account without a name, as containers and clusters have them: Snakemake asks for it
    os.environ.update(USER=str(os.getuid()))

try:
    # Read anew, with what each overlay stands on (its key `extends`); captions of the report see it too.
    layered = read_layers(Path(workflow.basedir), workflow.overwrite_configfiles, workflow.config_settings.config)
    config.clear()
    config.update(layered)
    run = load(config)
    jobs = Jobs(run, Path(workflow.basedir))
    workload = Workload(jobs)
    if not Path(xstilts.__file__).is_relative_to(Path(workflow.basedir, "src")):
        raise UserError(f"{xstilts.__file__}: was imported before the library of {workflow.basedir}")
    held_specs = write_specs(jobs) if workflow.is_main_process else []  # not once more in every job of a cluster
    origin = jobs.world.parent if run.data.origin == "world" else run.mirror or jobs.world.parent
    config["recipe"] = jobs.recipe  # the captions of the report name it so
    slots = workflow.global_resources.get("gpu_slots")  # of the profile: how many jobs may share a GPU
    gpus = workflow.global_resources.get("gpu")
    for one in jobs.all:
        check_gpus(one.run, getattr(gpus, "value", None))
    # Places and a machine's settings reach the jobs as variables: what a job depends on stands in its spec.
    variables = {
        "PYTHONPATH": Path(workflow.basedir, "src"),
        "XSTILTS_RUN": jobs.here,
        "XSTILTS_ORIGIN": origin,
        "XSTILTS_STORE": jobs.store,
        TASK_FILES: in_variable(run.task_files),
        "XSTILTS_GPU_SLOTS": getattr(slots, "value", None) or 1,
        OWN_GPUS: int(workflow.remote_exec),
        "XSTILTS_CHECKPOINT_MINUTES": run.optimisation.checkpoint_minutes,
        "XSTILTS_ACTIVATION_CHECKPOINTING": run.optimisation.activation_checkpointing,
    }
    exports = " ".join(f"{name}={quote(str(value))}" for name, value in variables.items())
    if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
        exports += f" PATH={quote(str(Path(sys.executable).parent))}:$PATH"  # the Python that runs this, and no other
    # The shell waits for a training that was asked to end (scancel, the end of a time limit) and writes a checkpoint.
    shell.prefix(in_braces(f"trap : TERM USR2; export {exports}; "))
except UserError as error:
    raise WorkflowError(str(error)) from None
except OSError as error:  # a full disk, a folder that may not be written
    raise WorkflowError(f"{error.filename}: {error.strerror}") from None


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
    for path in planned & incomplete:  # under the lock that keeps others from a folder where a run goes on
        try_again(path)
    keys = [(job.rule.name, tuple(job.wildcards)) for job in workflow.dag.needrun_jobs()]
    named = sum(not job.output for job in workflow.dag.needrun_jobs())  # `all`, `tables`: they make nothing
    told = {"planned": keys, "workload": workload, "named": named}
    logger.info("", extra=told)  # to `--logger xstilts`, which says how long they take
    if planned & set().union(*(one.from_hub() for one in jobs.all)) and not LOCK.is_file():
        ways = f"make lock RUN={run.run}{f' STUDY={run.study}' if run.study else ''}, or this command line with `-- lock`"
        raise WorkflowError(f"{LOCK}: is missing; pin what comes from the Hub first: {ways}")
    needrun = [
        (job.rule.name, tuple(job.wildcards), list(map(Path, job.output))) for job in workflow.dag.needrun_jobs()
    ]
    if (wrong := unusable(jobs, keys)) and not workflow.touch:
        raise WorkflowError("; ".join(wrong))
    surely, perhaps = needed_again(jobs, needrun)
    if surely and not workflow.touch:
        raise WorkflowError(f"weights that were dropped (keep) are needed again: {restoring(surely)}")
    if perhaps:
        logger.warning(f"weights that were dropped (keep) may be needed again: {restoring(perhaps)}")
    try:
        if workflow.local_exec and not workflow.touch:
            check_cpu(workload, keys)
    except UserError as error:
        raise WorkflowError(str(error)) from None
    started()


# Whose configuration has each encoder: the run's, or that of its study.
encoders = {name: one.run for one in reversed(jobs.all) for name in one.run.models}


def one_of(names):
    """A pattern that matches exactly these names, and nothing when there are none."""
    return "|".join(map(re.escape, dict.fromkeys(names))) or "(?!)"


def inputs_for(rule):
    """The function that finds what a job reads, by name, from its wildcards in the order of its output."""
    return lambda wildcards: inputs_of(jobs.owner(rule, *wildcards), rule, *wildcards)


def on_one_machine():
    """Whether this process starts all jobs by itself, on its own machine.

    A dry run for a cluster has no cluster: how many jobs it may submit tells it.
    """
    runs_here = workflow.executor_plugin is not None and workflow.local_exec and not workflow.dryrun
    return workflow.is_main_process and (runs_here or workflow.global_resources["_nodes"].value is None)


def spare():
    """The cores that are free beside the trainings."""
    return spare_cores(workflow.global_resources["_cores"].value, getattr(gpus, "value", None))


def memory_for(rule):
    """The function by which a job asks for main memory: by its work, and more at each attempt.

    A cluster ends a job that takes more than it asked for, so there it asks for a reserve; on one machine the jobs beside
    it have theirs.
    """

    def asked(wildcards, attempt):
        reserve = 1 if on_one_machine() else 2
        memory = workload.of(rule, *wildcards).memory_mb(attempt, rule, *wildcards, reserve=reserve)
        return at_most(memory, "largest_mem_mb")

    return asked


def minutes_for(rule):
    """The function by which a job asks for time: by its work, and more at each attempt."""
    return lambda wildcards, attempt: at_most(workload.of(rule, *wildcards).minutes(attempt, rule, *wildcards))


def minutes_each(minutes):
    """The function by which a job asks for so many minutes, as often as it was tried."""
    return lambda wildcards, attempt: at_most(minutes * attempt)


def minutes_of_serving(wildcards, attempt):
    """The time that measuring answers asks for: 12 hours at 20 seconds a measurement, which is half as much again."""
    measured = jobs.study.settings.serving.seconds or 600  # MLPerf's
    return at_most(round(attempt * max(60, 36 * measured)))


def memory_of(megabytes):
    """The function by which a job asks for a fixed amount of main memory."""
    return lambda wildcards: at_most(megabytes, "largest_mem_mb")


def at_most(asked, limit="longest_minutes"):
    """What a job asks for, but no more than the profile names as the most: more would wait in the queue for ever."""
    most = getattr(workflow.global_resources.get(limit), "value", None)
    return asked if most is None else min(asked, most)


def threads_for(wildcards):
    """The threads of a job that runs a model: by the model's size, so that a second attempt computes the same."""
    return workload.threads(wildcards.model)


def gpus_for(rule):
    """The function by which a training asks for the GPUs that it is divided among."""
    return lambda wildcards: jobs.owner(rule, *wildcards).run.encoders[wildcards.model].gpus_per_job


def threads_of_training(rule):
    """The function by which a training asks for threads: as many for each of its GPUs."""
    return lambda wildcards: threads_for(wildcards) * gpus_for(rule)(wildcards)


wildcard_constraints:
    model=one_of(encoders),
    source=one_of(
        [
            *(source for one in jobs.all for source in one.run.source_names),
            *(source for one in jobs.all for _, source, _ in one.intermediate()),
            *(source for one in jobs.all for _, source, _, _ in one.target_trainings()),
        ]
    ),
    target=one_of([*(target for one in jobs.all for target in one.run.targets), "none"]),
    seed=r"\d+",
    task=one_of(task for one in jobs.all for task in one.run.tasks),
    study=one_of([run.study] if run.study else []),
    language="[a-z]+",
    start=one_of([PRETRAINED, *run.own_encoders]),
    use="intermediate|target|task|index",
    dataset="[a-z0-9-]+",

# What this workflow expects of Snakemake that Snakemake 9.27 does otherwise. Each part says what would happen without it.
from functools import cache

from snakemake import common as snakemake_common, rules as snakemake_rules
from snakemake.dag import DAG
from snakemake.jobs import Job
from snakemake.persistence.file import FilePersistence

from xstilts.costs.host_memory import machine_memory_mb
from xstilts.data.fetching.public import lacks_something
from xstilts.graph.specs import release, sign
from xstilts.graph.started import keep_started
from xstilts.locks import lock as lock_file, open_lock

incomplete = set()  # downloads that lack something which the run reads


def plan_again(build=workflow._build_dag):
    """Build the graph of jobs, and plan each job whose output is missing.

    Without it a missing file is made anew only where a target is missing or old too: a job that failed, whose output
    Snakemake removed, was forgotten where the tables of before still stood.
    """
    if not workflow.is_main_process:
        build()
        return
    share_one_machine()
    runs = workflow.executor_plugin is not None and not (workflow.dryrun or workflow.touch)
    lacking = {jobs.download(name): codes for name, codes in jobs.downloads().items()}
    lacking |= dict.fromkeys(map(jobs.text_in, jobs.fetched_texts()))
    incomplete.update(path for path, codes in lacking.items() if lacks_something(path, codes))
    if runs:
        try:
            sign(held_specs)
            forget_dead_locks(Path(workflow.persistence.path))
        except UserError as error:  # a disk without locks
            raise WorkflowError(str(error)) from None
        except OSError as error:
            raise WorkflowError(f"{error.filename}: {error.strerror}") from None
    workflow.dag.forcefiles.update(map(str, incomplete))
    build()
    if missing := workflow.async_run(missing_outputs()):
        workflow.dag.forcefiles.update(missing)
        workflow.async_run(workflow.dag.update_needrun())
    if runs and not len(workflow.dag):
        started()
    if not runs:
        release(held_specs)


def started():
    """Write down what this command makes, of which nothing or something is left to be done: `xstilts watch` reads it."""
    every = [(job.rule.name, tuple(job.wildcards), tuple(map(str, job.output))) for job in workflow.dag.jobs]
    keep_started(jobs, every)


def share_one_machine():
    """Let the jobs of one machine share its memory, and let `--jobs N` mean N of its cores.

    Without it as many jobs start as there are cores, and the kernel kills some: Snakemake minds what jobs ask for only up
    to a limit. A job that asks for more than the limit has all of it, and is alone. `--jobs N` beside the profile's
    `cores` would start N jobs whatever cores they ask for, as on a cluster.
    """
    if not on_one_machine():
        return
    limits = workflow.global_resources
    if limits["_nodes"].value is not None:
        limits["_cores"] = min(limits["_cores"].value, limits["_nodes"].value)
        limits["_nodes"] = None
    if getattr(limits.get("mem_mb"), "value", None) is None:
        limits["mem_mb"] = machine_memory_mb()


async def missing_outputs():
    """Return the outputs that are missing of jobs that are not planned."""
    done = [job for job in workflow.dag.jobs if not workflow.dag.needrun(job)]
    return {path for job in done for path in [path async for path in job.missing_output(job.output)]}


def forget_dead_locks(folder):
    """Remove the locks that a Snakemake left which was killed, as nobody who lives holds them; hold this one's own.

    Without it the same command refuses after kill -9 or a power loss until somebody types `snakemake --unlock`.
    """
    path = folder / "alive"
    alive = open_lock(path)  # open, and so locked, until this process ends
    if lock_file(alive, path):
        for left in (folder / "locks").glob("*.lock"):
            left.unlink()
    lock_file(alive, path, shared=True, wait=True)


def let_go(persistence):
    """Remove the locks of this Snakemake as it ends.

    Without it whichever ends first removes those of all that live, also after a run of another name, or the pins that
    `make` looks at before each run: a second Snakemake then made the same files.
    """
    for file in persistence._lockfile.values():
        Path(file).unlink(missing_ok=True)
    persistence._lockfile.clear()


def remembering(update):
    """Find who makes a file once for all who read it.

    Without it each of the tens of thousands of inputs is looked up anew, a third of the time that a plan takes: Snakemake
    remembers by itself only the files that nobody makes.
    """

    async def updated(dag, candidates, file=None, visited=None, known_producers=None, **rest):
        known = {} if known_producers is None else known_producers
        producer = await update(dag, candidates, file=file, visited=visited, known_producers=known, **rest)
        if file is not None:
            known[file] = [producer]
        return producer

    updated.remembers = True
    return updated


def announced_once(log_info, command):
    """Return what announces a job, and its shell command: filled in once while the job is announced.

    Without it Snakemake fills it in three times, printed or not: a sixth of a dry run of the paper.
    """
    filled_in = {}

    def announced(job, *arguments, **words):
        filled_in[id(job)] = command(job)
        try:
            log_info(job, *arguments, **words)
        finally:
            del filled_in[id(job)]

    announced.once = True
    return announced, property(lambda job: filled_in[id(job)] if id(job) in filled_in else command(job))


# Without this Snakemake reads the signature of each input and resource function anew for each job, 5 to 8 % of a plan.
if not hasattr(snakemake_common.get_function_params, "cache_info"):
    snakemake_common.get_function_params = cache(snakemake_common.get_function_params)
    snakemake_rules.get_function_params = snakemake_common.get_function_params
workflow._build_dag = plan_again
FilePersistence.unlock, FilePersistence.cleanup_locks = let_go, FilePersistence._delete_locks  # the latter: `--unlock`
if not hasattr(DAG.update, "remembers"):
    DAG.update = remembering(DAG.update)
if not hasattr(Job.log_info, "once"):
    Job.log_info, Job.shellcmd = announced_once(Job.log_info, Job.shellcmd.fget)

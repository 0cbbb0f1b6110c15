"""A plan: every job of a run, whether and why it will run, and what that takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xstilts.config import load
from xstilts.estimates import DEVICES, TOKENISING, seconds
from xstilts.files import read_json
from xstilts.jobs import Jobs
from xstilts.planning.dryrun import Job, ask_snakemake, run_folder
from xstilts.planning.inputs import inputs_of
from xstilts.planning.machine import Machine, machine_of
from xstilts.planning.reasons import Reason, damages_of_done, reasons
from xstilts.planning.speeds import COMPUTING, Measured, Speeds, kind, measured_jobs, set_name
from xstilts.workload import Workload

STAGES = {
    "data": ("world", "download", "prepare", "fetch_translator", "translate", "sample_text"),
    "encoder": ("pretrain", "fetch_model", "adopt_source"),
    "features": ("featurise",),
    "intermediate": ("train_intermediate",),
    "target": ("train_target", "choose_rate"),
    "predictions": ("predict",),
    "scores": ("score",),
    "dropped": ("drop",),
}
REPORT = "tables, figures"
LOCAL_SECONDS = 0.4  # a small job with its share of the engine, on one core: measured on the demo's scores


@dataclass(frozen=True)
class Planned:
    """A job with why it will run, or what is damaged of a done one, and the seconds that it should take."""

    job: Job
    stage: str
    why: tuple[Reason, ...]
    seconds: float
    factor: float  # on the shipped estimate
    behind: int  # measured jobs behind the factor; 0: the shipped estimate
    assumed: frozenset[str]


@dataclass(frozen=True)
class Plan:
    """What a command line of Snakemake would do."""

    jobs: Jobs
    workload: Workload
    machine: Machine
    planned: tuple[Planned, ...]
    everywhere: tuple[Measured, ...]  # finished jobs of all runs

    @property
    def pending(self) -> tuple[Planned, ...]:
        """The jobs that will run."""
        return tuple(one for one in self.planned if one.job.pending)

    def wall_seconds(self) -> float:
        """Return how long the run takes at least: the work divided among devices, or its longest chain."""
        finish: dict[Path, float] = {}
        total = small = 0.0
        for one in self.planned:  # upstream first
            if not one.job.pending:
                continue
            if one.job.rule not in COMPUTING:
                small += one.seconds
                continue
            total += one.seconds
            before = max((finish.get(path, 0.0) for path in inputs_of(self.jobs, one.job)), default=0.0)
            finish.update(dict.fromkeys(one.job.outputs, before + one.seconds))
        return max(total / self.machine.at_once, *finish.values(), 0.0) + small / self.machine.cores


def stage_of(rule: str) -> str:
    """Return the stage that a rule belongs to."""
    return next((stage for stage, rules in STAGES.items() if rule in rules), REPORT)


def make_plan(arguments: Sequence[str]) -> Plan:
    """Ask Snakemake what a command line would do, and the specs why; estimate what it takes."""
    found = ask_snakemake(arguments)
    folder = run_folder(found)
    jobs = Jobs(load(read_json(folder / "configuration.json")), Path(), results=folder.parent)
    workload = Workload(jobs)
    measured = measured_jobs(jobs.results, workload)
    gpus = [one.device for one in measured if one.device != "cpu"]
    machine = machine_of(arguments, gpus)
    speeds = Speeds(measured, machine.device)
    will_run = {path for job in found if job.pending for path in job.outputs}
    order = [*(rule for rules in STAGES.values() for rule in rules)]
    found.sort(key=lambda job: order.index(job.rule) if job.rule in order else len(order))
    planned = [_planned(jobs, workload, machine, speeds, job, will_run) for job in found]
    return Plan(jobs, workload, machine, tuple(planned), tuple(measured))


def _planned(
    jobs: Jobs, workload: Workload, machine: Machine, speeds: Speeds, job: Job, will_run: set[Path]
) -> Planned:
    why = () if job.pending else tuple(damages_of_done(job))
    if job.pending:
        known = job.rule == "baseline" or stage_of(job.rule) != REPORT
        waits = any(path in will_run for path in inputs_of(jobs, job)) if known else bool(will_run - {*job.outputs})
        why = tuple(reasons(jobs, job, waits))
    if job.rule not in COMPUTING:
        rows = workload.rows_of_features(*job.wildcards[2:]) if job.rule == "featurise" else 0
        return Planned(job, stage_of(job.rule), why, LOCAL_SECONDS + TOKENISING * rows, 1.0, 0, frozenset())
    size, is_known = workload.size(job.wildcards[0])
    work = workload.work(job.rule, *job.wildcards)
    estimate = seconds(work, size, DEVICES[kind(machine.device)], workload.threads(job.wildcards[0]))
    factor, behind = speeds.factor(job.rule, set_name(job.rule, job.wildcards), size)
    assumed = work.assumed if is_known else work.assumed | {"size of the encoder"}
    return Planned(job, stage_of(job.rule), why, estimate * factor, factor, behind, assumed)

"""A plan: every job of a run, whether and why it will run, and what that takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xstilts.config.run import load
from xstilts.costs.cards import card_bytes, remedy
from xstilts.costs.work import Workload
from xstilts.files import read_json
from xstilts.graph.checkpoints import unusable
from xstilts.graph.inputs import read_by
from xstilts.graph.jobs import Jobs
from xstilts.graph.weights import needed_again
from xstilts.planning.dryrun import Job, ask_snakemake, run_folder
from xstilts.planning.hardware import Machine, machine_of
from xstilts.planning.reasons import Reason, damages_of_done, reasons
from xstilts.planning.remaining import Link, estimate, wall_seconds
from xstilts.planning.speeds import COMPUTING, Measured, Speeds, measured_jobs

STAGES = {
    "data": ("world", "download", "fetch_text", "prepare", "fetch_translator", "translate", "sample_text"),
    "encoder": ("pretrain", "fetch_model", "fetch_whole", "trim", "adopt_source", "fetch_decoder"),
    "features": ("featurise",),
    "intermediate": ("train_intermediate",),
    "target": ("train_target", "choose_rate"),
    "predictions": ("index", "predict", "few_shot", "in_context"),
    "scores": ("score",),
    "dropped": ("drop",),
}
REPORT = "tables, figures"


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

    @property
    def trained(self) -> Jobs:
        """The jobs whose trainings are meant: those of the study where nothing else of the run is asked for."""
        whole = self.jobs.study is None or any(one.job.rule == "table_main" for one in self.planned)
        return self.jobs if whole or self.jobs.study is None else self.jobs.study

    def too_large(self) -> list[str]:
        """Return a line for each model whose trainings do not fit the machine's cards, with the numbers."""
        found, memory = [], self.machine.memory
        for one in self.pending:
            if memory is None or one.job.rule not in ("train_intermediate", "train_target"):
                continue
            jobs, model = self.jobs.owner(one.job.rule, *one.job.wildcards), one.job.wildcards[0]
            needed, gpus = card_bytes(jobs, model), jobs.run.encoders[model].gpus_per_job
            if needed > memory:
                where = "a card" if gpus == 1 else f"each of {gpus} cards"
                found.append(
                    f"encoders.{model}: a training needs about {needed / 2**30:,.0f} GiB on {where} (calculated), and "
                    f"{self.machine.device} has {memory / 2**30:,.0f}; set {remedy(jobs, model, memory)}"
                )
        return list(dict.fromkeys(found))

    def unusable(self) -> list[str]:
        """Return a line for each folder of the user's own that pending jobs would refuse."""
        return unusable(self.jobs, [(one.job.rule, one.job.wildcards) for one in self.pending])

    def without_weights(self) -> tuple[list[Path], list[Path]]:
        """Return the models whose dropped weights the pending jobs need, and those that they may need."""
        planned = [(one.job.rule, one.job.wildcards, one.job.outputs) for one in self.pending]
        return needed_again(self.jobs, planned)

    def wall_seconds(self) -> float:
        """Return how long the run takes at least: the work divided among devices, or its longest chain."""
        links = [
            Link(
                one.job.rule,
                one.job.outputs,
                tuple(read_by(self.jobs, one.job.rule, *one.job.wildcards)) if one.job.rule in COMPUTING else (),
                one.seconds,
                self.workload.of(one.job.rule, *one.job.wildcards).cards(one.job.rule, *one.job.wildcards),
            )
            for one in self.pending  # upstream first
        ]
        return wall_seconds(links, self.machine)


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
    jobs: Jobs,
    workload: Workload,
    machine: Machine,
    speeds: Speeds,
    job: Job,
    will_run: set[Path],
) -> Planned:
    why = () if job.pending else tuple(damages_of_done(job))
    if job.pending:
        waits = any(path in will_run for path in read_by(jobs, job.rule, *job.wildcards))
        why = tuple(reasons(jobs, job, waits))
    took = estimate(workload, machine, speeds, job.rule, job.wildcards)
    return Planned(job, stage_of(job.rule), why, took.seconds, took.factor, took.behind, took.assumed)

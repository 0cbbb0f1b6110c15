"""How long jobs should take, each and all together: by measured speeds, and by those of the run that goes on."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from xstilts.costs.time import DEVICES, TOKENISING, seconds
from xstilts.costs.work import Workload
from xstilts.errors import DataError
from xstilts.files import read_object, write_json
from xstilts.graph.inputs import read_by
from xstilts.planning.dryrun import output_of
from xstilts.planning.hardware import Machine, machine_of
from xstilts.planning.speeds import COMPUTING, Speeds, kind, measured_jobs, set_name

LOCAL_SECONDS = 0.4  # a small job with its share of the engine, on one core: measured on the demo's scores
PLANNED = "planned.json"  # in a run's folder; read by xstilts.reporting.page.costs
Key = tuple[str, tuple[str, ...]]  # rule, wildcards


@dataclass(frozen=True)
class Estimate:
    """Seconds that a job should take, on one GPU or thread whatever it is divided among, and what they rest on."""

    seconds: float
    factor: float = 1.0  # on the shipped estimate
    behind: int = 0  # measured jobs behind the factor; 0: the shipped estimate
    assumed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Link:
    """A job among others: what it makes, what it reads, the seconds that it takes on all of its GPUs together."""

    rule: str
    makes: tuple[Path, ...]
    reads: tuple[Path, ...]
    seconds: float
    gpus: int = 1

    @property
    def clock(self) -> float:
        """The seconds that it takes by the clock."""
        return self.seconds / self.gpus


def estimate(workload: Workload, machine: Machine, speeds: Speeds, rule: str, wildcards: tuple[str, ...]) -> Estimate:
    """Return how long a job should take: the shipped estimate of its work, corrected by measured jobs like it."""
    workload = workload.of(rule, *wildcards)
    if rule not in COMPUTING:
        rows = workload.rows_of_features(*wildcards[2:]) if rule == "featurise" else 0
        return Estimate(LOCAL_SECONDS + TOKENISING * rows)
    size, is_known = workload.size(wildcards[0])
    work = workload.work(rule, *wildcards)
    device = kind(machine.device)
    threads = 1 if device == "gpu" else workload.threads(wildcards[0])  # a GPU is no faster for a job's second thread
    shipped = seconds(work, size, DEVICES[device], threads)
    factor, behind = speeds.factor(rule, set_name(rule, wildcards), size)
    if not behind and not machine.bfloat16:
        factor = seconds(work, size, DEVICES["cpu-float32"], threads) / shipped
    assumed = work.assumed if is_known else work.assumed | {"size of the encoder"}
    return Estimate(shipped * factor, factor, behind, assumed)


def wall_seconds(jobs: Iterable[Link], machine: Machine) -> float:
    """Return how long jobs, upstream first, take at least: the work divided among devices, or its longest chain."""
    finish: dict[Path, float] = {}
    total = small = 0.0
    for job in jobs:
        if job.rule not in COMPUTING:
            small += job.seconds
            continue
        total += job.clock if machine.whole_jobs else job.seconds
        before = max((finish.get(path, 0.0) for path in job.reads), default=0.0)
        finish.update(dict.fromkeys(job.makes, before + job.clock))
    return max(total / machine.at_once, *finish.values(), 0.0) + small / machine.cores


@dataclass(frozen=True)
class Expected:
    """The jobs of a run that began, as they were expected: upstream first."""

    machine: Machine
    jobs: Mapping[Key, Link]

    def left(self, took: Mapping[Key, float | None], running: Mapping[Key, tuple[float, float | None]]) -> float:
        """Return the seconds that the run still takes.

        Args:
            took: seconds of each finished job; what those of a rule took longer than expected, the rest of them will.
                None is of one that went on from a checkpoint.
            running: of each running job (seconds since it began, seconds that its log says are left).
        """
        ratios = {rule: self._ratio(took, {rule}) for rule in {job.rule for job in self.jobs.values()}}
        others = self._ratio(took, set(COMPUTING))
        rest = []
        for key, job in self.jobs.items():
            if key in took:
                continue
            whole = job.clock * (ratios[job.rule] or (others if job.rule in COMPUTING else None) or 1.0)
            since, said = running.get(key, (0.0, None))
            rest.append(replace(job, seconds=job.gpus * (max(whole - since, 0.0) if said is None else said)))
        return wall_seconds(rest, self.machine)

    def _ratio(self, took: Mapping[Key, float | None], rules: set[str]) -> float | None:
        known = {key: value for key, value in took.items() if key[0] in rules and key in self.jobs}
        whole = {key: value for key, value in known.items() if value is not None}
        expected = sum(self.jobs[key].clock for key in whole)
        return sum(whole.values()) / expected if expected else None


def keep_planned(folder: Path, jobs: Mapping[Key, Link]) -> None:
    """Write down in a run's folder what its jobs should take, beside what earlier calls planned: for its page."""
    path = folder / PLANNED
    new = {"/".join([rule, *wildcards]): job.clock for (rule, wildcards), job in jobs.items() if rule in COMPUTING}
    if not new:
        return
    try:
        known = read_object(path) if path.is_file() else {}
    except DataError:
        known = {}  # a damaged one: it is only a memory
    with suppress(OSError):  # a full disk: the jobs say so
        write_json(path, known | new)


def expect(workload: Workload, keys: Sequence[Key], arguments: Sequence[str]) -> Expected:
    """Return what a run's jobs should take on the machine that a command line of Snakemake means.

    Args:
        workload: of the run.
        keys: the jobs that will run, in any order.
        arguments: of ``snakemake``.
    """
    jobs = workload.jobs
    measured = measured_jobs(jobs.results, workload)
    machine = machine_of(arguments, [one.device for one in measured if one.device != "cpu"])
    speeds = Speeds(measured, machine.device)
    links = {}
    for rule, wildcards in sorted(keys, key=lambda key: COMPUTING.index(key[0]) if key[0] in COMPUTING else -1):
        computes = rule in COMPUTING
        makes = (output_of(jobs, rule, *wildcards),) if computes else ()
        reads = tuple(read_by(jobs, rule, *wildcards)) if computes else ()
        gpus = workload.of(rule, *wildcards).cards(rule, *wildcards)
        took = estimate(workload, machine, speeds, rule, wildcards).seconds
        links[rule, wildcards] = Link(rule, makes, reads, took, gpus)
    return Expected(machine, links)

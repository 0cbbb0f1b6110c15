"""Incidents on a real SLURM, of jobs, of the cluster and of Snakemake: each ends in the tables of a local run."""

import re
from collections.abc import Callable
from datetime import datetime
from itertools import combinations
from pathlib import Path

import pytest
from cluster import Cluster, Run, running, wait_for
from conftest import run_locally

pytestmark = pytest.mark.slow
GOING_ON = "going on from the checkpoint of step"
PART = ("--config", "sources=none", "tasks=xnli")  # one training, one prediction


def reports(run: Run, job: str) -> list[str]:
    """Return the report of a failed job, as often as there is one."""
    return re.findall(rf"SLURM-job '{job}' failed, SLURM status is: '(\w+)'", run.said)


def test_an_orphan_of_a_killed_snakemake_goes_on_and_has_no_second_writer(
    cluster: Cluster, start: Callable[..., Run], local: Path
) -> None:
    killed = start(cluster, *PART)
    _, orphan = killed.hold("none/mnli/1")
    killed.process.kill()
    killed.process.wait()
    again = start(cluster, *PART)
    log = again.folder / "results/tiny/logs/train_target/tiny/none/mnli/1.log"
    waits = f"waits for process {orphan.pid} on"
    wait_for("a second job that waits", lambda: log.is_file() and waits in log.read_text())
    assert len(cluster.ask("squeue", "-h", "-t", "RUNNING").splitlines()) == 2
    orphan.go_on()
    assert again.finish() == run_locally(local, *PART)
    assert cluster.job(orphan.job)["JobState"] == "COMPLETED"
    assert "step " not in log.read_text(), "the second job trained nothing"
    made = [entry["machine"]["slurm_job"] for entry in again.made()]
    assert orphan.job in made, "what the orphan made is what the run goes on with"


def test_what_happens_to_jobs_and_cluster_ends_in_the_same_tables(
    cluster: Cluster, start: Callable[..., Run], local: Path
) -> None:
    no_warning = ("--set-resources", "train_intermediate:slurm_extra='--requeue'")  # the profile's --signal is not set
    run = start(cluster, *no_warning)

    # Three trainings are ready and two GPUs are there: each is stopped in the middle, and meets its fate.
    fates = {
        "none/udpos/1": lambda job: cluster.ask("scontrol", "requeue", job),
        "none/mnli/1": lambda job: cluster.ask("scontrol", "update", f"jobid={job}", "TimeLimit=5"),
        "mnli/none/1": lambda job: cluster.ask("scontrol", "update", f"jobid={job}", "TimeLimit=1"),
    }
    held = {}
    while waiting := fates.keys() - held.keys():
        name, one = run.hold(*waiting)
        if not held:
            wait_for("a job that waits for a GPU", lambda: [job for job in cluster.queue() if job[-1] == "Resources"])
            assert sorted(state for _, state, _ in cluster.queue()) == ["PENDING", "RUNNING", "RUNNING"]
        held[name] = one
        fates[name](one.job)
    requeued, warned, timed_out = (held[name].job for name in fates)

    wait_for("the end of what was requeued", lambda: cluster.job(requeued)["JobState"] != "COMPLETING")
    # Its srun asks the controller once more: without one it fails, as any job does that begins just then.
    run.begins_again("none/udpos/1", held["none/udpos/1"])

    # The controller is away for longer than the plugin waits for it.
    cluster.end("slurmctld")
    run.writes("Falling back to 'sacct' for status queries (MinJobAge=None")
    cluster.start()

    # Someone cancels a job; the node goes down with another, and comes back.
    name, one = run.hold("mnli/mnli/1", "mnli/udpos/1")
    cluster.ask("scancel", one.job)
    cancelled = one.job
    _, one = run.hold(*{"mnli/mnli/1", "mnli/udpos/1"} - {name})
    lost = one.job
    run.says(f"SLURM-job '{cancelled}' failed")
    cluster.ask("scontrol", "update", "nodename=n1", "state=down", "reason=test")
    wait_for("the end of the process on the node", lambda: not running(one.pid))
    cluster.start()  # brings back what is down

    assert run.finish() == run_locally(local)
    assert reports(run, warned) == ["FAILED"]
    assert reports(run, timed_out) == ["TIMEOUT"]
    assert reports(run, cancelled) == ["CANCELLED"]
    assert run.said.count("asked to stop: a checkpoint holds step") >= 1, "the end of the log stands in the report"
    for job in (requeued, lost):  # the same job, started again by SLURM
        assert reports(run, job) == [] and cluster.job(job)["Restarts"] != "0"
        assert cluster.job(job)["JobState"] == "COMPLETED"
    assert GOING_ON in run.log("train_intermediate/tiny/mnli/1")
    for name in ("none/mnli/1", "none/udpos/1", "mnli/mnli/1", "mnli/udpos/1"):
        assert GOING_ON in run.log(f"train_target/tiny/{name}")
    never_share_a_gpu(run)


def test_with_accounting_each_failure_is_reported_once_and_ends_in_the_same_tables(
    accounting_cluster: Cluster, start: Callable[..., Run], local: Path
) -> None:
    cluster = accounting_cluster
    too_little = ("--set-resources", "predict:mem_mb=200 if attempt == 1 else 3000")
    run = start(cluster, *PART, *too_little)

    _, cancelled = run.hold("none/mnli/1")
    cluster.ask("scancel", cancelled.job)
    run.says(f"SLURM-job '{cancelled.job}' failed")

    # An urgent job takes both GPUs while the database is away.
    _, preempted = run.hold("none/mnli/1")
    cluster.end("slurmdbd")
    cluster.ask("sbatch", "--partition=urgent", "--gpus=2", "--mem=10", "--output=/dev/null", "--wrap=true")
    run.says(f"SLURM-job '{preempted.job}' failed")
    cluster.start()
    run.stop_when_large("workflow/scripts/predict.py", 150)  # SLURM looks once a second: a fast job would be done

    assert run.finish() == run_locally(local, *PART)
    assert GOING_ON in run.log("train_target/tiny/none/mnli/1")
    assert reports(run, cancelled.job) == reports(run, preempted.job) == ["CANCELLED"]
    killed = re.findall(r"SLURM-job '\d+' failed, SLURM status is: '(?:FAILED|OUT_OF_MEMORY)'", run.said)
    assert len(killed) == 1 and "Exceeded job memory limit" in run.said.partition(killed[0])[2], "with SLURM's words"
    states = dict(line.split("|")[:2] for line in cluster.ask("sacct", "-XnP", "-o", "JobID,State").splitlines())
    assert states[cancelled.job].startswith("CANCELLED by") and states[preempted.job] == "PREEMPTED"


def never_share_a_gpu(run: Run) -> None:
    """Assert that each job had one GPU, and no two the same one at the same time."""
    spans: dict[str, list[tuple[float, float]]] = {"0": [], "1": []}
    for made in run.made():
        if made["machine"]["slurm_job"]:
            ended = datetime.fromisoformat(made["finished"]).timestamp()
            spans[made["machine"]["slurm_gpus"]].append((ended - made["seconds"], ended))
    assert sum(map(len, spans.values())) >= 9
    for gpu, times in spans.items():
        assert times, f"GPU {gpu} was never used"
        for one, other in combinations(times, 2):
            assert max(one[0], other[0]) >= min(one[1], other[1]) - 1, (gpu, one, other)  # in whole seconds

"""Incidents on a real SLURM, of jobs, of the cluster and of Snakemake: each ends in the tables of a local run."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cluster import Cluster, Run, wait_for
from conftest import run_locally

pytestmark = pytest.mark.slow
PART = ("--config", "sources=none", "tasks=xnli")  # one training, one prediction


def test_an_orphan_of_a_killed_snakemake_goes_on_and_has_no_second_writer(
    cluster: Cluster, start: Callable[..., Run], local: Path
) -> None:
    killed = start(cluster, *PART)
    _, orphan = killed.hold("none/mnli/1")
    killed.process.kill()
    killed.process.wait()
    start(cluster, *PART, "--unlock").process.wait()
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

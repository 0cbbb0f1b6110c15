"""A finished local run to compare with, copies of it without what a GPU makes, and clusters."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from checkout import check_out
from cluster import COMMAND, SCORES, Cluster, Run

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without SLURM the suite is skipped with a word, except where CI says that nothing may be."""
    if shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin") is None and not os.environ.get("CI"):
        for item in items:
            if item.path.is_relative_to(HERE):
                item.add_marker(pytest.mark.skip(reason="SLURM is not installed: make test-slurm installs it"))


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the run was done without a cluster."""
    folder = check_out(tmp_path_factory.mktemp("local")).folder
    shutil.copytree(HERE, folder / "tests/slurm", ignore=shutil.ignore_patterns("__pycache__"))
    run_locally(folder)
    return folder


def run_locally(folder: Path, *arguments: str) -> str:
    """Do the run on two cores of this machine; return the scores."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PROBE": str(folder / "probes")}
    command = [*COMMAND, "--cores", "2", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return (folder / SCORES).read_text()


@pytest.fixture
def start(local: Path, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """The function that starts the workflow on a cluster, with data and pretrained encoder but nothing trained."""
    folder = tmp_path / "checkout"
    shutil.copytree(local, folder, ignore=shutil.ignore_patterns(".snakemake"))
    for name in ("models/tiny/none", "models/tiny/mnli", "predictions", "scores", "tables", "logs"):
        shutil.rmtree(folder / "results/tiny" / name)
    runs: list[Run] = []

    def begin(cluster: Cluster, *arguments: str) -> Run:
        runs.append(Run(folder, cluster, *arguments))
        return runs[-1]

    yield begin
    for run in runs:
        run.process.kill()
        run.process.wait()


def cluster_of(folder: Path, accounting: bool) -> Iterator[Cluster]:
    """Start a cluster; stop it, and whatever its jobs left, whether or not it came up."""
    made = Cluster(folder, accounting)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster without accounting."""
    yield from cluster_of(tmp_path / "slurm", accounting=False)


@pytest.fixture
def accounting_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster with an accounting database."""
    yield from cluster_of(tmp_path / "slurm", accounting=True)

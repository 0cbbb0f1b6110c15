"""One machine: as many jobs at once as its memory holds; without a GPU no large encoder on its CPU without a word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from checkout import CONFIGURATION, Checkout, copy_workflow

pytestmark = pytest.mark.slow

# Jobs write down when they began and ended. Two of the first three have room beside each other; the last one asks for
# more than there is.
JOBS = """
include: "Snakefile"

from xstilts.costs.host_memory import machine_memory_mb

whole = machine_memory_mb()

rule part:
    output: "part{number}"
    resources: mem_mb=lambda wildcards, attempt: int(0.4 * whole)
    shell: "date +%s.%N > {output}; sleep 2; date +%s.%N >> {output}"

rule large:
    output: "large"
    resources: mem_mb=lambda wildcards, attempt: attempt * 10 * whole
    shell: "date +%s.%N > {output}; sleep 2; date +%s.%N >> {output}"
"""
PARTS = ("part1", "part2", "part3")
LARGE = {"layers": 12, "hidden": 768, "heads": 12, "intermediate": 3072}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    copy_workflow(tmp_path / "place")
    return Checkout(tmp_path / "place")


def at_once(checkout: Checkout, *names: str) -> int:
    """Return how many of these jobs ran at the same time at most."""
    found = [tuple(map(float, (checkout.folder / name).read_text().split())) for name in names]
    return max(sum(begin <= moment < end for begin, end in found) for moment, _ in found)


def eight_cores(checkout: Checkout, *arguments: str) -> str:
    """Run the jobs as a machine with many cores does; return what Snakemake printed."""
    (checkout.folder / "Jobs.smk").write_text(JOBS)
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        "Jobs.smk",
        *PARTS,
        "large",
        "--cores",
        "8",
        *arguments,
    ]
    command += ["--nocolor", "--configfile", *checkout.configuration]
    environment = os.environ | {"PYTHONPATH": str(checkout.folder / "src")}
    done = subprocess.run(command, cwd=checkout.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout + done.stderr


def test_jobs_run_beside_each_other_as_far_as_the_memory_goes(checkout: Checkout) -> None:
    eight_cores(checkout)
    assert at_once(checkout, *PARTS) == 2
    assert all(at_once(checkout, part, "large") == 1 for part in PARTS)
    own = ("--resources", f"mem_mb={10**9}")
    assert "Nothing to be done" in eight_cores(checkout, *own), "another limit makes nothing out of date"
    eight_cores(checkout, "--forceall", "--jobs", "8")
    assert at_once(checkout, *PARTS) == 2, "--jobs means cores here, not nodes of a cluster, whose memory nobody minds"
    eight_cores(checkout, "--forceall", *own)
    assert at_once(checkout, *PARTS, "large") == 4, "the user's limit"


def test_a_large_encoder_is_refused_before_the_first_job(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("XSTILTS_CPU", raising=False)
    tiny = yaml.safe_load((checkout.folder / "tests/tiny.yaml").read_text())["encoders"]["tiny"]["pretraining"]
    large = {"run": "large", "models": ["large"], "encoders": {"large": {"pretraining": tiny | LARGE}}}
    (checkout.folder / "large.yaml").write_text(yaml.safe_dump(large))
    run = Checkout(checkout.folder, (*CONFIGURATION, "large.yaml"))
    assert "pretrain/large" in run.plan(), "a plan is a plan"
    said = run.snakemake(check=False)
    assert "large: found no GPU on this machine" in said and "XSTILTS_CPU=1" in said, said[-3000:]
    assert not list(run.folder.glob("results/store/origins/**/manifest.json")), "no job has run"

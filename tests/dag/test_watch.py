"""`xstilts watch`: what runs, where and how far; what was killed or failed; whether anything moves."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from checkout import Checkout

pytestmark = pytest.mark.slow
UDPOS = "results/tiny/models/tiny/none/udpos/1"
LOG = "results/tiny/logs/train_target/tiny/none/udpos/1.log"
LINE = "step 30/60  loss 1.9483  lr 1.67e-04  dev 12.18 (best 20.34 at 49)  10,984 tokens/s  0:04 left"

# A job of the workflow that says one line and then takes long.
JOB = f"""
import sys, time
from pathlib import Path
from xstilts.artifacts import produce

def make(folder, spec, inputs):
    print({LINE!r}, file=sys.stderr, flush=True)
    print("in", flush=True)
    time.sleep(600)

produce(Path("{UDPOS}/manifest.json"), Path("results/tiny/specs/train_target/tiny/none/udpos/1.json"), {{}}, make)
"""


@contextmanager
def job(checkout: Checkout) -> Iterator[subprocess.Popen[str]]:
    (checkout.folder / UDPOS / "manifest.json").unlink()
    (checkout.folder / UDPOS / ".receipt.json").unlink()
    environment = os.environ | {
        "PYTHONPATH": str(checkout.folder / "src"),
        "SLURM_JOB_ID": "4711",
        "CUDA_VISIBLE_DEVICES": "3",
    }
    with open(checkout.folder / LOG, "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", JOB],
            cwd=checkout.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None and process.stdout.readline() == "in\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def watch(checkout: Checkout, *options: str) -> str:
    return checkout.xstilts("watch", "tiny", "--once", *options)


def row(text: str, stage: str) -> list[int]:
    """Numbers of done, running, failed, stopped and waiting jobs of a stage."""
    line = next(line for line in text.splitlines() if line.startswith(f"{stage} "))
    return [int(number) for number in line.removeprefix(stage).split()]


@pytest.fixture(autouse=True)
def _specs_of_today(run: Checkout) -> None:
    """Another test may have edited the configuration: the specs are written anew."""
    run.plan()


def test_a_finished_run_is_all_done(run: Checkout) -> None:
    text = watch(run)
    assert row(text, "target") == [6, 0, 0, 0, 0] and row(text, "scores") == [18, 0, 0, 0, 0]
    assert text.endswith("no snakemake runs here\neverything is done\n")


def test_a_plan_of_a_part_changes_nothing_of_what_is_watched(run: Checkout) -> None:
    before = watch(run).splitlines()[1:]
    run.plan("--config", "sources=none", "tasks=xnli", "languages=en")
    assert watch(run).splitlines()[1:] == before


def test_a_running_job_is_shown_with_place_progress_and_speed_and_a_killed_one_as_stopped(
    run: Checkout, tmp_path: Path
) -> None:
    twin = run.twin(tmp_path / "twin")
    with job(twin) as process:
        text = watch(twin)
        assert row(text, "target") == [5, 1, 0, 0, 0]
        assert "running  train_target tiny/none/udpos/1\n" in text
        assert re.search(rf"on \S+, process {process.pid}, GPU 3, SLURM job 4711, for \d+ s\n", text)
        assert "step 30 of 60 (50 %), 10,984 tokens/s, 0:04 left\n" in text
        assert "nothing moves" not in text
        silent = watch(twin, "--stale", "0")
        assert f"though process {process.pid} on " in silent and "said nothing for" in silent
        process.send_signal(signal.SIGKILL)
        process.wait()
        text = watch(twin)
    assert row(text, "target") == [5, 0, 0, 1, 0]
    assert "stopped  train_target tiny/none/udpos/1: without a checkpoint\n" in text
    assert "nothing moves: 1 job is missing and none holds a lock" in text


def test_a_failed_job_is_shown_with_its_error(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    with open(twin.folder / UDPOS / "model.safetensors", "ab") as handle:
        handle.write(b"more")
    predicted = twin.folder / "results/tiny/predictions/tiny/none/udpos/1/udpos"
    (predicted / "manifest.json").unlink()
    for receipt in predicted.glob(".receipt*.json"):
        receipt.unlink()
    target = str(predicted.relative_to(twin.folder) / "manifest.json")
    said = twin.snakemake("--workflow-profile", "none", target, "--logger", "xstilts", check=False)
    assert re.search(r"^\d\d:\d\d:\d\d  0 of 1 jobs, \d+ s left: predict tiny/none/udpos/1/udpos$", said, re.M), said
    assert "error: predict tiny/none/udpos/1/udpos failed\n" in said and said.count("model.safetensors: ") == 1
    assert "0 of 1 jobs, 1 failed, in 0:00:" in said
    planned = json.loads((twin.folder / "results/tiny/planned.json").read_text())
    assert planned.keys() == {"predict/tiny/none/udpos/1/udpos"} and all(value > 0 for value in planned.values())
    text = watch(twin)
    assert row(text, "predictions") == [9, 0, 1, 0, 0]
    assert re.search(r"^failed   predict tiny/none/udpos/1/udpos: error: .*model.safetensors", text, re.M)


def test_a_table_whose_job_died_of_a_mistake_in_the_code_is_not_called_done(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    log = twin.folder / "results/tiny/logs/figure_curves.log"
    log.write_text("Traceback (most recent call last):\n  File ...\nKeyError: 'loss'\n")
    text = watch(twin)
    assert "failed   figure_curves: KeyError: 'loss'" in text and "everything is done" not in text
    assert "1 job is missing" in text


def test_what_was_made_with_other_settings_than_were_started_is_not_called_done(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    with twin.edited("tests/tiny.yaml", ("udpos: {batch_size: 16,", "udpos: {batch_size: 8,")):
        twin.plan()
        assert row(watch(twin), "target") == [6, 0, 0, 0, 0], "a plan starts nothing"
        twin.snakemake("--touch")
        text = watch(twin)
    assert (
        row(text, "target") == [4, 0, 0, 0, 2] and "2 of those that wait were made with other settings or code" in text
    )
    assert "missing" not in text, "they are there"


def test_an_unknown_run_is_refused_with_the_known_ones(run: Checkout) -> None:
    assert re.search(r"known: .*tiny", run.xstilts("watch", "teeny", "--once", status=2))

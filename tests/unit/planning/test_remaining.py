"""How long a run still takes, by its estimates and by what finished jobs took."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from snakemake_logger_plugin_xstilts import PLACE
from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.costs.work import Workload
from xstilts.graph.jobs import Jobs
from xstilts.planning import hardware
from xstilts.planning.hardware import Machine, machine_of
from xstilts.planning.progress import Progress
from xstilts.planning.remaining import PLANNED, Expected, Key, Link, estimate, keep_planned, wall_seconds
from xstilts.planning.speeds import Measured, Speeds

ROOT = Path(__file__).parents[3]

TWO = Machine("none", "cpu", 2, 2, "two cores")


def training(name: str, seconds: float, after: str | None = None) -> tuple[Key, Link]:
    reads = (Path(after),) if after else ()
    return ("train_target", (name,)), Link("train_target", (Path(name),), reads, seconds)


def test_a_run_takes_its_work_shared_out_or_its_longest_chain() -> None:
    apart = [training(name, 10)[1] for name in "abc"]
    assert wall_seconds(apart, TWO) == 15
    chain = [training("a", 10)[1], training("b", 10, "a")[1], training("c", 10, "b")[1]]
    assert wall_seconds(chain, TWO) == 30
    assert wall_seconds([Link("score", (), (), 1.0)] * 4, TWO) == 2
    assert wall_seconds([], TWO) == 0


def test_a_divided_training_takes_several_gpus_and_less_time() -> None:
    """Its seconds are those of one GPU, as its estimate has them."""
    four, cluster = Machine("none", "H", 4, 8, "GPUs"), Machine("none", "H", 4, 8, "a cluster", whole_jobs=True)
    apart = [replace(training(name, 40)[1], gpus=4) for name in "abcd"]
    assert [wall_seconds(apart, machine) for machine in (four, cluster)] == [40, 10], "one at a time; all at once"
    chain = [replace(training("a", 40)[1], gpus=4), replace(training("b", 40, "a")[1], gpus=4)]
    assert [wall_seconds(chain, machine) for machine in (four, cluster)] == [20, 20]
    expected = Expected(four, {("train_target", (name,)): one for name, one in zip("abcd", apart, strict=True)})
    assert expected.left({}, {}) == 40
    running: dict[Key, tuple[float, float | None]] = {("train_target", ("b",)): (4.0, None)}
    assert expected.left({("train_target", ("a",)): 10.0}, running) == 26
    assert expected.left({("train_target", ("a",)): 10.0}, {("train_target", ("b",)): (4.0, 3.0)}) == 23


@pytest.fixture
def expected() -> Expected:
    scores = {("score", (str(number),)): Link("score", (), (), 1.0) for number in range(8)}
    return Expected(TWO, dict([training("a", 10), training("b", 10, "a"), training("c", 10, "b")]) | scores)


def test_what_finished_is_not_left(expected: Expected) -> None:
    assert expected.left({}, {}) == 30 + 4
    assert expected.left(dict.fromkeys(expected.jobs, 1.0), {}) == 0


def test_finished_jobs_correct_the_estimates_of_their_kind(expected: Expected) -> None:
    slow = {("train_target", ("a",)): 20.0}
    assert expected.left(slow, {}) == 2 * 20 + 4
    assert expected.left(slow | {("score", ("0",)): 0.5}, {}) == 2 * 20 + 7 * 0.5 / 2


def test_what_a_training_took_after_an_interruption_corrects_nothing(expected: Expected, tmp_path: Path) -> None:
    progress = Progress(started=0.0)
    went_on, waited = "going on from the checkpoint of step 90 of 100", "m/a: waits for process 7 on host"
    for name, first in (("a", went_on), ("c", waited), ("b", "step 10/100")):
        (tmp_path / name).write_text(f"{name}/manifest.json: process 1 on host\n{first}\n")
        progress.begin(len(progress.took), ("train_target", (name,)), str(tmp_path / name))
        progress.finish(len(progress.took))
    *not_whole, whole = progress.took.values()
    assert not_whole == [None, None] and whole is not None
    assert expected.left({("train_target", ("a",)): None}, {}) == 20 + 4


def test_a_running_job_has_less_left_by_its_age_or_by_what_its_log_says(expected: Expected) -> None:
    running: Key = ("train_target", ("a",))
    assert expected.left({}, {running: (4.0, None)}) == 26 + 4
    assert expected.left({}, {running: (4.0, 50.0)}) == 70 + 4
    assert expected.left({}, {running: (99.0, None)}) == 20 + 4


def test_a_processor_without_bfloat16_takes_longer_until_jobs_on_it_were_measured(tmp_path: Path) -> None:
    work = Workload(Jobs(load(read_layers(ROOT, ["laptop"])), ROOT, tmp_path))
    model = "multilingual-e5-small"
    job = ("train_target", (model, "none", "mnli", "1"))
    without = replace(TWO, bfloat16=False)
    fast, slow = (estimate(work, machine, Speeds([], "cpu"), *job) for machine in (TWO, without))
    assert 2 < slow.seconds / fast.seconds < 5 and slow.behind == 0
    measured = [Measured("laptop", *job[:1], "mnli", job[1], "cpu", work.size(model)[0], 30.0, 10.0)]
    again = estimate(work, without, Speeds(measured, "cpu"), *job)
    assert again.factor == 3 and again.seconds == pytest.approx(3 * fast.seconds), "what was measured counts, and once"


def test_the_limits_of_a_command_line_count_more_than_the_profiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "device_name", lambda: None)
    (tmp_path / "config.yaml").write_text("cores: all\n")
    profile = ["--workflow-profile", str(tmp_path)]
    allowed = len(os.sched_getaffinity(0))
    assert machine_of(profile).cores == machine_of([*profile, "--cores", "all"]).cores == allowed
    for words in (["--cores", "3"], ["--cores=3"], ["-c", "3"], ["-c3"]):
        assert machine_of([*profile, *words]).cores == 3
    assert machine_of([*profile, "--cores", "3", "--jobs", "2"]).cores == 2, "on one machine --jobs means cores"
    assert machine_of([*profile, "--resources", "mem_mb=9", "gpu=8", "--cores", "2"]).at_once == 8
    (tmp_path / "config.yaml").write_text(
        'resources: ["gpu=4"]\ndefault-resources: ["gpu_memory_gb=40", "runtime=60"]\n'
    )
    assert (machine_of(profile).at_once, machine_of(profile).memory) == (4, 40e9), "Snakemake's list form"
    (tmp_path / "config.yaml").write_text("executor: slurm\njobs: unlimited\n")
    assert machine_of(profile).at_once > 100
    (tmp_path / "config.yaml").write_text("executor: slurm\njobs: 50\n")
    assert [machine_of([*profile, *words]).at_once for words in ([], ["--jobs", "4"], ["-j4"])] == [50, 4, 4]


@pytest.mark.parametrize(("flags", "has"), [("fma avx512_bf16 amx_tile", True), ("fma avx2", False), (None, False)])
def test_the_plan_says_what_the_processor_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str | None, has: bool
) -> None:
    monkeypatch.setattr(hardware, "CPU", tmp_path / "cpuinfo")
    monkeypatch.setattr(hardware, "device_name", lambda: None)
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"model name\t: any\nflags\t\t: {flags}\n", encoding="utf-8")
    machine = machine_of(["--workflow-profile", "none"])
    assert machine.bfloat16 == has and ("without arithmetic in bfloat16" in machine.words) != has


def test_targets_that_only_name_others_are_no_jobs() -> None:
    progress = Progress(started=0.0, done=83, total=84, named=1)
    assert progress.line() == "83 of 83 jobs"
    progress.done = 84
    assert progress.last().startswith("83 of 83 jobs, in ")


def test_a_job_runs_whose_log_spoke_before_its_event_was_read(tmp_path: Path) -> None:
    log, handed_out = tmp_path / "log", time.time() - 60
    log.write_text("step 300/400  loss 1  2,500 tokens/s  0:07 left\n")
    os.utime(log, (handed_out + 1, handed_out + 1))
    progress = Progress(total=1)
    progress.begin(1, ("train_target", ("a",)), str(log), handed_out)
    assert progress.line() == "0 of 1 jobs, 2,500 tokens/s: train_target a (75 %)"


def test_a_damaged_memory_of_plans_is_written_anew(tmp_path: Path) -> None:
    key, link = training("a", 10)
    for text in ("{", "[]"):
        (tmp_path / PLANNED).write_text(text)
        keep_planned(tmp_path, {key: link})
        assert json.loads((tmp_path / PLANNED).read_text()) == {"train_target/a": 10}


def test_a_refusal_before_the_first_job_is_one_line_as_one_of_settings_is() -> None:
    for place in ("<module>", "__onstart", "plan_again"):
        file = 'ile "/a/common.smk", line 9'
        said = f"WorkflowError in f{file}:\nown: found none\n  F{file}, in {place}"
        assert PLACE.sub(r"error: \1", said) == "error: own: found none"


@pytest.mark.parametrize(
    ("rule", "said", "whole"),
    [
        ("predict", "de: 20 examples\n1 of 3 languages needed forward passes\n", False),
        ("predict", "de: 20 examples\n1 of 1 languages needed forward passes\n", True),
        ("train_target", "", False),
        ("train_target", "step 10/100\n", True),
        ("score", "", True),
    ],
)
def test_what_found_its_work_done_corrects_nothing(tmp_path: Path, rule: str, said: str, whole: bool) -> None:
    progress, log = Progress(), tmp_path / "log"
    log.write_text(f"a/manifest.json: process 1 on host\n{said}" if rule != "score" else "")
    progress.begin(1, (rule, ("a",)), str(log))
    progress.finish(1)
    assert (progress.took[rule, ("a",)] is not None) == whole

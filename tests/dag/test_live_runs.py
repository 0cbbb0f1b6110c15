"""While a run goes on: plans beside it, code that is edited under it, its Snakemake killed, a second checkout."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from checkout import CONFIGURATION, Checkout, check_out

pytestmark = pytest.mark.slow
OVERLAPS = "results/tiny/tables/overlaps.csv"
SCORES = [f"results/tiny/scores/tiny/{source}/mnli/1/xnli/en.json" for source in ("none", "mnli")]
EPOCHS = ("udpos: {batch_size: 16, epochs: 2}", "udpos: {batch_size: 16, epochs: 20}")
TRAINING = "results/tiny/models/tiny/none/udpos/1"
METRIC = "src/xstilts/scoring/accuracy.py"

REMARK = ("    return 100.0 * sum(correct(", "    # a remark\n    return 100.0 * sum(correct(")
HALVED = ("    return 100.0 * sum(correct(", "    return 50.0 * sum(correct(")

# Added to what every Python process of the checkout starts with: the job of a script waits for a file `go`.
WAIT = """
import time
if sys.argv[0].endswith("/{rule}.py"):
    pathlib.Path("waits").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.05)
"""


def start(checkout: Checkout, *arguments: str) -> "subprocess.Popen[str]":
    """Start snakemake in a session of its own."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "1", "--nocolor", "--configfile"]
    environment = os.environ | {"PYTHONPATH": "src", "PROBE": str(checkout.probes), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*command, *CONFIGURATION],
        cwd=checkout.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def start_and_hold(checkout: Checkout, rule: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start snakemake and return while a job of a rule waits for the file ``go``."""
    with open(checkout.folder / "src/sitecustomize.py", "a") as hook:
        hook.write(WAIT.format(rule=rule))
    process = start(checkout, *arguments)
    while not (checkout.folder / "waits").exists():
        assert process.poll() is None, process.communicate()[0][-4000:]
        time.sleep(0.05)
    return process


@pytest.fixture
def twin(run: Checkout, tmp_path: Path) -> Checkout:
    return run.twin(tmp_path / "twin")


def specs(checkout: Checkout) -> dict[str, bytes]:
    found = [*checkout.folder.glob("results/*/specs/**/*.json"), *checkout.folder.glob("results/tiny/*.json")]
    return {str(path): path.read_bytes() for path in found}


def test_a_plan_with_other_settings_beside_a_run_changes_nothing_that_its_jobs_read(twin: Checkout) -> None:
    with open(twin.folder / "tests/tiny.yaml", "a") as settings:
        settings.write("# as planned\n")
    (twin.folder / TRAINING / "manifest.json").unlink()
    (twin.folder / TRAINING / ".receipt.json").unlink()
    process = start_and_hold(twin, "train_target", f"{TRAINING}/manifest.json")
    before = specs(twin)
    with twin.edited("tests/tiny.yaml", EPOCHS):
        for said in (
            twin.snakemake("--dry-run", check=False),
            twin.xstilts("plan", "--", "--workflow-profile", "none", "--configfile", *CONFIGURATION, status=2),
        ):
            assert f"a run that goes on (process {process.pid} on " in said, said[-3000:]
            assert "wait for its end, or use another name (--config run=NAME)" in said
    assert specs(twin) == before
    assert "train_target" in twin.snakemake("--dry-run"), "with the same settings it is a plan"
    (twin.folder / "go").touch()
    assert process.wait() == 0, process.communicate()[0][-4000:]
    made = json.loads((twin.folder / TRAINING / "manifest.json").read_bytes())
    assert made["spec"]["settings"]["parts"][0]["epochs"] == 2
    with twin.edited("tests/tiny.yaml", EPOCHS):
        assert "train_target/tiny/none/udpos/1" in twin.plan(), "after it a plan is one again"


def test_a_plan_of_another_run_that_reads_more_data_is_a_plan_beside_one(twin: Checkout) -> None:
    (twin.folder / TRAINING / "manifest.json").unlink()
    (twin.folder / TRAINING / ".receipt.json").unlink()
    process = start_and_hold(twin, "train_target", f"{TRAINING}/manifest.json")
    before = specs(twin)
    more = ("--config", "run=other", "languages=en,qaa,qab")
    planned = twin.plan(*more)
    assert "prepare/xnli/qab" in planned and "train_target/tiny/none/udpos/1" in planned
    assert {path: text for path, text in specs(twin).items() if path in before} == before
    with twin.edited("tests/tiny.yaml", ("retrieval: 24,", "retrieval: 25,")):
        assert "world" in twin.plan(*more), "another world stands elsewhere in the store"
    with twin.edited("src/xstilts/data/readers/retrieval.py", ("def tatoeba(", "UNUSED = 1\n\n\ndef tatoeba(")):
        said = twin.snakemake("--dry-run", *more, check=False)
        assert "/specs/prepare/" in said and f"a run that goes on (process {process.pid} on " in said, said[-3000:]
    (twin.folder / "go").touch()
    assert process.wait() == 0, process.communicate()[0][-4000:]


def test_after_kill_9_of_snakemake_the_same_command_goes_on_by_itself(twin: Checkout) -> None:
    (twin.folder / OVERLAPS).unlink()
    process = start_and_hold(twin, "overlaps", OVERLAPS)
    assert list(twin.folder.glob(".snakemake/locks/*.lock"))
    twin.snakemake("lock")
    assert list(twin.folder.glob(".snakemake/locks/*.lock")), "what ended beside it took its own locks away alone"
    assert "Directory cannot be locked" in twin.snakemake(OVERLAPS, check=False), "while it lives"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (twin.folder / "go").touch()
    assert list(twin.folder.glob(".snakemake/locks/*.lock"))
    twin.snakemake(OVERLAPS)
    assert (twin.folder / OVERLAPS).is_file() and not list(twin.folder.glob(".snakemake/locks/*.lock"))


def test_a_checkout_runs_its_own_code_in_an_environment_that_has_another_one(run: Checkout, twin: Checkout) -> None:
    foreign = os.environ | {"PYTHONPATH": str(run.folder / "src"), "PROBE": str(twin.probes), "OMP_NUM_THREADS": "1"}

    def call(*command: str) -> str:
        command = (sys.executable, "-m", *command)
        done = subprocess.run(command, cwd=twin.folder, env=foreign, capture_output=True, text=True)
        return done.stdout + done.stderr

    command = ("--workflow-profile", "none", "--configfile", *CONFIGURATION)
    with twin.edited(METRIC, HALVED):
        said = call("snakemake", *command, "--dry-run", "--printshellcmds", *SCORES)
        assert said.count("workflow/scripts/score.py") == 2, "planned by the code of this checkout"
        planned = call("xstilts.cli", "plan", "--", *command)
        assert "code changed: xstilts.scoring.accuracy" in planned, planned
        job = ["workflow/scripts/score.py", "--spec", "results/tiny/specs/x", "--predictions", "x", "--data", "x"]
        environment = foreign | {"PYTHONPATH": str(run.folder / "src")}
        done = subprocess.run(
            [sys.executable, *job, "--output", "x"], cwd=twin.folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 2 and done.stderr.startswith("error: "), done.stderr
        assert f"is not the library of this checkout, {twin.folder.resolve()}/src/xstilts" in done.stderr


# The metric is edited while the first of two score jobs runs, or after it has opened what it scores.
EDIT = """
if sys.argv[0].endswith("/score.py"):
    metric, seen = pathlib.Path("{metric}"), []

    def edit(event="open", arguments=("predictions",)):
        if event == "open" and "predictions" in str(arguments[0]) and str(arguments[0]).endswith(".tsv") and not seen:
            seen.append(1)
            metric.write_text(metric.read_text().replace(*{change!r}))

    if "{moment}" == "while it works":
        sys.addaudithook(edit)
    else:
        atexit.register(lambda: metric.write_text(metric.read_text().replace(*{change!r})))
"""


@pytest.mark.parametrize("moment", ["before it starts", "while it works"])
def test_a_job_whose_code_is_edited_under_a_run_refuses(twin: Checkout, moment: str) -> None:
    before = {name: (twin.folder / name).read_bytes() for name in SCORES}
    for name in SCORES:
        (twin.folder / name).unlink()
    hook = twin.folder / "src/sitecustomize.py"
    usual, metric = hook.read_text(), (twin.folder / METRIC).read_text()
    hook.write_text(usual + EDIT.format(metric=METRIC, change=HALVED, moment=moment))
    said = twin.snakemake("--keep-going", *SCORES, check=False)
    hook.write_text(usual)
    errors = {line.strip() for line in said.splitlines() if line.strip().startswith("error: ")}
    assert errors == {
        f"error: {(twin.folder / METRIC).resolve()}: changed since this run was planned; "
        "the same command, started again, plans with the code as it is now"
    }
    there = [name for name in SCORES if (twin.folder / name).exists()]
    assert len(there) == (1 if moment == "before it starts" else 0), "no score of two codes"
    (twin.folder / METRIC).write_text(metric)
    twin.snakemake(*SCORES)
    assert {name: (twin.folder / name).read_bytes() for name in SCORES} == before


def test_a_comment_that_is_written_under_a_run_stops_nothing(twin: Checkout) -> None:
    (twin.folder / SCORES[0]).unlink()
    hook = twin.folder / "src/sitecustomize.py"
    with open(hook, "a") as more:
        more.write(EDIT.format(metric=METRIC, change=REMARK, moment="while it works"))
    twin.snakemake(SCORES[0])


def test_a_lock_of_snakemake_s_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    place = check_out(tmp_path)
    (tmp_path / ".snakemake/alive").mkdir(parents=True)
    said = place.snakemake("--workflow-profile", "none", "--logger", "xstilts", check=False)
    last = [line for line in said.splitlines() if line.strip()][-1]
    assert last.startswith("error: ") and last.endswith("/.snakemake/alive: Is a directory"), said

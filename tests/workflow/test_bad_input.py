"""Whole calls of snakemake on input that a user got wrong."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import copy_workflow

from xstilts.tasks import registry

pytestmark = pytest.mark.slow

PAIRS = "Eins .\tZwei .\t0\nDrei .\tDrei .\t1\n"
PARAGRAPHS = (
    '{"version": "1", "data": [{"title": "Ada", "paragraphs": [{"context": "Ada wrote.", "qas": '
    '[{"id": "q1", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}]}]}]}]}'
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A copy of the project, where no results are yet."""
    folder = tmp_path_factory.mktemp("project")
    copy_workflow(folder)
    return folder


def call(place, *arguments):
    """Call snakemake; return (exit status, the lines that it printed)."""
    profile = ["--workflow-profile", "profiles/default"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--nocolor", "-c1", *profile, *arguments],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(place / "src"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout.splitlines()


def mirror(place, **files):
    """Write a folder of real data with the files of a tiny PAWS-X and XQuAD, some of them replaced."""
    folder = place / "mirror"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(place / "results", ignore_errors=True)
    for name, content in {
        "targets/pawsx/train-en.tsv": PAIRS,
        "targets/pawsx/dev-en.tsv": PAIRS,
        "targets/pawsx/dev-de.tsv": PAIRS,
        "targets/xquad/xquad.de.json": PARAGRAPHS,
        "targets/xquad/xquad.en.json": PARAGRAPHS,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        wanted = files.get(Path(name).name.replace("-", "_").replace(".", "_"), content)
        (folder / name).write_bytes(wanted if isinstance(wanted, bytes) else wanted.encode("utf-8"))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["source=none"], "source: unknown key; did you mean 'sources'?"),
        (
            ["tasks=xnlii"],
            f"tasks: unknown task 'xnlii'; known: {' '.join(registry()[0])}",
        ),
        (["languages=en,xx", "tasks=pawsx"], "languages: no task of this run has 'xx'; known: de en es fr ja ko zh"),
        (["mirror=nowhere"], "mirror: found no folder 'nowhere'; expected one of real data"),
        (["data={origin: cloud}"], "data.origin: found 'cloud'; input should be 'public', 'mirror' or 'world'"),
        (["seeds=one"], "seeds.0: found 'one'; input should be a valid integer, unable to parse string as an integer"),
    ],
)
def test_a_mistake_in_the_configuration_stops_before_anything_runs(place, arguments, line):
    status, lines = call(place, "--config", *arguments)
    assert status != 0
    assert lines.count(line) == 1, "\n".join(lines)
    assert not any("Traceback" in said for said in lines)
    assert not (place / "results").exists()


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ("mirror", "mirror: is missing; say where the real data are: --config mirror=FOLDER"),
        (
            "public",
            "config/lock.yaml: is missing; pin what comes from the Hub first: make lock RUN=paper, or this command "
            "line with `-- lock`",
        ),
    ],
)
def test_a_run_on_real_data_says_at_once_what_it_lacks_and_a_dry_run_plans_without(place, origin, line):
    part = ["--config", "tasks=pawsx", "sources=none", "languages=de", f"data={{origin: {origin}}}"]
    status, lines = call(place, *part)
    assert status != 0
    assert lines.count(line) == 1, "\n".join(lines)
    assert not list((place / "results").rglob("*.log")) and not list((place / "results").rglob("manifest.json"))
    status, lines = call(place, "--dry-run", *part)
    assert status == 0
    assert any(re.fullmatch(r"train_target +3", said) for said in lines)


BROKEN = {
    "too few columns": ({"dev_de_tsv": PAIRS + "Nur eins .\n"}, "pawsx", "targets/pawsx/dev-de.tsv:3: "),
    "a label outside the set": ({"dev_de_tsv": "Eins .\tZwei .\t7\n"}, "pawsx", "targets/pawsx/dev-de.tsv:1: "),
    "broken UTF-8": ({"dev_de_tsv": b"Eins .\tZwei \xff .\t0\n"}, "pawsx", "targets/pawsx/dev-de.tsv:1: "),
    "a truncated file": ({"xquad_de_json": PARAGRAPHS[:90]}, "xquad", "targets/xquad/xquad.de.json:1: "),
    "an offset that does not match": (
        {"xquad_de_json": PARAGRAPHS.replace('start": 0', 'start": 4')},
        "xquad",
        "targets/xquad/xquad.de.json: ",
    ),
}


@pytest.mark.parametrize(("files", "task", "start"), BROKEN.values(), ids=BROKEN)
def test_a_broken_data_file_is_one_line_and_leaves_nothing(place, files, task, start):
    mirror(place, **files)
    part = ["--config", "mirror=mirror", "data={origin: mirror}", f"tasks={task}", "sources=none", "languages=de"]
    target = f"results/store/data/mirror/{task}/de/manifest.json"
    status, lines = call(place, target, *part)
    assert status != 0
    clear = [said.strip() for said in lines if said.strip().startswith("error: ")]
    assert len(clear) == 1, "\n".join(lines)
    assert clear[0].startswith(f"error: mirror/{start}") and "; expected " in clear[0], clear[0]
    assert not any("Traceback" in said for said in lines)
    left = [path for path in (place / target).parent.rglob("*") if path.is_file() and not path.name.startswith(".")]
    assert not left

    mirror(place)
    status, lines = call(place, target, *part)
    assert status == 0, "\n".join(lines)
    assert (place / target).is_file()


UNSHARE = ["unshare", "--user", "--map-user=54321"]  # the same files, as an account that no list of accounts has


@pytest.mark.skipif(subprocess.run([*UNSHARE, "true"], check=False).returncode != 0, reason="no user namespaces here")
def test_an_account_without_a_name_runs_and_a_folder_that_may_not_be_written_is_one_line(place):
    """As containers and clusters have them."""
    shutil.rmtree(place / "results", ignore_errors=True)
    (place / "results").mkdir()
    environment = {key: value for key, value in os.environ.items() if key not in ("USER", "LOGNAME", "USERNAME")}
    environment |= {"PYTHONPATH": str(place / "src"), "LNAME": "", "XDG_CACHE_HOME": str(place / "cache")}
    command = [*UNSHARE, sys.executable, "-m", "snakemake", "--nocolor", "-c1", "--workflow-profile", "none"]
    command += ["--configfile", "config/runs/demo.yaml", "tests/tiny.yaml", "--", "results/tiny/specs/world/none.json"]
    (place / "cache").mkdir(exist_ok=True)

    def said():
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
        return " ".join((done.stdout + done.stderr).splitlines())

    (place / "results").chmod(0o555)
    try:
        refused = said()
    finally:
        (place / "results").chmod(0o755)
    assert "results/store: Permission denied" in refused and "Traceback" not in refused, refused
    assert "MissingRuleException" in (planned := said()) and "KeyError" not in planned, planned

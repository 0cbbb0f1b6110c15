"""What `make` says to words that nobody reads, and to a Python or a .venv that it cannot use."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from snakemake.cli import parse_config

from xstilts.locks import lock, open_lock

ROOT = Path(__file__).parents[2]
INHERITED = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # where a call of make runs the tests
PLAIN = {name: value for name, value in os.environ.items() if name not in INHERITED}


def make(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Call make for its plan only: nothing is installed or run."""
    return subprocess.run(["make", "-n", *words], cwd=place, env=PLAIN, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("demo", "task=xnli"), "task=: found nothing of that name; did you mean tasks?"),
        (("demo", "MIROR=x"), "MIROR=: found nothing of that name; did you mean MIRROR?"),
        (("paper", "RECIPE=jiantt"), "RECIPE=jiantt: found nothing of that name; did you mean jiant?"),
        (("paper", "PROFILE=profiles/cudaa"), "did you mean profiles/cuda?"),
        (("plan", "RUN=nope"), "RUN=nope: found nothing of that name; known: paper"),
        (("small", "ENCODER=org/one"), "ENCODER is read by make xtreme, study, plan, laptop"),
        (("xtreme-r", "ENCODER=org/one"), "a run of another encoder: docs/howto/add-a-model.md"),
        (("laptop", "RECIPE=jiant"), "RECIPE is read by make paper, plan; other settings of another run"),
        (("demo", "RUN=paper"), "RUN is read by make run, study, plan, table, lock"),
        (("demo", "JOBS=4"), "JOBS is read by make plan; how many jobs run at once a profile says"),
        (("table", "RUN=demo", "tasks=xnli"), "tasks is not read by make table, which shows all that RUN has"),
    ],
)
def test_a_word_that_nobody_reads_is_refused_with_what_was_meant(words: tuple[str, ...], said: str) -> None:
    done = make(ROOT, *words, f"PYTHON={sys.executable}")
    assert done.returncode == 2 and said in done.stderr and not done.stdout


def test_a_plan_is_of_the_run_and_with_a_study_of_the_study() -> None:
    """Words after the dashes are targets: a study's, or none for the whole run."""
    planned = [
        make(ROOT, "plan", "RUN=demo", *words, f"PYTHON={sys.executable}").stdout for words in ((), ("STUDY=order",))
    ]
    assert re.search(r"xstilts plan +-- +--workflow-profile", planned[0]), planned[0]
    assert re.search(r"xstilts plan +-- studied --workflow-profile .* study=order", planned[1]), planned[1]


def test_a_mirror_may_lie_anywhere(tmp_path: Path) -> None:
    """What make hands to snakemake, as snakemake reads it."""
    odd = tmp_path / 'it\'s {a} "mirror" [x] \u00e9'
    odd.mkdir()
    command = ["make", "--no-print-directory", "--eval=show: ; @printf %s $(PICK)", "show", f"MIRROR={odd}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert parse_config([done.stdout]) == {"mirror": str(odd)}
    command[-1] = "MIRROR=~/data"  # the shell leaves it so where it stands in quotes
    home = subprocess.run(command, cwd=ROOT, env=PLAIN | {"HOME": str(odd)}, capture_output=True, text=True, check=True)
    assert parse_config([home.stdout]) == {"mirror": str(odd / "data")}


def test_help_names_every_command_and_variable_and_stands_where_none_is_named() -> None:
    told = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout == told
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = {name for line in re.findall(r"^\.PHONY: (.*)$", makefile, re.M) for name in line.split()}
    for name in commands - {"help", "stale"}:
        assert re.search(rf"^make ([\w, -]+, )?{name}\b", told, re.M), name
    (read,) = re.findall(r"^READ := (.*)$", makefile, re.M)
    for name in set(read.split()) - {"STUDY", "CI", "BIN", "GLIBC_TUNABLES"}:
        assert f"{name}=" in told, name


def test_sentence_vectors_reach_snakemake_as_they_are_written() -> None:
    words = 'RETRIEVAL=layer: last, pooling: first, prefix: "it\'s a query: "'
    command = ["make", "--no-print-directory", "--eval=show: ; @printf %s $(PICK)", "show", words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    expected = {"layer": "last", "pooling": "first", "prefix": "it's a query: "}
    assert parse_config([done.stdout]) == {"retrieval": expected}


def test_words_that_are_read_are_not_refused(tmp_path: Path) -> None:
    words = ("sources=none,mnli", "tasks=['/my tasks/a.yaml', xnli]", "languages=en de", f"MIRROR={tmp_path}/a b's")
    assert make(ROOT, "demo", *words).returncode == 0
    command = ["make", "--no-print-directory", "--eval=show: ; @printf '%s\\n' $(PICK)", "show", *words]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [*words[:3], f"mirror={tmp_path}/a b's"], "each reaches Snakemake as one word"


def test_make_laptop_says_how_long_it_takes_and_runs_the_rows_the_seeds_and_what_xtreme_r_adds(tmp_path: Path) -> None:
    mirror, encoder = tmp_path / "mirror", tmp_path / "small encoder"
    encoder.mkdir()
    done = make(ROOT, "laptop", f"MIRROR={mirror}", f"ENCODER={encoder}")
    assert done.returncode == 0, done.stderr
    runs = [line for line in done.stdout.splitlines() if "bin/snakemake" in line and "--logger xstilts" in line]
    for name, line in zip(("laptop", "laptop-seeds", "laptop-r"), runs, strict=True):
        assert f"config/runs/{name}.yaml" in line
        assert '"data={origin: mirror}"' in line, "a folder may hold cuts"
        assert f"run={name}-small-encoder-" in line and str(encoder) in line
    assert done.stdout.index("estimate") < done.stdout.index("--logger xstilts")


def test_a_study_is_of_the_encoder_that_is_named_and_shows_that_run_s_page(tmp_path: Path) -> None:
    done = make(ROOT, "study", "NAME=order", "RUN=laptop-studies", f"ENCODER={tmp_path}", f"MIRROR={tmp_path}")
    assert done.returncode == 0, done.stderr
    (run,) = {word for word in done.stdout.split() if word.startswith("run=laptop-studies-")}
    assert str(tmp_path) in done.stdout and '"data={origin: mirror}"' in done.stdout
    assert f"results/{run.removeprefix('run=')}/studies/order/verdict.md" in done.stdout


@pytest.mark.parametrize(
    ("words", "overlay"),
    [
        (("study", "NAME=size", "RUN=small"), "small"),
        (("study", "NAME=order", "RUN=laptop-studies"), "laptop-studies"),
        (("laptop-rows",), "laptop"),
        (("laptop-seeds",), "laptop-seeds"),
        (("laptop-r",), "laptop-r"),
        (("run", "RUN=small"), "small"),
    ],
)
def test_what_is_read_from_the_hub_is_pinned_before_it_is_read(words: tuple[str, ...], overlay: str) -> None:
    called = [line for line in make(ROOT, *words).stdout.splitlines() if "bin/snakemake" in line]
    assert called[0].endswith("-- lock || :") and f"config/runs/{overlay}.yaml" in called[0]
    assert "--logger xstilts" in called[1] and f"config/runs/{overlay}.yaml" in called[1]
    named = [word.replace("NAME=", "study=") for word in words if word.startswith("NAME=")]
    assert all(word in called[0] for word in named), "the study's encoders and data too"


def test_an_overlay_of_ones_own_runs_under_its_own_name_alone(bare: Path) -> None:
    overlay, tool = bare / "config/runs/mine.yaml", bare / ".venv/bin/snakemake"
    tool.parent.mkdir(parents=True)
    tool.write_text('#!/bin/sh\necho "$@"\n')
    checks = f'case "$*" in *config.layers*) exec {sys.executable} "$@";; esac\n'
    (tool.parent / "python").write_text(f"#!/bin/sh\n{checks}")
    (bare / "src").symlink_to(ROOT / "src")
    for path in tool.parent.iterdir():
        path.chmod(0o755)
    (bare / ".venv/installed").touch()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        call = ["make", "run", *words]
        return subprocess.run(call, cwd=bare, env=PLAIN, capture_output=True, text=True, check=False)

    overlay.write_text("extends: small\nsources: [none]\n")
    refused = run("RUN=mine")
    said = "config/runs/mine.yaml: run: found None; expected the line `run: mine`"
    assert refused.returncode == 2 and said in refused.stderr
    assert "small" not in refused.stdout, "nothing was called"
    study = subprocess.run(
        ["make", "study", "NAME=robustness", "RUN=mine"],
        cwd=bare,
        env=PLAIN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert study.returncode == 2 and said in study.stderr
    assert "--configfile" not in study.stdout, "no model of small was trained anew in place of its own"
    overlay.write_text("extends: small\nrun: mine\n\tseeds: [1]\n")
    broken = run("RUN=mine")
    assert broken.returncode == 2 and 'in "config/runs/mine.yaml", line 3, column 1' in broken.stderr
    assert broken.stderr.count("\n") == 2 and "--configfile" not in broken.stdout, "one line, and make's own"
    overlay.write_text("extends: small\nrun: mine   # no other\n")
    done = run("RUN=mine")
    assert done.returncode == 0 and "--configfile config/runs/mine.yaml --logger xstilts" in done.stdout
    assert "--report results/mine/provenance.html" in done.stdout
    assert run().returncode == 2 and "RUN=NAME" in run().stdout
    assert "--configfile" not in run("RUN=paper").stdout, "the paper's is config.yaml alone"


def test_another_benchmark_runs_in_a_folder_of_its_own(tmp_path: Path) -> None:
    demo = make(ROOT, "demo", "BENCHMARK=xtreme_r")
    assert "--config benchmark=xtreme_r run=demo-xtreme_r" in " ".join(demo.stdout.split())
    assert "--configfile config/runs/demo-xtreme_r.yaml" in demo.stdout, "an overlay of its own, where there is one"
    assert "--configfile config/runs/demo-seeds.yaml" in make(ROOT, "demo-seeds", "BENCHMARK=xtreme_r").stdout
    assert "print_main.py results/demo-xtreme_r" in demo.stdout
    one = make(ROOT, "xtreme", f"ENCODER={tmp_path}", "BENCHMARK=xtreme_r").stdout
    assert "config/runs/xtreme.yaml" in one and "benchmark=xtreme_r" in one and "run=xtreme_r-" in one
    assert "config/runs/xtreme_r.yaml" in make(ROOT, "xtreme-r").stdout
    wrong = make(ROOT, "demo", "BENCHMARK=xtremer")
    assert wrong.returncode == 2 and "did you mean xtreme_r?" in wrong.stderr
    refused = make(ROOT, "paper", "BENCHMARK=xtreme_r")
    assert refused.returncode == 2 and "make xtreme-r" in refused.stderr


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The files that an installation depends on, and an old Python."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    for name in ("envs", "config", "profiles"):
        shutil.copytree(ROOT / name, tmp_path / name)
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit\nexit 1\n')
    old.chmod(0o755)
    return tmp_path


def test_a_python_that_is_too_old_is_refused_by_name(bare: Path) -> None:
    done = subprocess.run(
        ["make", "install", "PYTHON=./python3.9"], cwd=bare, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and not (bare / ".venv").exists()
    assert (
        "error: ./python3.9 is Python 3.9.2; expected Python 3.11, 3.12 or 3.13: make PYTHON=python3.12" in done.stdout
    )


def test_a_venv_of_another_place_is_made_anew(bare: Path) -> None:
    odd = bare.with_name('o\'dd "q" {x} [y] \u00e9')
    bare = bare.rename(odd)
    (bare / ".venv/bin").mkdir(parents=True)
    pip, mark = bare / ".venv/bin/pip", bare / ".venv/installed"
    pip.write_text("#!/moved/away/.venv/bin/python\n")
    mark.touch()
    assert "rm -rf .venv" in make(bare, "install").stdout
    pip.write_text(f"#!{bare}/.venv/bin/python\n")
    assert "rm -rf .venv" not in make(bare, "install").stdout


def test_a_venv_stays_as_it_is_while_a_run_goes_on(bare: Path) -> None:
    (bare / ".snakemake").mkdir()
    handle = open_lock(bare / ".snakemake/alive")
    assert lock(handle, bare / ".snakemake/alive", shared=True)
    call = ["make", "install", f"PYTHON={sys.executable}"]
    done = subprocess.run(call, cwd=bare, env=PLAIN, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "error: .venv would change, and a run goes on here" in done.stdout
    (bare / ".venv/bin").mkdir(parents=True)
    (bare / ".venv/bin/pip").write_text("#!/moved/away/.venv/bin/python\n")
    done = subprocess.run(call, cwd=bare, env=PLAIN, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and (bare / ".venv/bin/pip").exists(), "nothing was removed"
    os.close(handle)
    (bare / "envs/lock.txt").write_text("no such package\n")
    done = subprocess.run(call, cwd=bare, env=PLAIN, capture_output=True, text=True, check=False)
    assert "a run goes on" not in done.stdout and "Invalid requirement" in done.stderr, "it began"


FAKE = f"""#!/bin/sh
case "$*" in
    "-m venv .venv") mkdir -p .venv/bin; echo venv >> did; sleep 1; cp "$0" .venv/bin/python; touch .venv/bin/pip;;
    *"-m pip check"*) ;;
    *"-m pip install"*) echo "begin $(pwd)/.venv" | tee -a .venv/bin/pip >> did; sleep 0.5; echo end >> did;;
    *link.py) ;;
    *) exec {sys.executable} "$@";;
esac
"""


def test_of_two_that_begin_at_once_in_a_new_clone_one_installs(bare: Path) -> None:
    fake = bare / "fake"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    call = ["make", "install", "PYTHON=./fake"]
    both = [subprocess.Popen(call, cwd=bare, env=PLAIN, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=100)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    did = (bare / "did").read_text().split("\n")[:-1]
    assert did == ["venv", f"begin {bare}/.venv", "end", f"begin {bare}/.venv", "end"], "each step once"
    assert "waits for another make, which is installing here" in "".join(said)


def test_a_home_that_may_not_be_written_is_not_needed(tmp_path: Path) -> None:
    def cache(home: Path) -> str:
        command = ["make", "--no-print-directory", "--eval=show: ; @echo $$XDG_CACHE_HOME", "show"]
        environment = {key: value for key, value in os.environ.items() if key != "XDG_CACHE_HOME"} | {"HOME": str(home)}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout

    assert cache(tmp_path) == "\n"
    assert cache(tmp_path / "nowhere") == f"{ROOT}/.snakemake/cache\n"

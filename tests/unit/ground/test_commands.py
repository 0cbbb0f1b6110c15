"""What a machine or a person does to a command: a full disk, Ctrl-C, files of another kind or shape."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from scoring_golden import HERE

from xstilts.cli import main
from xstilts.commands.doctor import configuration
from xstilts.config.layers import read_layers
from xstilts.errors import ConfigError
from xstilts.files import write_json

ROOT = Path(__file__).parents[3]
SCORED = (HERE / "made_up/predictions", HERE / "made_up/labels")


def command(*arguments: object, before: str = "", after: str = "") -> subprocess.CompletedProcess[str]:
    """Call a command from a shell, buffered as Python is by default."""
    call = f'{before} exec "{sys.executable}" -m xstilts.cli "$@" {after}'
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    words = ["bash", "-c", call, "bash", *map(str, arguments)]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [("score", *SCORED), ("--help",)], ids=["score", "help"])
def test_an_output_on_a_full_disk_is_one_line(arguments: tuple[object, ...]) -> None:
    done = command(*arguments, after="> /dev/full")
    errors = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert (done.returncode, errors) == (2, ["error: the output cannot be written: No space left on device"])


def test_what_a_command_does_is_said_with_the_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    for name, said in (("size", "beyond 30 B."), ("ccgbank", "CCGbank readable"), ("lock", "the Hugging Face Hub")):
        with pytest.raises(SystemExit):
            main([name, "--help"])
        assert said in " ".join(capsys.readouterr().out.split())


def test_a_closed_output_is_no_mistake() -> None:
    assert command("tasks", after=">&-").returncode == 0


def test_ctrl_c_is_one_line_whatever_a_command_does() -> None:
    code = (
        "import os, signal; from xstilts.console import console\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it\n"
        "with console(): os.kill(os.getpid(), signal.SIGINT)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, "interrupted\n")


def test_scores_go_into_a_pipe_which_stays_one(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    assert main(["score", *map(str, SCORED), "--json", str(pipe)]) == 0
    assert pipe.is_fifo(), "a device that is replaced by a file is lost to everyone on the machine"
    reader.join(10)
    assert "xnli" in json.loads(read[0])


def one_line(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert main(list(map(str, arguments))) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: "))
    return line


def test_a_file_where_a_folder_should_be_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    assert one_line(capsys, "score", *SCORED, "--json", file / "x.json") == f"xstilts score: {file}: File exists"
    assert one_line(capsys, "mirror", file, "--list") == f"xstilts mirror: {file}: is a file; expected a folder"
    assert f"{file}: found no such folder" in one_line(capsys, "convert", file, tmp_path / "out")
    assert f"{tmp_path}: is a folder; expected a table" in one_line(
        capsys, "trace", tmp_path, "--row", "none", "--column", "xnli"
    )


@pytest.mark.parametrize("content", ["[]", "null", '{"a": ', "\xff"])
def test_a_file_of_a_run_that_is_no_json_object_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    monkeypatch.chdir(tmp_path)
    settings, tables = Path("results/r/specs/table_main/table_main.json"), Path("results/r/tables")
    for path in (Path("results/r/configuration.json"), settings):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="latin-1")
    tables.mkdir()
    trace = ("trace", tables / "main.csv", "--row", "none", "--column", "xnli")
    calls = (("watch", "r", "--once"), ("doctor", "--run", "r"), trace)
    for call in calls:
        assert "results/r/configuration.json" in one_line(capsys, *call)
    Path("results/r/configuration.json").unlink()
    assert str(settings) in one_line(capsys, *trace)
    write_json(settings, {"settings": {}})
    for name in ("scores.csv", "main.csv"):
        (tables / name).write_bytes(b"source,xnli\n\xff,1\n")
    assert "main.csv: found no table" in one_line(capsys, *trace)


def test_doctor_knows_a_run_on_the_disk_and_refuses_a_profile_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_json(tmp_path / "results/mine/configuration.json", read_layers(ROOT, ["demo"], {"run": "mine"}))
    (tmp_path / "resources").symlink_to(ROOT / "resources")
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "results/mine"):
        assert (configuration(name, {}).run, configuration(name, {"keep": "pretrained"}).keep) == ("mine", "pretrained")
    assert "profiles/nope: found no config.yaml" in one_line(
        capsys, "doctor", "--run", "mine", "--profile", "profiles/nope"
    )
    with pytest.raises(ConfigError, match=r"found no config/runs/other\.yaml"):
        configuration("other", {})


def test_plan_names_a_configuration_that_is_not_there_or_no_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (tmp_path / "bad.yaml").write_text("a: b: c\n")
    for file in (tmp_path / "bad.yaml", tmp_path / "nope.yaml"):
        assert str(file) in one_line(capsys, "plan", "--", "--configfile", "config/runs/demo.yaml", file, "--cores", 1)


ODD = 'o\'dd {x} [y] "q" \u00e9'


def test_a_checkout_in_an_odd_place_has_its_library_and_programs_and_keeps_them_when_it_moves(tmp_path: Path) -> None:
    here, there = tmp_path / ODD, tmp_path / f"{ODD} 2"
    for name in ("src/xstilts", ".venv/bin"):
        (here / name).mkdir(parents=True)
    for name in ("__init__", "cli", "console", "errors"):
        (here / f"src/xstilts/{name}.py").write_bytes((ROOT / f"src/xstilts/{name}.py").read_bytes())
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", here / ".venv"], check=True)
    (packages,) = (here / ".venv/lib").glob("python*/site-packages")
    (packages / "snakemake.py").write_text("import sys, xstilts\nprint(xstilts.__file__, *sys.argv[1:])\n")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([here / ".venv/bin/python", ROOT / "envs/link.py"], env=environment, check=True)
    here.rename(there)
    for name, said in (("xstilts", "usage: xstilts"), ("snakemake", f"{there}/src/xstilts/__init__.py --help")):
        call = [there / ".venv/bin" / name, "--help"]
        done = subprocess.run(call, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert said in done.stdout

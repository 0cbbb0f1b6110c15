import re
import runpy
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "envs/lock.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WANTED = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


PINS = {plain(name): version for name, version in (line.split("==") for line in LOCK.splitlines())}


@pytest.mark.parametrize("line", WANTED)
def test_the_lock_pins_a_version_that_pyproject_allows(line):
    wanted = Requirement(line)
    assert wanted.specifier.contains(PINS[plain(wanted.name)])


def test_the_lock_has_no_version_of_one_machine():
    assert not [line for line in LOCK.splitlines() if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", line)]


def test_the_conda_file_is_in_step(in_step):
    text = runpy.run_path(str(ROOT / "envs/conda.py"))["environment"](LOCK)
    in_step(ROOT / "envs/environment.yaml", text)
    assert set(yaml.safe_load(text)["dependencies"][-1]["pip"]) >= set(LOCK.splitlines())

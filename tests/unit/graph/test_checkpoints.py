"""Folders that a run takes encoders from are looked at before its first job."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from planned_jobs import BASE, PART

from xstilts.config.run import load
from xstilts.graph.checkpoints import unusable
from xstilts.graph.jobs import Jobs

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "resources/encoders/demo"
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
PLANNED = [("fetch_model", ("small",)), ("adopt_source", ("small", "mine", "1")), ("score", ("small",) * 6)]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    for name in FILES:
        shutil.copyfile(DEMO / name, folder / name)
    return folder


def found(own: Path) -> list[str]:
    changes = {
        "models": ["small"],
        "encoders": {"small": {"weights": str(DEMO)}},
        "sources": ["none", {"mine": {"encoder": str(own)}}],
        "tasks": ["xnli"],
    }
    return unusable(Jobs(load(BASE | PART | changes), ROOT, own / "results"), PLANNED)


def cut_off(folder: Path) -> None:
    with open(folder / "model.safetensors", "r+b") as weights:
        weights.truncate(1000)


def of_another_shape(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 99}))


def test_what_can_be_used_is_no_problem(own: Path) -> None:
    assert found(own) == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut_off, "model.safetensors: found "),
        (of_another_shape, "another shape than the run's model (num_hidden_layers 99 for "),
        (lambda folder: (folder / "tokenizer.json").unlink(), "found no tokenizer"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(own: Path, spoil: Callable[[Path], None], said: str) -> None:
    spoil(own)
    (line,) = found(own)
    assert said in line and str(own) in line and "\n" not in line

"""A run on the mirror's real data: an encoder pretrained here on its raw text, and limits on all that is read."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import copy_workflow
from data_files import mirror

from xstilts.files import read_json

pytestmark = pytest.mark.slow

PRETRAINING = {
    "languages": ["en", "sw", "ko"],
    "task_text": ["mnli"],
    "parallel": False,
    "vocabulary": 2000,
    "layers": 1,
    "hidden": 32,
    "heads": 2,
    "intermediate": 64,
    "positions": 258,
    "dropout": 0.0,
    "max_length": 64,
    "batch_size": 64,
    "epochs": 0.05,
    "learning_rate": 1e-3,
    "alpha": 0.5,
    "packed": True,
    "half": True,
    "seed": 1,
}
CHANGES = {
    "run": "real",
    "data": {"origin": "mirror"},
    "models": ["own"],
    "encoders": {"own": {"pretraining": PRETRAINING}},
    "sources": ["none", "mnli", "qqp", "mnli+mlm"],
    "tasks": ["xnli", "udpos", "tydiqa", "tatoeba", "xcopa", "lareqa"],
    "languages": ["en", "sw", "ko"],
    "seeds": [1],
    "training": {"limit": 64},
    "evaluation": {"limit": 10},
    "selection": {"examples": 10, "report": 20},
    "lengths": {"classification": 64, "multiple_choice": 64, "tagging": 64, "span_qa": 128, "retrieval": 64}
    | {"doc_stride": 48, "max_query": 24, "dual_encoder": 32, "dual_query": 24},
    "intermediate": {"mlm": {"languages": ["qu"]}},  # of which there is no text
    "target": {"sets": {"tydiqa": {"limit": 32}}},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    copy_workflow(folder)
    given = [f"{key}={json.dumps(value)}" for key, value in (CHANGES | {"mirror": str(mirror())}).items()]
    call = [sys.executable, "-m", "snakemake", "--nocolor", "-c1", "--workflow-profile", "none", "--config", *given]
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return folder / "results/real"


def table(place: Path, name: str) -> list[dict[str, str]]:
    with open(place / "tables" / name, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_every_row_has_its_numbers_but_the_one_without_data(place: Path) -> None:
    rows = {row["source"]: row for row in table(place, "main.csv")}
    assert [*rows][:4] == ["none", "mnli", "qqp", "mnli+mlm"]
    columns = ("xnli", "udpos", "tydiqa_f1", "tatoeba")
    assert all(rows[source][column] for source in ("none", "mnli") for column in columns)
    assert not any(rows[source][column] for source in ("qqp", "mnli+mlm") for column in columns)
    below = (place / "tables/main.md").read_text(encoding="utf-8")
    assert "QQP is not redistributed here" in below and "mnli+mlm (every task): text/mlm: raw text: qu: " in below


def test_the_encoder_was_pretrained_on_the_real_text_of_its_languages(place: Path) -> None:
    made = read_json(place / "models/own/manifest.json")
    assert made["results"]["steps"] > 10
    assert {name for name in made["inputs"] if name.startswith("text/")} == {"text/en", "text/sw", "text/ko"}


def test_no_more_is_read_than_the_limits_say(place: Path) -> None:
    trained = {
        path.parts[-3]: read_json(path)["results"]["train_examples"]
        for path in place.glob("models/own/none/*/1/manifest.json")
    }
    assert trained["mnli"] == {"mnli": 64} and trained["udpos"] == {"udpos": 64}
    assert trained["tydiqa"] == {"tydiqa": 32}, "its own limit comes first"
    assert {int(row["examples"]) for row in table(place, "scores.csv") if row["task"] == "xnli" and row["value"]} == {
        10
    }
    assert "Evaluated on the first 10 examples" in (place / "tables/main.md").read_text(encoding="utf-8")


def test_xtreme_rs_tasks_read_what_the_mirror_has_of_them(place: Path) -> None:
    """Social IQa's dev set stands for both splits; LAReQA searches all nine languages, whichever the run scores."""
    (siqa,) = (place.parent / "store/data").glob("*/siqa/en/manifest.json")
    found = read_json(siqa)["results"]
    assert found["cut"] == "dev" and sum(found["rows"].values()) == 1954
    assert "siqa: no training file; train and dev are cut from dev." in (place / "tables/tasks.md").read_text()
    rows = {(row["task"], row["language"], row["split"]) for row in table(place, "scores.csv") if row["value"]}
    assert {("xcopa", "sw", "dev"), ("xcopa", "sw", "test"), ("lareqa", "en", "test")} <= rows
    ranks = read_json(place / "predictions/own/none/lareqa/1/lareqa/ranks-test-en.json")
    assert len(ranks) == 10
    for targets in ranks.values():
        assert {name.split("-")[0] for name in targets} == {"ar", "de", "en", "es", "hi", "ru", "th", "tr", "zh"}
    index = read_json(place / "indexes/own/none/lareqa/1/lareqa/manifest.json")["results"]
    assert index["candidates"] == 13014 - 1234 - 1209 and {*index["left_out"]} == {"el", "vi"}

"""The paper's configuration through the whole workflow, with every kind of source, tiny models and tiny data."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import copy_workflow
from tiny_translator import write_translator

from xstilts.files import read_json, read_jsonl
from xstilts.modeling.encoder import EncoderShape, build_masked_lm, save_encoder
from xstilts.modeling.tokenizer import train_tokenizer
from xstilts.world.build import build_world
from xstilts.world.folder import WorldSettings

pytestmark = pytest.mark.slow

SIZES = {"train": 40, "dev": 24, "test": 24, "intermediate_train": 40, "intermediate_dev": 24, "retrieval": 12}
SOURCES = ["none", "none-tuned", "mnli", "multi", "mnli+mlm", "mnli-qaa", "qqp-qaa", "own"]
TARGETS = ("mnli", "udpos")
RATES = [3e-6, 1e-3]


def encoder(folder: Path, texts: list[str], seed: int) -> Path:
    """Write an XLM-R of one narrow layer with random weights."""
    folder.mkdir()
    train_tokenizer(texts, 300, folder)
    shape = EncoderShape(layers=1, hidden=16, heads=2, intermediate=32, positions=512, dropout=0.1)
    save_encoder(build_masked_lm(shape, 300, seed), folder, folder)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project, in an odd place, in which the paper's configuration has run on tiny data and models."""
    folder = tmp_path_factory.mktemp("a") / "place's {odd} [name] \u00e9"
    folder.mkdir()
    copy_workflow(folder)
    build_world(
        WorldSettings(languages=("en", "qaa"), distractors=6, text=120, parallel=20, **SIZES), folder / "mirror"
    )
    (planted,) = (folder / "mirror/targets/xnli/dev-qaa.tsv").read_text().splitlines()[:1]
    with open(folder / "mirror/text/world/qaa.txt", "a", encoding="utf-8") as text:
        text.write(planted.split("\t")[1] + "\n")
    texts = (folder / "mirror/text/world/en.txt").read_text().splitlines()
    texts += (folder / "mirror/text/world/qaa.txt").read_text().splitlines()
    models = [encoder(folder / name, texts, seed) for seed, name in enumerate(("encoder", "my-own"))]
    changes = {
        "data": {"origin": "mirror"},
        "mirror": "mirror",
        "encoders": {"xlm-roberta-large": {"weights": models[0].name}},
        "translation": {"model": write_translator(folder / "translator", texts).name},
        "sources": [*SOURCES[:-1], {"own": {"encoder": models[1].name}}],
        "tasks": ["xnli", "udpos"],
        "languages": ["en", "qaa"],
        "seeds": [1],
        "recipe": "tokens",
        "intermediate": {
            "mlm": {"languages": ["en", "qaa"], "sentences": 100, "batch_size": None, "batch_tokens": 200},
            "sets": {"mnli": {"batch_size": None, "batch_tokens": 300}},
        },
        "target": {"rates": RATES},
    }
    given = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    for more in ([], ["--report", "results/paper/provenance.html"]):
        call = [sys.executable, "-m", "snakemake", "--nocolor", "-c1", "--workflow-profile", "none", *more]
        done = subprocess.run(
            [*call, "--config", *given], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    yield folder


def table(place: Path, name: str) -> list[dict[str, str]]:
    with open(place / "results/paper/tables" / name, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def made(place: Path, *parts: str) -> dict:
    return read_json(place.joinpath("results/paper/models/xlm-roberta-large", *parts, "manifest.json"))


def test_trainings_on_batches_of_tokens_keep_to_them_and_the_tables_name_them_and_the_recipe(place: Path) -> None:
    work = made(place, "mnli", "none", "1")["made"]["work"]
    assert 150 * work["steps"] < work["tokens"] <= 300 * work["steps"]
    settings = [row for row in table(place, "hyperparameters.csv") if row["phase"] == "intermediate"]
    batches = {row["set"]: (row["batch"], row["unit"]) for row in settings}
    assert batches.items() >= {("mnli", ("300", "tokens")), ("+mlm", ("200", "tokens")), ("qqp", ("24", "examples"))}
    named = {row["recipe"] for name in ("scores.csv", "hyperparameters.csv") for row in table(place, name)}
    assert named == {"tokens"}
    assert "Recipe: tokens, whose settings are not the paper's." in (place / "results/paper/tables/main.md").read_text()


def test_every_source_has_a_row_with_all_its_numbers(place: Path) -> None:
    rows = table(place, "main.csv")
    assert [row["source"] for row in rows] == [*SOURCES, "best-paper", "best-en"]
    assert all(row[column] for row in rows for column in ("xnli", "udpos"))
    scores = table(place, "scores.csv")
    assert {row["status"] for row in scores} <= {"ok", "collapsed", "not learned"}
    assert len(scores) == len(SOURCES) * 2 * 2 * 2, "tasks, languages, dev and test"
    markdown = (place / "results/paper/tables/main.md").read_text()
    for block in (
        "*Without MLM*",
        "*With MLM*",
        "*Translated into qaa*",
        "*Own checkpoints*",
        "*Best source for each task*",
    ):
        assert markdown.count(block) == 1


def test_the_rows_stand_beside_the_published_numbers_and_in_the_report(place: Path) -> None:
    compared = {row["source"] for row in table(place, "comparison.csv")}
    assert {"none", "mnli+mlm"} & compared
    for page in ("report.html", "provenance.html"):
        text = (place / "results/paper" / page).read_text(encoding="utf-8")
        assert "mnli+mlm" in text and "none-tuned" in text, page


def test_raw_text_was_trained_on_beside_the_task_but_for_what_is_evaluated(place: Path) -> None:
    sample = read_json(place / "results/paper/text/mlm/manifest.json")
    assert sample["results"]["evaluated"]["qaa"] >= 1, "the planted line"
    assert {row["language"] for row in read_jsonl(place / "results/paper/text/mlm/train.jsonl")} == {"en", "qaa"}
    results = made(place, "mnli+mlm", "none", "1")["results"]
    assert set(results["train_examples"]) == {"mnli", "mlm"} and results["left_out"] == {}
    assert results["steps"] > made(place, "mnli", "none", "1")["results"]["steps"]


def test_translated_sources_trained_on_the_other_language_and_chose_on_english(place: Path) -> None:
    for source, data in (("mnli-qaa", "mnli-translated/qaa"), ("qqp-qaa", "qqp-translated/qaa")):
        manifest = made(place, source, "none", "1")
        features = read_json(place / manifest["inputs"][f"intermediate/{source}"]["manifest"])
        assert set(features["inputs"]) == {data, data.replace("-translated/qaa", "/en")}
        assert all("English examples" in words for words in manifest["results"]["selected_on"].values())
        rows = read_jsonl(place / Path(features["inputs"][data]["manifest"]).with_name("train.jsonl"))
        assert len(rows) == 40 and {row["language"] for row in rows} == {"qaa"}
    english = read_jsonl(place / "results/store/data/mirror/qqp/en/train.jsonl")
    assert [row["label"] for row in rows] == [row["label"] for row in english], "translated here: same rows"


def test_the_tuned_baseline_took_the_better_rate_of_each_target(place: Path) -> None:
    for target in TARGETS:
        chosen = made(place, "none-tuned", target, "1")["results"]
        assert sorted(one["learning_rate"] for one in chosen["tried"]) == RATES
        best = max(one["score"] for one in chosen["tried"])
        assert {one["learning_rate"]: one["score"] for one in chosen["tried"]}[chosen["learning_rate"]] == best


def test_multi_trains_on_the_runs_tasks_and_the_own_checkpoint_starts_its_targets(place: Path) -> None:
    assert set(made(place, "multi", "none", "1")["results"]["train_examples"]) == {"mnli"}
    own = made(place, "own", "none", "1")["digest"]
    assert made(place, "own", "mnli", "1")["inputs"]["encoder"]["digest"] == own
    owner = made(place, "own", "mnli", "1")["inputs"]["target/mnli"]["manifest"]
    assert owner == "results/paper/features/xlm-roberta-large/own/target/mnli/manifest.json", "with its own tokenizer"
    plain = made(place, "none", "mnli", "1")["inputs"]["encoder"]["digest"]
    assert plain == made(place)["digest"] != own


def test_nothing_is_left_to_do_and_every_file_is_verified(place: Path) -> None:
    assert read_json(place / "results/paper/tables/verification.json")["cells"]["missing"] == 0

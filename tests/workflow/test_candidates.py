"""A run that searches candidates: one index for all languages, made once, and rankings that a training has learned."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout import copy_workflow

from xstilts.artifacts import read_manifest
from xstilts.cli import main
from xstilts.files import read_json
from xstilts.modeling.encoder import EncoderShape, build_masked_lm, save_encoder
from xstilts.modeling.fast_tokenizer import open_tokenizer
from xstilts.modeling.tokenizer import train_tokenizer

pytestmark = pytest.mark.slow

WORDS = [first + second for first in "bdfgklmnprst" for second in "aeiou"]
LANGUAGES = ("de", "en", "es")  # of the candidates; the run scores two of them
CHAIN = "small/none/lareqa/1"
TABLE = Path("results/searched/tables/main_test.csv")
SHAPE = EncoderShape(layers=2, hidden=32, heads=2, intermediate=64, positions=128, dropout=0.0)
CHANGES: dict[str, Any] = {
    "run": "searched",
    "data": {"origin": "mirror"},
    "mirror": "mirror",
    "models": ["small"],
    "encoders": {"small": {"weights": "./encoder"}},
    "benchmark": "xtreme_r",
    "sources": ["none"],
    "tasks": ["lareqa"],
    "languages": ["en", "de"],
    "seeds": [1],
    "selection": {"examples": 60, "report": 60},
    "lengths": {"dual_encoder": 48, "dual_query": 16},
    "target": {
        "sets": {"lareqa": {"batch_size": 16, "in_batch": 8, "epochs": 4, "learning_rate": 5e-3, "warmup": 0.1}}
    },
}


def passages(count: int, seed: int) -> list[dict[str, Any]]:
    """Passages of three sentences that say two words twice, and a question with the words of each."""
    pairs = np.random.default_rng(seed).permutation(len(WORDS) ** 2)[: 3 * count]
    found = []
    for number in range(count):
        context, breaks, asked = "", [], []
        for place in range(3):
            one, other = (WORDS[int(i)] for i in divmod(int(pairs[3 * number + place]), len(WORDS)))
            sentence = f"{one.title()} {other} {one} {other}."
            context += " " * bool(context)
            answer = {"text": sentence[:-1], "answer_start": len(context)}
            name = f"q{seed}-{number}-{place}"
            asked.append({"id": name, "question": f"{one} {other} {one} {other}?", "answers": [answer]})
            breaks.append([len(context), len(context) + len(sentence)])
            context += sentence
        found.append({"context": context, "qas": asked, "sentence_breaks": breaks})
    return found


def document(paragraphs: list[dict[str, Any]]) -> str:
    return json.dumps({"data": [{"title": f"T{n}", "paragraphs": [one]} for n, one in enumerate(paragraphs)]})


def written(folder: Path) -> None:
    """Lay out a mirror of tiny files in the upstream formats, and an encoder that knows nothing yet."""
    files = {f"targets/lareqa/xquad-r/{code}.json": document(passages(20, 3)) for code in LANGUAGES}
    files |= {
        f"intermediate/squad/{split}-v1.1.json": document(passages(count, seed))
        for split, count, seed in (("train", 330, 1), ("dev", 20, 2))
    }
    for name, text in files.items():
        path = folder / "mirror" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    encoder = folder / "encoder"
    encoder.mkdir()
    train_tokenizer([one["context"] for one in passages(330, 1)], 600, encoder)
    model = build_masked_lm(SHAPE, len(open_tokenizer(encoder)), 1)
    model.lm_head = None
    save_encoder(model, encoder, encoder)


def run(folder: Path, *targets: str, **changes: Any) -> str:
    given = [f"{key}={json.dumps(value)}" for key, value in (CHANGES | changes).items()]
    call = [sys.executable, "-m", "snakemake", "--nocolor", "-c1", "--workflow-profile", "none", *targets]
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*call, "--config", *given], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    copy_workflow(folder)
    written(folder)
    run(folder, "score_lareqa", str(TABLE))
    return folder


def test_the_pool_is_the_benchmarks_whatever_the_run_scores(place: Path) -> None:
    made = read_manifest(place / "results/searched/indexes" / CHAIN / "lareqa/manifest.json").results
    assert made["candidates"] == 180 and made["languages"] == dict.fromkeys(LANGUAGES, 60)
    assert set(made["left_out"]) == {"ar", "el", "hi", "ru", "th", "tr", "vi", "zh"}, "the mirror has no others"


def test_what_was_learned_finds_the_sentences_of_all_languages(place: Path) -> None:
    training = read_manifest(place / "results/searched/models" / CHAIN / "manifest.json").results
    assert training["learned"] == "yes"
    for code in ("en", "de"):
        scores = read_json(place / "results/searched/scores" / CHAIN / "lareqa" / f"{code}.json")["splits"]["test"]
        assert scores["examples"] == 60
        assert scores["metrics"]["ap20"] > 50, "a random order gives 4"
        assert scores["metrics"]["map"] > 50


def test_a_number_is_traced_to_the_candidates_of_all_languages(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    assert main(["trace", str(TABLE), "--row", "none", "--column", "lareqa"]) == 0
    told = capsys.readouterr().out
    assert f"index of candidates  results/searched/indexes/{CHAIN}/lareqa\n  ids.json" in told
    assert all(f"/lareqa-candidates/{code}\n" in told for code in LANGUAGES), "a language that is not scored too"


def test_a_further_language_is_searched_in_the_index_that_is_there(place: Path) -> None:
    index = place / "results/searched/indexes" / CHAIN / "lareqa/manifest.json"
    before = index.stat().st_mtime_ns
    run(place, "score_lareqa", languages=["en", "de", "es"])
    assert index.stat().st_mtime_ns == before
    log = (place / "results/searched/logs/predict" / CHAIN / "lareqa.log").read_text()
    assert "1 of 3 languages needed forward passes" in log
    assert (place / "results/searched/scores" / CHAIN / "lareqa/es.json").is_file()

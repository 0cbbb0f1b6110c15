"""From trainings to tables: a source with permuted labels is marked, the same source with its own labels is not."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from family_tokenizers import LINES, pieces, trained

from xstilts.artifacts import Manifest, Product, produce, read_manifest
from xstilts.featurising.job import featurise, tokenizer_files
from xstilts.files import read_json, write_json, write_jsonl
from xstilts.modeling.encoder import EncoderShape, build_masked_lm, save_encoder
from xstilts.reporting.run import RunFolder
from xstilts.reporting.tables.intermediate import table_intermediate
from xstilts.reporting.tables.scores import collect_scores
from xstilts.reporting.tables.verify import verify
from xstilts.scoring import score_file
from xstilts.training.phase import train_source

SHAPE = EncoderShape(layers=2, hidden=32, heads=2, intermediate=64, positions=66, dropout=0.0)
LABELS = ("contradiction", "entailment", "neutral")
LENGTHS = {"classification": 32}
OPTIMISATION = {"warmup": 0.1, "weight_decay": 0.01, "epsilon": 1e-8, "clip": 1.0, "evaluations": 5}
OPTIMISATION |= {"evaluate_every": 999, "micro_tokens": 2048, "precision": "float32", "deterministic": False}


def premises(count: int, seed: int) -> list[dict[str, Any]]:
    """Pairs whose label a word of the second text tells."""
    rng, words = np.random.default_rng(seed), LINES[1].split()
    rows = []
    for number in range(count):
        first, second = (" ".join(rng.choice(words, 4)) for _ in range(2))
        label = int(rng.integers(3))
        text = {"text_a": first, "text_b": f"{('dog', 'fox', 'garden')[label]} {second}", "label": LABELS[label]}
        rows.append({"id": str(number), "language": "en", "group": str(number), **text})
    return rows


class Run:
    """A results folder in which an encoder learns from prepared data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.encoder = self.made("encoder", {}, {}, self.save)
        data = self.made("data/mnli/en", {}, {}, self.write)
        chosen = {"kind": "training_set", "family": "classification", "data": ["mnli/en"], "labels": LABELS}
        chosen |= {"no_answer": False, "limit": None, "lengths": LENGTHS, "spared": []}
        chosen |= {"selection": {"recipe": "paper", "examples": 100, "report": 200}}
        make = partial(featurise, encoder=self.encoder, store=folder / "store")
        inputs = {"mnli/en": data.path}
        self.features = self.made("source/mnli", chosen, inputs, make, tokenizer_files(self.encoder))

    def made(self, place: str, settings: dict[str, Any], inputs: dict[str, Path], make: Any, *files: Any) -> Manifest:
        spec = self.folder / "specs" / f"{place}.json"
        write_json(spec, {"rule": place.partition("/")[0], "wildcards": [], "settings": settings, "code": ""})
        return produce(self.folder / place / "manifest.json", spec, inputs, make, *files)

    @staticmethod
    def save(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        return Product(save_encoder(build_masked_lm(SHAPE, len(pieces()), seed=1), trained(), folder))

    @staticmethod
    def write(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        splits = {"train": premises(1200, 1), "dev": premises(300, 2)}
        for split, rows in splits.items():
            write_jsonl(folder / f"{split}.jsonl", rows)
        rows = {split: len(rows) for split, rows in splits.items()}
        return Product([f"{split}.jsonl" for split in splits], {"rows": rows, "evaluate": ["dev"]})

    def train(self, source: str) -> None:
        part = {"name": "mnli", "features": "source/mnli", "family": "classification", "no_answer": False}
        part |= {"batch_size": 16, "epochs": 2, "shuffle_labels": source.endswith("-shuffled")}
        settings = {"seed": 1, "learning_rate": 5e-3, "parts": [part], "lengths": LENGTHS, "optimisation": OPTIMISATION}
        inputs = {"encoder": self.encoder.path, "source/mnli": self.features.path}
        self.made(f"models/m/{source}/none/1", settings, inputs, train_source)

    def score(self, source: str) -> None:
        splits = {"test": {"metrics": {"accuracy": 50.0}, "examples": 10, "extra": {}, "items": {}}}
        content = {"task": "tatoeba", "language": "de", "splits": splits, "reason": None}
        score_file.write_scores(self.folder / "scores/m" / source / "none/1/tatoeba/de.json", content)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    made = Run(tmp_path_factory.mktemp("run"))
    settings = {"models": ["m"], "sources": ["mnli", "mnli-shuffled"], "targets": [], "seeds": [1]}
    settings |= {"rests_on": {name: [[name, "none"]] for name in settings["sources"]}}
    settings |= {"statistic": "mean", "generated": False, "recipe": "paper", "languages": {"tatoeba": ["de"]}}
    settings |= {"layers": {}, "benchmark": "xtreme"}
    for source in settings["sources"]:
        made.train(source)
        made.score(source)
    tables = made.folder / "tables"
    tables.mkdir()
    return RunFolder(settings, made.folder, tables)


def test_the_training_says_so(run: RunFolder) -> None:
    found = [
        read_manifest(run.folder / f"models/m/{name}/none/1/manifest.json").results for name in run.settings["sources"]
    ]
    assert [one["learned"] for one in found] == ["yes", "no"]
    own, permuted = (one["dev"]["mnli"] for one in found)
    assert own["entropy"] == permuted["entropy"] == pytest.approx(np.log(3), abs=0.01)
    assert own["score"] > own["bound"] and own["loss"] < 0.5
    assert permuted["score"] < permuted["bound"] and permuted["loss"] == pytest.approx(np.log(3), abs=0.05)


def test_the_tables_say_so(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    table_intermediate(run)
    rows = {line.split("|")[2].strip(): line for line in (run.tables / "intermediate.md").read_text().splitlines()[4:6]}
    assert "| yes |" in rows["mnli"] and "| no |" in rows["mnli-shuffled"]
    collect_scores(run)
    own, permuted = run.frame["status"]
    assert own == "ok"
    assert permuted in ("not learned", "collapsed"), "as one answer to everything is the best that it can give"
    verify(RunFolder(run.settings | {"languages": {}}, run.folder, run.tables))
    (one,) = read_json(run.tables / "verification.json")["failed_trainings"]
    assert (one["training"], one["status"]) == ("m/mnli-shuffled/none/1", permuted)
    assert read_json(run.tables / "verification.json")["unclear_trainings"] == []
    assert f"m/mnli-shuffled/none/1 {permuted} (a control: its labels are permuted): " in capsys.readouterr().err


def test_a_target_after_a_control_was_to_be_learned(run: RunFolder) -> None:
    """Its labels are right: where it learns nothing, nobody meant it."""
    models = run.folder / "models/m/mnli-shuffled"
    shutil.copytree(models / "none", models / "mnli")
    try:
        verify(RunFolder(run.settings | {"languages": {}, "targets": ["mnli"]}, run.folder, run.tables))
    finally:
        shutil.rmtree(models / "mnli")
    control, target = read_json(run.tables / "verification.json")["failed_trainings"]
    assert control["training"] == "m/mnli-shuffled/none/1" and "expected" in control
    assert target["training"] == "m/mnli-shuffled/mnli/1" and "expected" not in target

"""Candidates are embedded once, in blocks that outlive their job, and found by the queries of every language."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from family_tokenizers import LINES, pieces, trained

from xstilts.artifacts import Manifest, Product, produce
from xstilts.errors import DataError
from xstilts.families import dual_encoder
from xstilts.families.features import Features, FeatureSettings
from xstilts.families.stored import save_features
from xstilts.files import read_json, write_json
from xstilts.modeling.encoder import EncoderShape, build_masked_lm, save_encoder
from xstilts.modeling.model import build_model
from xstilts.prediction import index
from xstilts.prediction.index import Index, build_index
from xstilts.prediction.languages import predict_task
from xstilts.tensors import save_tensors

SHAPE = EncoderShape(layers=1, hidden=32, heads=2, intermediate=32, positions=64, dropout=0.0)
SETTINGS = {
    **{"task": "lareqa", "family": "dual_encoder", "lengths": {"dual_encoder": 24, "dual_query": 16}, "limit": None},
    **{"micro_tokens": 200, "precision": "float32", "deterministic": False, "splits": ["test"]},
}
LANGUAGES = ("de", "en")


def candidates(code: str, count: int = 20) -> list[dict[str, Any]]:
    return [
        {"id": f"{code}-{i}", "language": code, "text": f"{LINES[i % 10][i % 7 : 40]} {code} {i}"} for i in range(count)
    ]


def queries(code: str) -> list[dict[str, Any]]:
    return [
        {"id": f"q{i}", "language": code, "group": "g", "text": candidates(code)[i]["text"], "targets": targets(i)}
        for i in range(5)
    ]


def targets(number: int) -> list[str]:
    return [f"{code}-{number}" for code in (*LANGUAGES, "fr")]  # there is no French candidate


class Task:
    """A trained model of random weights, candidates in two languages, and queries on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        torch.manual_seed(0)
        model = build_model(build_masked_lm(SHAPE, len(pieces()), 1), {"lareqa": ("dual_encoder", 1)}, 2)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(8 if parameter.dim() > 1 else 1)  # texts lie apart, as after a training

        def save(place: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
            names = save_encoder(model.encoder, trained(), place)
            save_tensors(model.heads["lareqa"].state_dict(), place / "head.safetensors")
            write_json(place / "head.json", {"name": "lareqa", "family": "dual_encoder", "labels": []})
            return Product([*names, "head.json", "head.safetensors"])

        self.model = self.make("model", save, {})
        self.candidates = {code: self.data(f"candidates/{code}", candidates(code)) for code in LANGUAGES}
        self.queries = {code: self.data(f"lareqa/{code}", queries(code)) for code in LANGUAGES}

    def make(self, place: str, job: Callable[..., Product], inputs: dict[str, Path], **settings: Any) -> Path:
        manifest = self.folder / place / "manifest.json"
        for name in (manifest.name, ".receipt.json"):  # so that the job runs; Snakemake removes the first
            (manifest.parent / name).unlink(missing_ok=True)
        spec = self.folder / "specs" / f"{place}.json"
        write_json(spec, {"rule": place, "wildcards": [], "settings": {**SETTINGS, **settings}, "code": ""})
        return produce(manifest, spec, inputs, job).path

    def data(self, place: str, rows: list[dict[str, Any]]) -> Path:
        def write(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
            (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            found = {"rows": {"test": len(rows)}, "labelled": {"test": len(rows)}, "evaluate": ["test"]}
            return Product(["test.jsonl"], found, relied_on=("evaluate",))

        return self.make(place, write, {})

    def features(self, place: str, data: dict[str, Path]) -> Path:
        chosen = FeatureSettings(max_length=24, max_query_length=16)

        def write(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
            for code, path in data.items():
                rows = [json.loads(line) for line in (path.parent / "test.jsonl").read_text().splitlines()]
                made: Features = dual_encoder.featurise(rows, pieces(), chosen)
                save_features(made, folder / f"test-{code}.safetensors")
            return Product([f"test-{code}.safetensors" for code in data])

        return self.make(place, write, data)

    def index(self, size: int = 8) -> Manifest:
        given = {f"candidates/{code}": path for code, path in self.candidates.items()}
        given |= {"model": self.model, "features": self.features("features/index", self.candidates)}
        path = self.make("index", lambda *job: build_index(*job, size=size), given, limit=None)
        return Manifest(path, json.loads(path.read_text()))

    def predict(self) -> Path:
        given = {f"lareqa/{code}": path for code, path in self.queries.items()}
        given |= {"model": self.model, "features": self.features("features/task", self.queries)}
        return self.make("predicted", predict_task, given | {"index": self.folder / "index/manifest.json"}).parent


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(tmp_path)


def embedded(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.partition(" of ")[0] for line in capsys.readouterr().err.splitlines() if line.endswith("candidates")]


def vectors(made: Manifest) -> np.ndarray:
    return np.concatenate([*Index(made).blocks()])


def test_all_languages_are_one_index_in_float16(task: Task) -> None:
    made = task.index()
    assert made.results["candidates"] == 40 and made.results["languages"] == {"de": 20, "en": 20}
    assert [block.shape for block in Index(made).blocks()] == [(8, 32), (8, 32), (4, 32)] * 2
    found = vectors(made)
    assert found.dtype == np.float16
    np.testing.assert_allclose(np.linalg.norm(found.astype(np.float32), axis=1), 1, atol=1e-3)
    np.testing.assert_array_equal(vectors(task.index(size=1000)), found)


def test_a_killed_job_goes_on_with_the_next_block(task: Task, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    save, saved = index._save, []

    def until_killed(block: Any, path: Path) -> None:
        if len(saved) == 4:
            raise KeyboardInterrupt
        saved.append(path.name)
        save(block, path)

    monkeypatch.setattr(index, "_save", until_killed)
    with pytest.raises(KeyboardInterrupt):
        task.index()
    assert embedded(capsys) == ["de: 8", "de: 16", "de: 20", "en: 8"]
    monkeypatch.undo()
    whole = task.index()
    assert embedded(capsys) == ["en: 16", "en: 20"]
    work = whole.content["made"]["work"]
    taken = [read_json(path)["seconds"] for path in whole.folder.glob(".receipt-*.json")]
    assert work["examples"] == 40 and work["seconds"] >= sum(taken), "of both attempts"
    found = vectors(whole)
    assert vectors(task.index()).tobytes() == found.tobytes() and embedded(capsys) == []
    (whole.folder / "test-de-00001.safetensors").write_bytes(b"edited")
    assert vectors(task.index()).tobytes() == found.tobytes() and embedded(capsys) == ["de: 16"]
    task.candidates["en"] = task.data("candidates/en", candidates("en", 6))
    shorter = task.index()
    assert embedded(capsys) == ["en: 6"] and shorter.results["candidates"] == 26
    assert len([*shorter.folder.glob("*.safetensors")]) == 4, "blocks of what is no more are gone"


def test_queries_of_every_language_search_the_whole_index(task: Task) -> None:
    made = task.index()
    folder = task.predict()
    known = Index(made)
    for code in LANGUAGES:
        ranked = json.loads((folder / f"test-{code}.json").read_text())
        ranks = json.loads((folder / f"ranks-test-{code}.json").read_text())
        assert [*ranked] == [*ranks] == [f"q{i}" for i in range(5)]
        for number, (name, order) in enumerate(ranked.items()):
            assert sorted(order) == sorted(known.ids), "40 candidates are fewer than the 100 that are kept"
            own = targets(number)[:2]
            assert ranks[name] == {target: 1 + order.index(target) for target in own}, "those that are candidates"
    (folder / "test-de.json").unlink()
    assert task.predict().joinpath("test-de.json").is_file()


def test_another_index_is_searched_again(task: Task) -> None:
    task.index()
    before = task.predict().joinpath("test-en.json").read_text()
    task.candidates["de"] = task.data("candidates/de", candidates("de", 10))
    task.index()
    assert task.predict().joinpath("test-en.json").read_text() != before


def test_two_candidates_of_one_id_are_refused(task: Task) -> None:
    task.candidates["en"] = task.data("candidates/en", [*candidates("en", 2), candidates("de")[4]])
    with pytest.raises(DataError) as caught:
        task.index()
    first, second = (task.candidates[code].parent / "test.jsonl" for code in LANGUAGES)
    assert str(caught.value) == f"{second}:3: found the id 'de-4' of {first}:5; expected an id for each candidate"


def test_a_query_without_any_target_among_the_candidates_is_refused(task: Task) -> None:
    task.index()
    rows = queries("en")
    rows[3]["targets"] = ["fr-3"]
    task.queries["en"] = task.data("lareqa/en", rows)
    with pytest.raises(DataError) as caught:
        task.predict()
    said = "lareqa/en/test.jsonl:4: found the query 'q3' with no target among the 40 candidates; expected one at least"
    assert str(caught.value) == said

"""Dropped weights: the manifest stays and says so, nothing is trained again unasked, and `restore` asks for it."""

import json
import os
import runpy
import sys
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from xstilts.artifacts import Manifest, Product, produce, read_manifest
from xstilts.cli import main
from xstilts.drop import check_kept, drop, forget
from xstilts.errors import DataError, UserError
from xstilts.files import read_json, write_json
from xstilts.graph.specs import sign
from xstilts.locks import lock, open_lock

ROOT = Path(__file__).parents[3]


class Model:
    """A training as the workflow has them: weights, history and a head, from an encoder."""

    def __init__(self, folder: Path, **inputs: Path) -> None:
        self.manifest = folder / "manifest.json"
        self.spec = folder.parent / f"{folder.name}.spec.json"
        self.inputs = inputs
        self.trained = 0
        self.results: dict[str, Any] = {"best_step": 3}
        write_json(self.spec, {"rule": "train", "wildcards": [folder.name], "settings": {}, "code": "c"})

    def make(self, folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        self.trained += 1
        for found in inputs.values():
            found.check()
        for name in ("config.json", "history.json", "model.safetensors", "tokenizer.json"):
            (folder / name).write_text(f"{name} of {spec['wildcards'][0]}")
        return Product(["config.json", "history.json", "model.safetensors", "tokenizer.json"], self.results)

    def run(self) -> Manifest:
        self.manifest.unlink(missing_ok=True)
        return produce(self.manifest, self.spec, self.inputs, self.make)


@pytest.fixture
def chain(tmp_path: Path) -> tuple[Model, Model, Model]:
    """An encoder, a model trained from it, and what stands for its predictions."""
    encoder = Model(tmp_path / "encoder")
    model = Model(tmp_path / "model", encoder=encoder.manifest)
    predictions = Model(tmp_path / "predictions", model=model.manifest)
    for one in (encoder, model, predictions):
        one.run()
    return encoder, model, predictions


def test_the_manifest_stays_keeps_its_date_and_says_what_is_gone(chain: tuple[Model, Model, Model]) -> None:
    _, model, predictions = chain
    os.utime(model.manifest, (1_600_000_000, 1_600_000_000))
    before = read_manifest(model.manifest)
    weighed = sum(before.content["files"][name]["bytes"] for name in ("model.safetensors", "tokenizer.json"))
    assert drop(model.manifest, [predictions.manifest]) == weighed
    after = read_manifest(model.manifest)
    assert after.dropped == ["model.safetensors", "tokenizer.json"] and not before.dropped
    assert model.manifest.stat().st_mtime == 1_600_000_000
    assert after.digest == before.digest and after.results == before.results
    left = {path.name for path in model.manifest.parent.iterdir() if not path.name.startswith(".")}
    assert left == {"manifest.json", "config.json", "history.json"}
    assert drop(model.manifest, [predictions.manifest]) == weighed, "once more changes nothing"
    assert read_manifest(model.manifest).content == after.content


def test_who_needs_the_weights_is_told_how_to_get_them(chain: tuple[Model, Model, Model], tmp_path: Path) -> None:
    _, model, predictions = chain
    drop(model.manifest, [predictions.manifest])
    further = Model(tmp_path / "further", model=model.manifest)
    with pytest.raises(UserError, match=f"xstilts restore {model.manifest.parent}"):
        further.run()
    assert not further.manifest.exists() and model.trained == 1


def test_a_chosen_training_comes_back_with_the_candidate_that_it_took(tmp_path: Path) -> None:
    rates = {"none@1e-05": 1e-5, "none@3e-05": 3e-5}
    tried = {source: Model(tmp_path / source) for source in rates}
    chosen = Model(tmp_path / "chosen", **{source: one.manifest for source, one in tried.items()})
    write_json(chosen.spec, read_json(chosen.spec) | {"settings": {"candidates": rates}})
    chosen.results = {"learning_rate": 3e-5}
    for one in (*tried.values(), chosen):
        one.run()
    for one in (*tried.values(), chosen):
        drop(one.manifest, [])
    assert forget(chosen.manifest) == [tried["none@3e-05"].manifest, chosen.manifest]
    assert tried["none@1e-05"].manifest.is_file(), "whose weights nobody wants"


def test_nothing_is_trained_again_unasked(chain: tuple[Model, Model, Model]) -> None:
    _, model, predictions = chain
    drop(model.manifest, [predictions.manifest])
    for one in chain:
        one.run()  # as after a lost manifest or a touched input
    assert [one.trained for one in chain] == [1, 1, 1]
    assert read_manifest(model.manifest).dropped


def test_weights_stay_while_something_was_not_made_from_them(chain: tuple[Model, Model, Model]) -> None:
    encoder, model, predictions = chain
    with pytest.raises(UserError, match="was not made from"):
        drop(model.manifest, [predictions.manifest, encoder.manifest])
    read_manifest(model.manifest).check()


def test_what_is_left_is_still_checked(chain: tuple[Model, Model, Model]) -> None:
    _, model, predictions = chain
    drop(model.manifest, [predictions.manifest])
    check_kept(model.manifest)
    (model.manifest.parent / "history.json").write_text("edited")
    with pytest.raises(DataError, match=r"history\.json: found SHA-256"):
        check_kept(model.manifest)


def test_restore_forgets_the_model_and_what_it_was_trained_from(
    chain: tuple[Model, Model, Model], capsys: pytest.CaptureFixture[str]
) -> None:
    encoder, model, predictions = chain
    drop(model.manifest, [predictions.manifest])
    drop(encoder.manifest, [model.manifest])
    assert main(["restore", str(model.manifest.parent)]) == 0
    printed = capsys.readouterr().out
    assert printed.index(str(encoder.manifest.parent)) < printed.index(str(model.manifest.parent))
    assert f"snakemake {model.manifest}" in printed
    assert not encoder.manifest.exists() and not model.manifest.exists()
    for one in chain:
        one.run()
    assert [one.trained for one in chain] == [2, 2, 1], "equal weights, so the predictions stand"
    read_manifest(model.manifest).check()


def test_nothing_is_restored_under_a_run_that_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = tmp_path / "results/own"
    model, other = (Model(here / "models/m" / name) for name in ("none/xnli/1", "none/udpos/1"))
    for one in (model, other):
        one.run()
        drop(one.manifest, [])
    (here / "specs").mkdir()
    held = open_lock(here / "specs/.lock")
    lock(held, here / "specs/.lock", shared=True)
    sign([held])
    folders = [str(one.manifest.parent) for one in (model, other)]
    assert main(["restore", *folders]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and not said.out
    assert said.err.startswith(f"xstilts restore: {here}: a run goes on here (process {os.getpid()} on ")
    assert model.manifest.exists() and other.manifest.exists()
    os.close(held)
    held = open_lock(here / "specs/.lock")  # as a plan does, for a moment
    os.truncate(here / "specs/.lock", 0)
    lock(held, here / "specs/.lock", shared=True)
    Timer(0.5, os.close, [held]).start()
    assert main(["restore", *folders]) == 0
    assert not model.manifest.exists() and not other.manifest.exists()


def test_only_what_was_dropped_is_forgotten(chain: tuple[Model, Model, Model]) -> None:
    encoder, model, predictions = chain
    with pytest.raises(UserError, match="were not dropped"):
        forget(model.manifest)
    drop(model.manifest, [predictions.manifest])
    assert forget(model.manifest) == [model.manifest]
    assert encoder.manifest.exists(), "it has its weights"
    assert main(["restore", str(encoder.manifest.parent)]) == 2


def test_the_vectors_of_candidates_go_with_their_model_and_come_back_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = "m/none/lareqa/1/lareqa"
    model = Model(tmp_path / "models/m/none/lareqa/1")
    index = Model(tmp_path / "indexes" / chain, model=model.manifest)
    predictions = Model(tmp_path / "predictions" / chain, model=model.manifest, index=index.manifest)
    for one in (model, index, predictions):
        one.run()
    marker = model.manifest.with_name("dropped.json")
    users = [str(index.manifest), str(predictions.manifest)]
    given = ["--model", str(model.manifest), "--users", *users, "--indexes", users[0], "--output", str(marker)]
    monkeypatch.setattr(sys, "argv", ["drop.py", *given])
    runpy.run_path(str(ROOT / "workflow/scripts/drop.py"), run_name="__main__")
    assert read_manifest(index.manifest).dropped and read_manifest(model.manifest).dropped
    assert not (index.manifest.parent / "model.safetensors").exists()
    assert json.loads(marker.read_text())["bytes"] > 0 and not read_manifest(predictions.manifest).dropped
    monkeypatch.chdir(tmp_path)
    assert forget(index.manifest) == [model.manifest, index.manifest], "in the order in which they are made again"

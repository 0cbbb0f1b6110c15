"""The learning rate of the tuned baseline: the best English dev score decides, and its training is taken whole."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product, produce
from xstilts.files import write_json
from xstilts.training.rates import choose_rate

RATES = {"none@1e-06": 1e-6, "none": 3e-6, "none@1e-05": 1e-5}


def trained(folder: Path, name: str, scores: list[float], reason: str | None = None) -> Path:
    """A finished training whose checkpoint is the best of its evaluations."""

    def make(where: Path, spec: dict[str, Any], inputs: Mapping[str, Manifest]) -> Product:
        if reason:
            return Product(reason=reason)
        (where / "model.safetensors").write_text(f"weights of {name}")
        evaluations = [{"step": step, "score": score} for step, score in enumerate(scores, start=1)]
        best = 1 + scores.index(max(scores))
        write_json(where / "history.json", {"best_step": best, "evaluations": evaluations})
        return Product(["model.safetensors", "history.json"], {"best_step": best, "dev": {"mnli": {"score": 1.0}}})

    write_json(folder / f"{name}.spec", {"rule": "train_target", "wildcards": [name], "settings": {}, "code": ""})
    return produce(folder / name / "manifest.json", folder / f"{name}.spec", {}, make).path


def chosen(folder: Path, **scores: list[float]) -> Manifest:
    inputs = {name: trained(folder, name, scores[name.replace("@", "_").replace("-", "_")]) for name in RATES}
    spec = {"rule": "choose_rate", "wildcards": [], "settings": {"candidates": RATES}, "code": ""}
    write_json(folder / "spec", spec)
    return produce(folder / "none-tuned" / "manifest.json", folder / "spec", inputs, choose_rate)


def test_the_best_checkpoint_of_all_rates_is_taken_with_its_files(tmp_path: Path) -> None:
    found = chosen(tmp_path, none_1e_06=[10, 20], none=[60, 30], none_1e_05=[50, 55])
    assert (found.folder / "model.safetensors").read_text() == "weights of none", "its last score is the lower one"
    assert found.results["learning_rate"] == 3e-6 and found.results["best_step"] == 1
    assert {one["learning_rate"]: one["score"] for one in found.results["tried"]} == {1e-6: 20, 3e-6: 60, 1e-5: 55}
    found.check()


def test_of_equals_the_lower_rate_is_taken(tmp_path: Path) -> None:
    assert chosen(tmp_path, none_1e_06=[40], none=[50], none_1e_05=[50]).results["learning_rate"] == 3e-6


def test_another_choice_replaces_the_files_and_leaves_the_trainings_alone(tmp_path: Path) -> None:
    chosen(tmp_path, none_1e_06=[90], none=[50], none_1e_05=[50])
    settings = {"rule": "choose_rate", "wildcards": [], "settings": {"candidates": {"none": 3e-6}}, "code": ""}
    write_json(tmp_path / "spec", settings)
    again = produce(
        tmp_path / "none-tuned" / "manifest.json",
        tmp_path / "spec",
        {"none": tmp_path / "none" / "manifest.json"},
        choose_rate,
    )
    assert (again.folder / "model.safetensors").read_text() == "weights of none"
    assert (tmp_path / "none@1e-06" / "model.safetensors").read_text() == "weights of none@1e-06"


def test_without_data_the_reason_is_handed_on(tmp_path: Path) -> None:
    inputs = {name: trained(tmp_path, name, [1], "mnli/en: no file") for name in RATES}
    write_json(tmp_path / "spec", {"rule": "", "wildcards": [], "settings": {"candidates": RATES}, "code": ""})
    found = produce(tmp_path / "none-tuned" / "manifest.json", tmp_path / "spec", inputs, choose_rate)
    assert found.reason == "mnli/en: no file"

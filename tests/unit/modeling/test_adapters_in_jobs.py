"""Adapters through the jobs of both phases and evaluation."""

from pathlib import Path
from typing import Any

import pytest
from encoder_jobs import ROOT, Made, pairs, retrieval
from safetensors.torch import load_file

from xstilts.modeling.adapted import CONFIG, WEIGHTS
from xstilts.modeling.fetch import fetch_model
from xstilts.prediction.languages import predict_task
from xstilts.training.phase import train_source, train_target

PHASES: list[dict[str, Any]] = [
    {"kind": "lora", "rank": 2, "learning_rate": 1e-3},
    {"kind": "bottleneck", "reduction": 4, "learning_rate": 1e-3},
    {"kind": "ia3", "phases": ["target"], "learning_rate": 1e-2},
    {"kind": "lora", "rank": 2, "phases": ["intermediate"], "learning_rate": 1e-3},
]


@pytest.mark.slow
@pytest.mark.parametrize("own", PHASES, ids=["lora", "bottleneck", "ia3-target", "lora-intermediate"])
def test_a_method_goes_through_both_phases_and_evaluation(tmp_path: Path, own: dict[str, Any]) -> None:
    made = Made(tmp_path, ROOT / "resources/encoders/demo", ("none", "mnli"), method=own)
    jobs, phases = made.jobs, own.get("phases", ["intermediate", "target"])
    encoder = made.make(fetch_model, "encoder", "fetch_model", "m")
    mnli = made.data("mnli", train=pairs(32, "en"), dev=pairs(9, "en"))
    german, tatoeba = made.data("xnli", dev=pairs(9, "de")), made.data("tatoeba", test=retrieval())
    read = {f"{use}/mnli": made.features(use, "mnli", encoder, mnli__en=mnli) for use in ("intermediate", "target")}
    first = {"encoder": encoder.path, "intermediate/mnli": read["intermediate/mnli"]}
    source = made.make(train_source, "source", "train_intermediate", "m", "mnli", 1, **first)
    whole = {"config.json", "model.safetensors"}
    assert (whole <= {*source.content["files"]}) == ("intermediate" not in phases)
    assert ({CONFIG, WEIGHTS} <= {*source.content["files"]}) == ("intermediate" in phases)

    def below(target: str) -> dict[str, Path]:
        places = {jobs.pretrained("m"): encoder.path, jobs.encoder("m", "mnli", 1): source.path}
        found = [places[path] for path in jobs.below("m", "mnli", target, 1)]
        return {"below": found[0]} if found else {}

    given = {"encoder": source.path, "target/mnli": read["target/mnli"], **below("none")}
    model = made.make(train_target, "target", "train_target", "m", "mnli", "mnli", 1, **given)
    assert (whole <= {*model.content["files"]}) == ("target" not in phases)
    assert "head.safetensors" in model.content["files"] and model.results["steps"] == 4
    again = made.make(train_target, "again", "train_target", "m", "mnli", "mnli", 1, **given)
    assert again.digest == model.digest
    features = made.features("task", "xnli", encoder, xnli__de=german)
    given = {"model": model.path, "features": features, "xnli/de": german, **below("mnli")}
    found = made.make(predict_task, "xnli", "predict", "m", "mnli", "mnli", 1, "xnli", **given)
    assert len((found.folder / "dev-de.tsv").read_text(encoding="utf-8").split()) == 9
    features = made.features("task", "tatoeba", encoder, tatoeba__de=tatoeba)
    given = {"model": source.path, "features": features, "tatoeba/de": tatoeba, **below("none")}
    found = made.make(predict_task, "tatoeba", "predict", "m", "mnli", "none", 1, "tatoeba", **given)
    assert len((found.folder / "test-de.tsv").read_text(encoding="utf-8").split()) == 5


@pytest.mark.slow
def test_the_target_phase_goes_on_with_the_adapters_of_the_source(tmp_path: Path) -> None:
    """With a rate of nothing the target's adapters are the source's, not fresh ones."""
    made = Made(tmp_path, ROOT / "resources/encoders/demo", ("none", "mnli"), method={"kind": "lora"})
    encoder = made.make(fetch_model, "encoder", "fetch_model", "m")
    mnli = made.data("mnli", train=pairs(32, "en"), dev=pairs(9, "en"))
    read = {f"{use}/mnli": made.features(use, "mnli", encoder, mnli__en=mnli) for use in ("intermediate", "target")}
    first = {"encoder": encoder.path, "intermediate/mnli": read["intermediate/mnli"]}
    source = made.make(train_source, "source", "train_intermediate", "m", "mnli", 1, **first)
    given = {"encoder": source.path, "target/mnli": read["target/mnli"], "below": encoder.path}
    model = made.make(train_target, "target", "train_target", "m", "mnli", "mnli", 1, **given)
    trained_by = [load_file(one.folder / WEIGHTS) for one in (source, model)]
    apart = max(float((trained_by[0][name] - one).abs().max()) for name, one in trained_by[1].items())
    assert 0 < apart < 4 * 3e-6 * 1.1, "four steps of Adam at the target's rate"

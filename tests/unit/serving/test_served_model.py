"""A trained model under load: merged or not, it answers the same, and adapters change places without the encoder."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encoder_jobs import ROOT, Made, pairs

from xstilts.families.features import Features
from xstilts.families.stored import open_features
from xstilts.modeling.fetch import fetch_model
from xstilts.prediction.forward import outputs
from xstilts.serving import twin
from xstilts.serving.model import Opened, bytes_on_disk, open_served, swap_seconds, system
from xstilts.serving.names import Scenario
from xstilts.serving.scenarios import MLPERF, shortened
from xstilts.training.phase import train_target

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], Features]:
    """Folders of a whole encoder, of two trainings of LoRA in it and of one of it whole, and features."""
    method = {"kind": "lora", "rank": 2, "learning_rate": 1e-2}
    jobs = Made(tmp_path_factory.mktemp("lora"), ROOT / "resources/encoders/demo", ("none", "none@0.1"), method=method)
    encoder = jobs.make(fetch_model, "encoder", "fetch_model", "m")
    mnli = jobs.data("mnli", train=pairs(32, "en"), dev=pairs(9, "en"))
    features = jobs.features("target", "mnli", encoder, mnli__en=mnli)
    read = {"encoder": encoder.path, "target/mnli": features}
    found = {"encoder": encoder.folder}
    for name, source in (("lora", "none"), ("other", "none@0.1")):
        found[name] = jobs.make(train_target, name, "train_target", "m", source, "mnli", 1, **read).folder
    whole = Made(tmp_path_factory.mktemp("full"), ROOT / "resources/encoders/demo", ("none",))
    whole.folder = jobs.folder
    found["full"] = whole.make(train_target, "full", "train_target", "m", "none", "mnli", 1, **read).folder
    return found, open_features(features.parent / "train.safetensors")


def opened(folders: dict[str, Path], name: str, merged: bool = False) -> Opened:
    below = None if name == "full" else folders["encoder"]
    return open_served(folders[name], below, "classification", merged, "float32", False)


def answers(one: Opened, features: Features) -> np.ndarray:
    return np.stack(outputs(one.model, one.head, one.family, features, 4096))


def test_merged_answers_as_unmerged_and_has_the_modules_of_the_whole(
    made: tuple[dict[str, Path], Features],
) -> None:
    folders, features = made
    apart, merged, full = opened(folders, "lora"), opened(folders, "lora", merged=True), opened(folders, "full")
    np.testing.assert_allclose(answers(merged, features), answers(apart, features), rtol=1e-5, atol=1e-5)
    assert [*map(type, merged.model.modules())] == [*map(type, full.model.modules())], "the same graph: the null test"
    assert [*map(type, apart.model.modules())] != [*map(type, full.model.modules())]
    assert bytes_on_disk(folders["lora"]) < 0.1 * bytes_on_disk(folders["full"])


def test_a_model_whose_sentences_are_means_answers_by_means(
    made: tuple[dict[str, Path], Features], tmp_path: Path
) -> None:
    folders, features = made
    other = shutil.copytree(folders["full"], tmp_path / "full")
    head = json.loads((other / "head.json").read_text())
    (other / "head.json").write_text(json.dumps(head | {"sentence": "mean"}))
    first, mean = (opened(folders | {"full": place}, "full") for place in (folders["full"], other))
    assert not np.allclose(answers(mean, features), answers(first, features), atol=1e-3)


def test_adapters_change_places(made: tuple[dict[str, Path], Features]) -> None:
    folders, features = made
    one, other = opened(folders, "lora"), opened(folders, "other")
    before = answers(one, features)
    assert swap_seconds(one, folders["other"]) > 0
    np.testing.assert_array_equal(answers(one, features), answers(other, features))
    assert np.abs(answers(one, features) - before).max() > 1e-3
    swap_seconds(one, folders["lora"])
    np.testing.assert_array_equal(answers(one, features), before)


@pytest.mark.parametrize("scenario", MLPERF)
def test_a_model_goes_through_every_scenario(made: tuple[dict[str, Path], Features], scenario: Scenario) -> None:
    folders, features = made
    answer, there = system(opened(folders, "lora"), features, 4096)
    assert there == 32
    load = replace(shortened(scenario, 0.0, 64), queries=64, rate=500.0, limit=60.0, percentile=0.9)
    found = twin.measure(answer, there, load)
    assert found.counts and found.load.is_shortened and found.rate > 0 and found.samples >= 64

"""The measured steps of a study's arms are those of their trainings: their questions, and the rows that these read."""

import csv
from pathlib import Path

import numpy as np
import pytest
from encoder_jobs import Made, pairs
from test_chain import Chain, questions

from xstilts.artifacts import read_manifest
from xstilts.config.methods import Method
from xstilts.errors import UserError
from xstilts.families.stored import open_features
from xstilts.graph.settings import settings_of
from xstilts.modeling.fetch import fetch_model
from xstilts.studies.speed import FILE, measure_speed


def test_a_step_has_whole_questions_and_moves_the_rows_that_its_training_reads(tmp_path: Path) -> None:
    upstream = Chain(tmp_path / "chain").made.folder / "upstream"
    siqa = {"intermediate": {"sets": {"siqa": {"batch_size": 8, "epochs": 1}}}}
    made = Made(tmp_path / "own", upstream, ("none", "mnli", "siqa"), siqa)
    encoder = made.make(fetch_model, "encoder", "fetch_model", "m")
    data = {"mnli": made.data("mnli", train=pairs(20, "en"), dev=pairs(6, "en"))}
    data["siqa"] = made.data("siqa", train=questions(24, 3, "en"), dev=questions(8, 3, "en"))
    arms = {"E": "mnli", "Q": "siqa"}
    training = {arm: settings_of(made.jobs, "train_intermediate", "m", source, 1) for arm, source in arms.items()}
    inputs = {
        f"intermediate/{name}": read_manifest(
            made.features("intermediate", name, encoder, **{f"{name}__en": data[name]})
        )
        for name in data
    }
    speed = {"arms": [*arms], "batching": ["unpadded", "dynamic"], "repeats": 2, "steps": 2}
    folder = tmp_path / "speed"
    folder.mkdir()
    made_of = measure_speed(folder, {"settings": {"speed": speed, "training": training}}, inputs | {"encoder": encoder})
    with open(folder / FILE, encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 2 * 2 * 2 * 2 and all(float(row["seconds"]) > 0 for row in rows)
    for arm, source in arms.items():
        features = open_features(inputs[f"intermediate/{source}"].folder / "train.safetensors")
        texts = [open_features(path) for path in inputs[f"intermediate/{source}"].folder.glob("*.safetensors")]
        read = np.unique(np.concatenate([one.input_ids for one in texts] + [[1]]))  # 1: padding
        assert made_of.results["embedding_rows"][arm] == len(read) < 700
        own = [row for row in rows if row["arm"] == arm]
        batch = training[arm]["parts"][0]["batch_size"]
        assert {int(row["examples"]) for row in own} <= {batch, made_of.results["sizes"][arm]["examples"] % batch}
        assert made_of.results["sizes"][arm] == {
            "examples": len(np.unique(features.example)),
            "tokens": len(features.input_ids),
        }
    adapted = {arm: one | {"method": Method(kind="lora").settings} for arm, one in training.items()}
    settings = {"speed": speed | {"repeats": 1}, "training": adapted}
    thin = measure_speed(folder, {"settings": settings}, inputs | {"encoder": encoder})
    assert thin.results["embedding_rows"] == {}, "of an encoder with adapters these train alone"
    with pytest.raises(UserError, match="found Q, which trains by another method than the first"):
        mixed = {"speed": speed, "training": training | {"E": adapted["E"]}}
        measure_speed(folder, {"settings": mixed}, inputs | {"encoder": encoder})
    tokens = sum(
        int(row["tokens"]) for row in rows if (row["arm"], row["batching"], row["repeat"]) == ("Q", "unpadded", "0")
    )
    assert tokens <= made_of.results["sizes"]["Q"]["tokens"]

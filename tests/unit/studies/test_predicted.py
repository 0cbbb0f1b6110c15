"""What arms are predicted to need of a GPU's memory: as they are trained on this machine."""

import csv
from pathlib import Path
from typing import Any

from xstilts.config.layers import merged, read_layers
from xstilts.config.run import load
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.studies.predicted import predict_study

ROOT = Path(__file__).parents[3]
MEMORY = ("weights", "gradients", "moments", "activations")


def predicted(results: Path, study: str, **changes: Any) -> dict[str, dict[str, int]]:
    """Return what each arm holds, as the job of a study's spec writes it."""
    run = load(merged(read_layers(ROOT, ["demo"], {"study": study}), changes))
    folder = results / f"demo/studies/{study}"
    predict_study(settings_of(Jobs(run, ROOT, results), "predict_study", study), folder, ROOT)
    with open(folder / "predicted.csv", newline="", encoding="utf-8") as file:
        return {row["arm"]: {name: int(row[name]) for name in MEMORY} for row in csv.DictReader(file)}


def test_activations_that_are_computed_anew_are_not_held(tmp_path: Path) -> None:
    plain = predicted(tmp_path, "xcopa-cost")
    saving = predicted(tmp_path, "xcopa-cost", optimisation={"activation_checkpointing": True})
    assert {"COPA", "COPA +5"} <= plain.keys(), "an arm with examples of the languages too"
    for arm, held in plain.items():
        assert saving[arm] | {"activations": 0} == held | {"activations": 0}
        assert saving[arm]["activations"] < held["activations"], arm


def test_a_training_that_is_divided_holds_its_part_on_each_card_and_a_few_examples_are_not_divided(
    tmp_path: Path,
) -> None:
    alone = predicted(tmp_path, "xcopa-cost")
    divided = predicted(tmp_path, "xcopa-cost", encoders={"demo-encoder": {"gpus_per_job": 2}})
    assert 2 * divided["COPA"]["moments"] == alone["COPA"]["moments"]
    assert divided["50 alone"] == alone["50 alone"]

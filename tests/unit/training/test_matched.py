"""A training with as many real tokens as other features have."""

from pathlib import Path

from encoder_jobs import Made, pairs
from test_chain import Chain

from xstilts.artifacts import read_manifest
from xstilts.families.stored import open_features
from xstilts.graph.settings import settings_of
from xstilts.modeling.fetch import fetch_model
from xstilts.training.labelled import open_task


def test_epochs_are_as_many_as_have_the_tokens_of_the_other_features(tmp_path: Path) -> None:
    upstream = Chain(tmp_path / "chain").made.folder / "upstream"
    found = {}
    for name, count in (("english", 20), ("mnli", 70)):
        made = Made(tmp_path / name, upstream, ("none", "mnli"))
        encoder = made.make(fetch_model, "encoder", "fetch_model", "m")
        data = made.data("mnli", train=pairs(count, "en"), dev=pairs(6, "en"))
        found[f"intermediate/{name}"] = read_manifest(made.features("intermediate", "mnli", encoder, mnli__en=data))
    settings, said = settings_of(made.jobs, "train_intermediate", "m", "mnli", 1), []
    wanted, own = (
        len(open_features(found[f"intermediate/{name}"].folder / "train.safetensors").input_ids)
        for name in ("english", "mnli")
    )
    task = open_task(settings["parts"][0], settings | {"tokens_of": "intermediate/english"}, found, said.append)
    assert 0.1 < task.data.epochs < 0.5 and abs(task.data.epochs * own - wanted) < 1, "of one epoch"
    assert "as many real tokens as intermediate/english has" in said[-1]

"""How much disk a run needs: sizes that are those of the real files, and what `keep` changes."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
import yaml

from xstilts.config.run import load
from xstilts.costs.disk import TOKENIZER, bytes_of_model, bytes_of_run, bytes_of_training
from xstilts.costs.size import LARGE, ON_THE_HUB, size_of
from xstilts.graph.jobs import Jobs
from xstilts.modeling.encoder import EncoderShape, build_masked_lm

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
PRETRAINING = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text(encoding="utf-8"))["encoders"]["tiny"]


def planned(results: Path, **changes: Any) -> Jobs:
    return Jobs(load(BASE | changes), ROOT, results)


@pytest.mark.parametrize(("name", "layers", "hidden"), [("large", 24, 1024), ("base", 12, 768)])
def test_the_sizes_of_xlm_r_are_those_of_the_architecture(name: str, layers: int, hidden: int) -> None:
    config = transformers.XLMRobertaConfig(
        vocab_size=250_002,
        max_position_embeddings=514,
        type_vocab_size=1,
        num_hidden_layers=layers,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_attention_heads=hidden // 64,
    )
    with torch.device("meta"):
        model = transformers.XLMRobertaModel(config, add_pooling_layer=False)
    expected = sum(parameter.numel() for parameter in model.parameters())
    assert ON_THE_HUB[f"FacebookAI/xlm-roberta-{name}"].parameters == expected


def test_an_encoder_is_as_large_as_it_says_where_it_lies_else_as_its_settings_say(tmp_path: Path) -> None:
    encoders = {"small": {"weights": str(tmp_path / "own")}, "here": PRETRAINING, "other": {"weights": "who/knows"}}
    (tmp_path / "own").mkdir()
    jobs = planned(tmp_path / "results", encoders=encoders, models=["small", "here", "other"])
    assert size_of(jobs, "small") == (LARGE, False), "nothing there yet"
    model = build_masked_lm(EncoderShape(2, 16, 2, 32, 40, 0.1), 60, seed=3)
    model.save(tmp_path / "own", half=True)
    shape = PRETRAINING["pretraining"]
    names = ("layers", "hidden", "heads", "intermediate", "positions", "dropout")
    built = build_masked_lm(EncoderShape(**{name: shape[name] for name in names}), shape["vocabulary"], 0)
    for name, encoder in (("small", model), ("here", built)):
        encoder.lm_head = None
        size, known = size_of(jobs, name)
        assert known and size.parameters == sum(parameter.numel() for parameter in encoder.parameters())
        assert bytes_of_model(jobs, name) == 4 * size.parameters
    assert (
        size_of(jobs, "other") == (LARGE, False) and bytes_of_model(jobs, "other") == 4 * LARGE.parameters + TOKENIZER
    )
    (tmp_path / "own/config.json").write_text('{"vocab_size": 60')
    assert size_of(jobs, "small") == (LARGE, False), "an estimate refuses nothing"


def test_what_a_run_keeps(tmp_path: Path) -> None:
    one = 4 * LARGE.parameters + TOKENIZER
    sources, targets, seeds = 29, 6, 3
    kept = bytes_of_run(planned(tmp_path))
    assert kept == {"pretrained": one, "intermediate": sources * seeds * one, "target": 30 * targets * seeds * one}
    assert 1.40e12 < sum(kept.values()) < 1.45e12, "627 models of 2.25 GB"
    assert bytes_of_run(planned(tmp_path, keep="sources")) == kept | {"target": 0}
    assert bytes_of_run(planned(tmp_path, keep="pretrained")) == kept | {"target": 0, "intermediate": 0}
    assert bytes_of_training(planned(tmp_path)) == 12 * 4 * LARGE.parameters, "raw text reads all rows of the embedding"
    labelled = planned(tmp_path, sources=["none", "mnli"])
    assert bytes_of_training(labelled) == 12 * 4 * (LARGE.parameters - (250_002 - 40_000) * 1024)


def test_retrieval_alone_keeps_no_target(tmp_path: Path) -> None:
    kept = bytes_of_run(planned(tmp_path, tasks=["tatoeba"], sources=["none", "mnli"], seeds=[1]))
    assert kept["target"] == 0 and kept["intermediate"] == kept["pretrained"] > 0
    assert bytes_of_training(planned(tmp_path, tasks=["tatoeba"], sources=["none"])) == 0, "nothing is trained"

"""Adapters: they change nothing before they train, equal what they are merged into, and peft opens its own kinds."""

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from encoder_jobs import ROOT, Made, pairs

from xstilts.cli import main
from xstilts.config.methods import Method
from xstilts.costs.size import Size
from xstilts.costs.trained import trained_parameters
from xstilts.errors import UserError
from xstilts.families.features import Features
from xstilts.modeling.adapted import CONFIG, WEIGHTS, attach, load, merge, save_adapter, save_merged
from xstilts.modeling.check import check_encoder
from xstilts.modeling.encoder import open_encoder
from xstilts.modeling.fetch import fetch_model
from xstilts.modeling.hub import HubEncoder
from xstilts.modeling.layout import layout
from xstilts.modeling.model import Model, build_model
from xstilts.modeling.whole import open_whole
from xstilts.modeling.xlmr import XlmRoberta
from xstilts.training import checkpoint
from xstilts.training.loop import Interrupted, Recipe, TrainingData, train
from xstilts.training.optimiser import build_optimiser
from xstilts.training.phase import train_source

CPU = torch.device("cpu")
SHAPE = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 60}
METHODS: dict[str, dict[str, Any]] = {
    "lora": {"kind": "lora", "rank": 4, "dropout": 0.1},
    "lora-everywhere": {"kind": "lora", "rank": 3, "modules": ["query", "key", "value", "dense"]},
    "lora-in-four-bits": {"kind": "lora", "rank": 4, "bits": 4},
    "ia3": {"kind": "ia3"},
    "pfeiffer": {"kind": "bottleneck", "reduction": 4},
    "houlsby": {"kind": "bottleneck", "reduction": 4, "form": "houlsby"},
    "adapterdrop": {"kind": "bottleneck", "reduction": 4, "dropped": 1},
}
THROUGH_PEFT = ["lora", "lora-everywhere", "ia3"]
every_method = pytest.mark.parametrize("name", METHODS)


def method(name: str) -> dict[str, Any]:
    return Method(**METHODS[name]).settings


def upstream(folder: Path, kind: str = "xlm-roberta") -> Path:
    """A random encoder; of BERT's class the same network behind AutoModel."""
    torch.manual_seed(0)
    classes = {"xlm-roberta": transformers.XLMRobertaConfig, "bert": transformers.BertConfig}
    more = {"type_vocab_size": 1} if kind == "xlm-roberta" else {}
    config = classes[kind](**SHAPE, **more, max_position_embeddings=40)
    transformers.AutoModel.from_config(config).save_pretrained(folder / kind)
    return folder / kind


def sequences() -> list[torch.Tensor]:
    generator = np.random.default_rng(1)
    return [torch.tensor(np.r_[0, generator.integers(5, 60, n)]) for n in (6, 2, 11, 0, 11)]


def states(encoder: Any, rows: list[torch.Tensor]) -> torch.Tensor:
    lengths = torch.tensor([len(row) for row in rows])
    with torch.no_grad():
        return encoder.eval()(torch.cat(rows), layout(lengths, CPU))


def moved(encoder: Any) -> None:
    """Give adapters numbers as if they had been trained."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in encoder.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)


def trained(folder: Path, name: str, kind: str = "xlm-roberta") -> tuple[Any, dict[str, Any]]:
    encoder = open_encoder(upstream(folder, kind))
    written = attach(encoder, method(name), seed=1)
    moved(encoder)
    return encoder, written


@pytest.mark.parametrize("name", sorted(METHODS.keys() - {"lora-in-four-bits"}))
@pytest.mark.parametrize("kind", ["xlm-roberta", "bert"])
def test_fresh_adapters_change_no_state(tmp_path: Path, name: str, kind: str) -> None:
    plain, encoder = open_encoder(upstream(tmp_path, kind)), open_encoder(tmp_path / kind)
    assert isinstance(plain, XlmRoberta if kind == "xlm-roberta" else HubEncoder)
    before = states(plain, sequences())
    attach(encoder, method(name), seed=1)
    torch.testing.assert_close(states(encoder, sequences()), before, rtol=0, atol=1e-6)
    moved(encoder)
    assert (states(encoder, sequences()) - before).abs().max() > 0.001, "once trained, they do change it"


@every_method
def test_equal_seeds_draw_equal_adapters(tmp_path: Path, name: str) -> None:
    folder = upstream(tmp_path)

    def drawn(seed: int) -> list[torch.Tensor]:
        encoder = open_encoder(folder)
        attach(encoder, method(name), seed)
        return [one for one in encoder.parameters() if one.requires_grad]

    pairs_of = [*zip(drawn(1), drawn(1), strict=True)]
    assert all(torch.equal(*pair) for pair in pairs_of)
    if name != "ia3":  # whose factors all begin at one
        assert not all(torch.equal(*pair) for pair in zip(drawn(1), drawn(2), strict=True))


@pytest.mark.parametrize("name", THROUGH_PEFT)
@pytest.mark.parametrize("kind", ["xlm-roberta", "bert"])
def test_merged_equals_unmerged(tmp_path: Path, name: str, kind: str) -> None:
    encoder, written = trained(tmp_path, name, kind)
    with torch.autocast("cpu", torch.bfloat16):
        half = states(encoder, sequences())
    before = states(encoder, sequences())
    save_adapter(encoder, written, tmp_path)
    save_merged(tmp_path, tmp_path / kind, tmp_path / "merged")
    plain = open_encoder(tmp_path / "merged")
    torch.testing.assert_close(states(plain, sequences()), before, rtol=1e-5, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        difference = states(plain, sequences()).float() - half.float()
    assert difference.norm() / before.norm() < 1e-2
    merge(encoder, written)
    torch.testing.assert_close(states(encoder, sequences()), before, rtol=1e-5, atol=1e-5)
    assert all(one.requires_grad for one in encoder.parameters())
    theirs = transformers.AutoModel.from_pretrained(tmp_path / "merged").eval()
    for row, ours in zip(sequences(), torch.split(before, [len(row) for row in sequences()]), strict=True):
        with torch.no_grad():
            torch.testing.assert_close(theirs(row[None]).last_hidden_state[0], ours, rtol=1e-5, atol=1e-5)


def test_bottlenecks_are_not_merged(tmp_path: Path) -> None:
    encoder, written = trained(tmp_path, "pfeiffer")
    with pytest.raises(UserError, match="cannot be merged"):
        merge(encoder, written)


@pytest.mark.parametrize("name", THROUGH_PEFT)
@pytest.mark.parametrize("kind", ["xlm-roberta", "bert"])
def test_peft_opens_ours_and_gives_the_same_logits(tmp_path: Path, name: str, kind: str) -> None:
    """Ours reads end to end, theirs each sequence alone and all of them padded."""
    from peft import PeftModel

    encoder, written = trained(tmp_path, name, kind)
    save_adapter(encoder, written, tmp_path)
    model = build_model(encoder, {"a": ("classification", 3)}, seed=5).eval()
    rows = sequences()
    where = layout(torch.tensor([len(row) for row in rows]), CPU)
    with torch.no_grad():
        ours = model.heads["a"](encoder(torch.cat(rows), where), where)
    theirs = PeftModel.from_pretrained(transformers.AutoModel.from_pretrained(tmp_path / kind), tmp_path).eval()
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=theirs.config.pad_token_id)
    mask = torch.arange(padded.shape[1])[None] < torch.tensor([len(row) for row in rows])[:, None]
    alone = layout(torch.tensor([1]), CPU)
    with torch.no_grad():
        together = theirs(padded, attention_mask=mask.long()).last_hidden_state[:, 0]
        for number, row in enumerate(rows):
            for first in (theirs(row[None]).last_hidden_state[0, 0], together[number]):
                logits = model.heads["a"](first[None], alone)[0]
                torch.testing.assert_close(logits, ours[number], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", THROUGH_PEFT)
def test_what_peft_has_trained_opens_here(tmp_path: Path, name: str) -> None:
    from peft import PeftModel

    encoder, written = trained(tmp_path, name)
    save_adapter(encoder, written, tmp_path)
    theirs = PeftModel.from_pretrained(transformers.AutoModel.from_pretrained(tmp_path / "xlm-roberta"), tmp_path)
    with torch.no_grad():
        for key, parameter in theirs.named_parameters():
            if "lora" in key or "ia3" in key:
                parameter.mul_(1.5)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = open_encoder(tmp_path / "xlm-roberta")
    load(ours, tmp_path / "theirs")
    row = sequences()[2]
    with torch.no_grad():
        expected = theirs.eval()(row[None]).last_hidden_state[0]
    torch.testing.assert_close(states(ours, [row]), expected, rtol=1e-5, atol=1e-5)


@every_method
def test_one_file_fits_the_own_path_and_automodels(tmp_path: Path, name: str) -> None:
    """The same adapters behind XLM-R's own code, end to end, and behind AutoModel, padded."""
    encoder, written = trained(tmp_path, name)
    save_adapter(encoder, written, tmp_path)
    other = HubEncoder(tmp_path / "xlm-roberta", masked_lm=False)
    load(other, tmp_path)
    torch.testing.assert_close(states(other, sequences()), states(encoder, sequences()), rtol=1e-5, atol=1e-5)


@every_method
def test_a_neighbour_changes_nothing(tmp_path: Path, name: str) -> None:
    encoder, _ = trained(tmp_path, name)
    rows = sequences()
    together = torch.split(states(encoder, rows), [len(row) for row in rows])
    for row, found in zip(rows, together, strict=True):
        torch.testing.assert_close(states(encoder, [row]), found, rtol=1e-5, atol=1e-5)


def test_adapters_of_another_shape_are_refused(tmp_path: Path) -> None:
    encoder, written = trained(tmp_path, "lora")
    save_adapter(encoder, written | {"r": 5}, tmp_path)
    with pytest.raises(UserError, match=r"found \(4, 32\) for base_model\S*lora_A.weight; expected \(5, 32\)"):
        load(open_encoder(tmp_path / "xlm-roberta"), tmp_path)


def test_a_map_that_the_encoder_does_not_have_is_named(tmp_path: Path) -> None:
    encoder = open_encoder(upstream(tmp_path))
    with pytest.raises(UserError, match=r"found 'query_proj', .* expected some of dense key query value"):
        attach(encoder, {**method("lora"), "modules": ["query_proj"]}, 0)


def features(rows: int = 40) -> Features:
    generator = np.random.default_rng(0)
    labels = np.arange(rows) % 3
    ids = [np.r_[0, 5 + label, generator.integers(10, 50, 4 + label), 2] for label in labels]
    return Features(
        np.concatenate(ids).astype(np.int32),
        np.cumsum([0, *map(len, ids)]).astype(np.int64),
        np.arange(rows, dtype=np.int32),
        {"label": labels.astype(np.int64)},
    )


def fresh(folder: Path, name: str) -> Model:
    encoder = open_encoder(folder)
    attach(encoder, method(name), seed=1)
    return build_model(encoder, {"a": ("classification", 3)}, seed=5)


def run(
    folder: Path, name: str, work: Path, stop: Callable[[], bool] = lambda: False, recompute: bool = False
) -> dict[str, torch.Tensor]:
    recipe = Recipe(3, 1e-2, 0.1, 0.01, 1e-8, 1.0, 10, 1000, 4096, 1e9, recompute=recompute)

    def score(now: Model) -> dict[str, float]:
        return {"score": float(sum(p.double().pow(2).sum() for p in now.trained().values()))}

    data = [TrainingData("a", "classification", features(), 8, 3.0)]
    return train(fresh(folder, name), data, recipe, score, work, lambda line: None, stop)[0]


@every_method
def test_an_interrupted_training_of_adapters_ends_in_the_same_bytes(tmp_path: Path, name: str) -> None:
    """Dropout is on; checkpoints hold what trains, and nothing of the frozen encoder."""
    folder = upstream(tmp_path)
    whole = run(folder, name, tmp_path / "whole")
    count = itertools.count(1)
    with pytest.raises(Interrupted):
        run(folder, name, tmp_path / "cut", lambda: next(count) >= 4)
    tensors, _ = checkpoint.latest(tmp_path / "cut", str) or ({}, {})
    own = set(fresh(folder, name).trained())
    assert tensors["model"].keys() == tensors["best"].keys() == own
    assert {key.partition(".")[2] for key in tensors["optimiser"]} == own
    again = run(folder, name, tmp_path / "cut")
    assert whole.keys() == again.keys() == own
    assert all(torch.equal(whole[key], again[key]) for key in own)
    assert not all(torch.equal(whole[key], value) for key, value in fresh(folder, name).trained().items())


@every_method
def test_recomputed_activations_give_the_same_adapters(tmp_path: Path, name: str) -> None:
    """Below the first adapter nothing asks for a gradient, and the second pass draws the same dropout."""
    folder = upstream(tmp_path)
    plain, recomputed = (run(folder, name, tmp_path / str(how), recompute=how) for how in (False, True))
    assert all(torch.equal(plain[key], recomputed[key]) for key in plain)


@every_method
def test_heads_train_and_decay_spares_factors_and_biases(tmp_path: Path, name: str) -> None:
    optimiser = build_optimiser(fresh(upstream(tmp_path), name), 0.01, 1e-8)
    decayed = {key for key, decay in optimiser.decay.items() if decay}
    assert {"heads.a.dense.weight", "heads.a.output.weight"} <= decayed
    assert any(key.startswith("encoder.") for key in decayed) == (name != "ia3")
    assert not any(key.endswith("bias") or "ia3_" in key for key in decayed)
    assert all(optimiser.decay[key] for key in optimiser.parameters if ".lora_" in key), "thin matrices are matrices"


def test_a_lora_of_xlm_r_large_is_megabytes(tmp_path: Path) -> None:
    """Its shapes alone: nothing is computed, no weight of the encoder is there."""
    config = {"model_type": "xlm-roberta", "vocab_size": 250002, "hidden_size": 1024, "num_hidden_layers": 24}
    config |= {"num_attention_heads": 16, "intermediate_size": 4096, "max_position_embeddings": 514}
    with torch.device("meta"):
        encoder = XlmRoberta(config | {"type_vocab_size": 1}, masked_lm=False)
        attach(encoder, Method(kind="lora").settings, seed=1)
    own = [one for one in encoder.parameters() if one.requires_grad]
    assert sum(one.numel() for one in own) == 24 * 2 * 8 * (1024 + 1024) == 786_432
    assert sum(4 * one.numel() for one in own) < 3.2e6 < 0.002 * sum(4 * one.numel() for one in encoder.parameters())


@every_method
def test_the_plan_counts_what_trains(tmp_path: Path, name: str) -> None:
    encoder, _ = trained(tmp_path, name)
    own = sum(one.numel() for one in encoder.parameters() if one.requires_grad)
    size = Size(60, 40, SHAPE["num_hidden_layers"], SHAPE["hidden_size"], SHAPE["intermediate_size"])
    assert trained_parameters(size, Method(**METHODS[name])) == own


def test_only_what_trains_is_written(tmp_path: Path) -> None:
    encoder, written = trained(tmp_path, "lora")
    names = save_adapter(encoder, written, tmp_path)
    assert names == [CONFIG, WEIGHTS]
    numbers = sum(one.numel() for one in encoder.parameters() if one.requires_grad)
    assert 4 * numbers < (tmp_path / WEIGHTS).stat().st_size < 4 * numbers + 3000
    assert json.loads((tmp_path / CONFIG).read_text())["peft_type"] == "LORA"


@pytest.mark.slow
def test_merge_makes_a_plain_folder_that_a_run_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = {"kind": "lora", "rank": 2, "learning_rate": 1e-2}
    made = Made(tmp_path, ROOT / "resources/encoders/demo", ("none", "mnli"), method=own)
    encoder = made.make(fetch_model, "encoder", "fetch_model", "m")
    mnli = made.data("mnli", train=pairs(32, "en"), dev=pairs(9, "en"))
    first = {
        "encoder": encoder.path,
        "intermediate/mnli": made.features("intermediate", "mnli", encoder, mnli__en=mnli),
    }
    source = made.make(train_source, "source", "train_intermediate", "m", "mnli", 1, **first)
    with pytest.raises(UserError, match=r"found adapters without the encoder below them; .* xstilts merge"):
        check_encoder(source.folder)
    assert main(["merge", str(source.folder), str(tmp_path / "merged")]) == 0
    assert "model.safetensors" in capsys.readouterr().out
    check_encoder(tmp_path / "merged")
    row = torch.arange(5, 25)
    merged = open_encoder(tmp_path / "merged")
    torch.testing.assert_close(
        states(merged, [row]), states(open_whole(source.folder, encoder.folder), [row]), rtol=1e-5, atol=1e-5
    )
    assert (states(merged, [row]) - states(open_encoder(encoder.folder), [row])).abs().max() > 1e-3
    assert main(["merge", str(encoder.folder), str(tmp_path / "other")]) == 2
    assert "found no adapter_config.json" in capsys.readouterr().err


def test_without_peft_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(UserError, match=r"lora needs peft: pip install '\.\[adapters\]'"):
        attach(open_encoder(upstream(tmp_path)), method("lora"), seed=1)
    attach(open_encoder(tmp_path / "xlm-roberta"), method("pfeiffer"), seed=1)

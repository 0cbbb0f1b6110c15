"""Activation checkpointing: the same gradients with dropout on, from less memory."""

from pathlib import Path

import pytest
import torch
import transformers

from xstilts.modeling.encoder import EncoderShape, build_masked_lm, open_encoder
from xstilts.modeling.layout import layout
from xstilts.modeling.model import build_model
from xstilts.training.loop import TrainingData, train, weights
from xstilts.training.runtime import machine_settings

from test_training import SHAPE, classification, recipe, same, tagging  # isort: skip

DROPOUT = {"hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.2}
SMALL = {"num_hidden_layers": 4, "hidden_size": 24, "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 60}


def folder_of(kind: str, folder: Path) -> Path:
    special = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "cls_token_id": 0, "sep_token_id": 2}
    config = {
        "xlm-roberta": lambda: transformers.XLMRobertaConfig(**SMALL, **DROPOUT, max_position_embeddings=64),
        "bert": lambda: transformers.BertConfig(**SMALL, **DROPOUT, max_position_embeddings=64),
        "deberta-v2": lambda: transformers.DebertaV2Config(
            **SMALL, **DROPOUT, max_position_embeddings=64, relative_attention=True, pos_att_type=["p2c", "c2p"]
        ),
        "modernbert": lambda: transformers.ModernBertConfig(
            **SMALL, **special, max_position_embeddings=64, attention_dropout=0.2, mlp_dropout=0.2
        ),
    }[kind]()
    torch.manual_seed(0)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    return folder


def gradients(folder: Path, recompute: bool) -> tuple[dict[str, torch.Tensor], int]:
    """Return the gradients of one batch with dropout, and the bytes that its backward pass kept."""
    encoder = open_encoder(folder).train()
    if recompute:
        encoder.recompute_activations()
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    torch.manual_seed(11)
    rows = [torch.randint(5, 60, (n,)) for n in (40, 17, 33)]
    torch.manual_seed(5)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        states = encoder(torch.cat(rows), layout(torch.tensor([len(row) for row in rows]), torch.device("cpu")))
        loss = states.pow(2).sum()
    after_forward = torch.rand(1)
    loss.backward()
    found = {name: p.grad.to_dense() for name, p in encoder.named_parameters() if p.grad is not None}
    return found | {"the next random number": after_forward}, sum(kept.values())


@pytest.mark.parametrize("kind", ["xlm-roberta", "bert", "deberta-v2", "modernbert"])
def test_gradients_are_equal_with_dropout_and_less_is_kept(tmp_path: Path, kind: str) -> None:
    folder = folder_of(kind, tmp_path)
    (plain, kept), (again, fewer) = gradients(folder, recompute=False), gradients(folder, recompute=True)
    assert plain.keys() == again.keys() and len(plain) > 20
    for name in plain:
        assert torch.equal(plain[name], again[name]), name
    parameters = sum(4 * p.numel() for p in open_encoder(folder).parameters())
    assert fewer - parameters < 0.5 * (kept - parameters)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_training_ends_in_the_same_bytes(tmp_path: Path, precision: str) -> None:
    parts = [
        TrainingData("a", "classification", classification(), 8, 2.0),
        TrainingData("b", "tagging", tagging(), 8, 2.0),
    ]

    def trained(recompute: bool) -> dict[str, torch.Tensor]:
        heads = {"a": ("classification", 3), "b": ("tagging", 4)}
        start = build_model(build_masked_lm(SHAPE, 50, seed=7), heads, 5, precision)
        chosen = recipe(micro_tokens=60, recompute=recompute, precision=precision)
        train(start, parts, chosen, lambda m: {"score": 0.0}, tmp_path / str(recompute), print)
        return weights(start)

    assert SHAPE.dropout > 0
    assert same(trained(False), trained(True))


def test_the_masked_language_model_is_recomputed_too() -> None:
    def gradient(recompute: bool) -> torch.Tensor:
        model = build_masked_lm(EncoderShape(3, 16, 2, 32, 40, 0.2), 60, seed=3).train()
        if recompute:
            model.recompute_activations()
        torch.manual_seed(2)
        states = model(torch.arange(5, 25), layout(torch.tensor([12, 8]), torch.device("cpu")))
        model.language_model(states).logsumexp(1).sum().backward()
        assert model.words.weight.grad is not None
        return model.words.weight.grad

    assert torch.equal(gradient(False), gradient(True))


def test_the_machine_says_whether(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, expected in (("True", True), ("False", False), (None, False)):
        monkeypatch.delenv("XSTILTS_ACTIVATION_CHECKPOINTING", raising=False)
        if value is not None:
            monkeypatch.setenv("XSTILTS_ACTIVATION_CHECKPOINTING", value)
        assert machine_settings()["recompute"] is expected

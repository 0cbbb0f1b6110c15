"""The encoder: the same numbers as transformers' own, opened and saved as a plain Hugging Face folder."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers

from xstilts.errors import UserError
from xstilts.modeling.encoder import EncoderShape, build_masked_lm, open_encoder, retrieval_layer, save_encoder
from xstilts.modeling.hub import HubEncoder
from xstilts.modeling.layout import layout
from xstilts.modeling.xlmr import XlmRoberta

CPU = torch.device("cpu")
LENGTHS = [7, 3, 12, 1, 12]


def theirs(kind, masked_lm=False):
    torch.manual_seed(0)
    shared = {
        "num_hidden_layers": 3,
        "hidden_size": 24,
        "num_attention_heads": 4,
        "intermediate_size": 40,
        "vocab_size": 60,
    }
    config = {
        "xlm-roberta": lambda: transformers.XLMRobertaConfig(**shared, max_position_embeddings=40, type_vocab_size=1),
        "bert": lambda: transformers.BertConfig(**shared, max_position_embeddings=40),
        "deberta-v2": lambda: transformers.DebertaV2Config(
            **shared, max_position_embeddings=40, relative_attention=True, pos_att_type=["p2c", "c2p"], pad_token_id=0
        ),
        "modernbert": lambda: transformers.ModernBertConfig(
            **shared,
            max_position_embeddings=40,
            pad_token_id=1,
            bos_token_id=0,
            eos_token_id=2,
            cls_token_id=0,
            sep_token_id=2,
        ),
    }[kind]()
    loader = transformers.AutoModelForMaskedLM if masked_lm else transformers.AutoModel
    return loader.from_config(config, attn_implementation="eager").eval()


def sequences(seed=1):
    generator = np.random.default_rng(seed)
    return [torch.tensor(np.r_[0, generator.integers(5, 60, max(0, n - 1))][:n]) for n in LENGTHS]


def flat(encoder, rows, depth=None):
    where = layout(torch.tensor([len(row) for row in rows]), CPU)
    return torch.split(encoder(torch.cat(rows), where, None, depth), [len(row) for row in rows])


def alone(model, row, **options):
    return model.base_model(input_ids=row[None], attention_mask=torch.ones_like(row)[None], **options)


@pytest.mark.parametrize("kind", ["xlm-roberta", "bert", "deberta-v2", "modernbert"])
def test_states_are_those_of_transformers(tmp_path, kind):
    model = theirs(kind)
    model.save_pretrained(tmp_path)
    ours = open_encoder(tmp_path).eval()
    assert isinstance(ours, XlmRoberta if kind == "xlm-roberta" else HubEncoder)
    rows = sequences()
    with torch.no_grad():
        for row, states in zip(rows, flat(ours, rows), strict=True):
            torch.testing.assert_close(states, alone(model, row).last_hidden_state[0], rtol=1e-5, atol=1e-5)


def test_every_layer_is_that_of_transformers(tmp_path):
    model = theirs("xlm-roberta")
    model.save_pretrained(tmp_path)
    ours, rows = open_encoder(tmp_path).eval(), sequences()
    with torch.no_grad():
        for depth in range(4):
            for row, states in zip(rows, flat(ours, rows, depth), strict=True):
                expected = alone(model, row, output_hidden_states=True).hidden_states[depth][0]
                torch.testing.assert_close(states, expected, rtol=1e-5, atol=1e-5)


def test_gradients_are_those_of_transformers(tmp_path):
    model = theirs("xlm-roberta")
    model.save_pretrained(tmp_path)
    ours, model, rows = open_encoder(tmp_path).eval().double(), model.double(), sequences()
    sum(states[0].pow(2).sum() for states in flat(ours, rows)).backward()
    sum(alone(model, row).last_hidden_state[0, 0].pow(2).sum() for row in rows).backward()
    expected = dict(model.named_parameters())
    for name, view in ours._named().items():
        if "query" in name or "key" in name or "value" in name or "pooler" in name:
            continue  # views of one joint matrix: compared below
        torch.testing.assert_close(view.grad.to_dense(), expected[name].grad, rtol=1e-6, atol=1e-8)
    for number, layer in enumerate(ours.layers):
        for role, part in zip(("query", "key", "value"), layer.qkv.weight.grad.chunk(3), strict=True):
            name = f"encoder.layer.{number}.attention.self.{role}.weight"
            torch.testing.assert_close(part, expected[name].grad, rtol=1e-6, atol=1e-8)


def test_a_changed_neighbour_changes_nothing():
    ours = build_masked_lm(EncoderShape(2, 16, 2, 32, 40, 0.1), 60, seed=3).eval()
    rows = sequences()
    with torch.no_grad():
        before = flat(ours, rows)[0]
        rows[1] = rows[1] % 5 + 7
        rows[2] = rows[2].flip(0)
        torch.testing.assert_close(flat(ours, rows)[0], before, rtol=0, atol=1e-6)
        torch.testing.assert_close(flat(ours, rows[:1])[0], before, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["xlm-roberta", "bert", "deberta-v2", "modernbert"])
def test_language_model_head_is_that_of_transformers(tmp_path, kind):
    model = theirs(kind, masked_lm=True)
    model.save_pretrained(tmp_path)
    ours, row = open_encoder(tmp_path, masked_lm=True).eval(), sequences()[2]
    with torch.no_grad():
        logits = ours.language_model(flat(ours, [row])[0])
        expected = model(input_ids=row[None], attention_mask=torch.ones_like(row)[None]).logits[0]
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("half", [False, True])
def test_saved_encoder_is_a_folder_that_auto_model_opens(tmp_path, half):
    ours = build_masked_lm(EncoderShape(2, 16, 2, 32, 40, 0.1), 60, seed=3).eval()
    names = save_encoder(ours, tmp_path, tmp_path / "saved", half)
    assert names == ["config.json", "model.safetensors"]
    opened = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "saved", dtype=torch.float32).eval()
    again = open_encoder(tmp_path / "saved", masked_lm=True).eval()
    row = sequences()[0]
    with torch.no_grad():
        expected = opened(input_ids=row[None], attention_mask=torch.ones_like(row)[None]).logits[0]
        torch.testing.assert_close(again.language_model(flat(again, [row])[0]), expected, rtol=1e-5, atol=1e-5)
    assert transformers.AutoModel.from_pretrained(tmp_path / "saved").config.num_hidden_layers == 2


def test_what_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no config\.json"):
        open_encoder(tmp_path)
    theirs("xlm-roberta").save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="pickled"):
        open_encoder(tmp_path)


def test_retrieval_layer_is_the_papers():
    assert [retrieval_layer(depth) for depth in (24, 12, 4, 2)] == [14, 7, 2, 1]


def test_opening_draws_nothing_and_leaves_the_compiler_out(tmp_path):
    theirs("xlm-roberta").save_pretrained(tmp_path)
    code = """
import pathlib, sys, torch
from xstilts.modeling.encoder import open_encoder
from xstilts.modeling.layout import layout
before = torch.get_rng_state()
encoder = open_encoder(pathlib.Path(sys.argv[1]))
assert torch.equal(before, torch.get_rng_state())
encoder(torch.tensor([0, 7, 2]), layout(torch.tensor([3]), torch.device("cpu")))
print([name for name in ("torch._dynamo", "sympy", "transformers") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""The update of the weights: its rates, what decays, and PyTorch's own AdamW beside it."""

from pathlib import Path

import pytest
import torch

from xstilts.modeling.encoder import EncoderShape, build_masked_lm, open_encoder
from xstilts.modeling.model import Model, build_model
from xstilts.training.optimiser import AdamW, build_optimiser, learning_rate

SHAPE = EncoderShape(layers=2, hidden=16, heads=2, intermediate=32, positions=64, dropout=0.2)


def model() -> Model:
    return build_model(build_masked_lm(SHAPE, 50, seed=7), {"a": ("classification", 3), "b": ("tagging", 4)}, seed=5)


@pytest.mark.parametrize(("warmup", "steps"), [(0.1, 10), (0, 0), (1, 1), (25, 25), (120, 120)])
def test_learning_rate_is_that_of_transformers(warmup, steps):
    from transformers import get_linear_schedule_with_warmup

    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    theirs = get_linear_schedule_with_warmup(optimiser, num_warmup_steps=steps, num_training_steps=100)
    for step in range(100):
        assert learning_rate(step, 100, 2.0, warmup) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimiser.step()
        theirs.step()


def test_no_decay_on_biases_and_layer_norm():
    optimiser = build_optimiser(model(), 0.01, 1e-8)
    dimensions = {decay: set() for decay in optimiser.decay.values()}
    for name, decay in optimiser.decay.items():
        dimensions[decay].add(optimiser.parameters[name].dim())
    assert dimensions == {0.01: {2}, 0.0: {1}}
    pairs = build_model(build_masked_lm(SHAPE, 50, seed=7), {"a": ("dual_encoder", 0)}, seed=5)
    scale = {name: decay for name, decay in build_optimiser(pairs, 0.01, 1e-8).decay.items() if name.endswith("scale")}
    assert scale == {"heads.a.scale": 0.01}, "a single number, and no bias"


SMALL = {
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2},
    "bloom": {"hidden_size": 16, "n_layer": 2, "n_head": 2},
    "xlm": {"emb_dim": 16, "n_layers": 2, "n_heads": 2},
    "deberta": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
    "bert": {},
}
OF_BERT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.mark.parametrize("kind", SMALL)
def test_no_decay_on_the_vectors_of_an_encoder_whatever_they_are_called(tmp_path: Path, kind: str) -> None:
    import transformers

    shape = SMALL[kind] | (OF_BERT if kind in ("bert", "deberta") else {})
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, vocab_size=50, **shape)
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path)
    found = build_optimiser(build_model(open_encoder(tmp_path), {"a": ("classification", 3)}, seed=5), 0.01, 1e-8)
    decayed = {name for name, decay in found.decay.items() if decay}
    assert decayed == {name for name, parameter in found.parameters.items() if parameter.dim() > 1}
    if kind == "bert":
        assert decayed == by_name(found), "as ever"
    else:
        assert decayed < by_name(found), "by the names alone some would decay"


def by_name(optimiser: AdamW) -> set[str]:
    """Return what decays where names alone say what a bias and a LayerNorm is."""
    parts = {name: name.lower().split(".")[-2:] for name in optimiser.parameters}
    return {name for name, (owner, last) in parts.items() if last != "bias" and "norm" not in owner}


def test_what_decays_of_xlm_r_is_what_its_names_say() -> None:
    found = build_optimiser(model(), 0.01, 1e-8)
    assert {name for name, decay in found.decay.items() if decay} == by_name(found)
    assert by_name(found) == {name for name, parameter in found.parameters.items() if parameter.dim() > 1}


@pytest.mark.parametrize("clip", [1.0, 1e9])
def test_optimiser_takes_the_steps_of_pytorchs(clip):
    ours, theirs = model(), model()
    theirs.load_state_dict(ours.state_dict())
    unused = {name for name, _ in ours.named_parameters() if name.startswith("heads.")}
    mine = build_optimiser(ours, 0.01, 1e-6)
    reference = torch.optim.AdamW(
        [{"params": [p], "weight_decay": mine.decay[name]} for name, p in theirs.named_parameters()], eps=1e-6
    )
    for step in range(3):
        rate = 0.1 / (step + 1)
        for group in reference.param_groups:
            group["lr"] = rate
        for one in (ours, theirs):
            torch.manual_seed(step)
            for name, parameter in one.named_parameters():
                gradient = torch.randn_like(parameter)
                parameter.grad = None if name in unused else gradient
        rows = ours.encoder.words.weight.grad.index_fill(0, torch.tensor([0, 3]), 0)
        theirs.encoder.words.weight.grad = rows
        ours.encoder.words.weight.grad = rows.to_sparse(1)
        mine.step(rate, clip)
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), clip)
        reference.step()
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter, expected[name], msg=name)
    assert not unused & {name.partition(".")[2] for name in mine.tensors()}

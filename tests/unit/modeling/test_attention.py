"""Attention on sequences end to end: the operator that a GPU runs, and the padded way that everything else runs."""

import pytest
import torch

from xstilts.modeling.attention import fits_kernel, has_unpadded_kernel, padded, unpadded
from xstilts.modeling.encoder import EncoderShape, build_masked_lm
from xstilts.modeling.layout import attended, divided, layout
from xstilts.modeling.model import Model
from xstilts.modeling.xlmr import XlmRoberta

LENGTHS = torch.tensor([7, 3, 12, 1, 12])
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")


def mixed(where, dtype, heads=2, width=16):
    drawn = torch.randn(int(LENGTHS.sum()), 3 * heads * width, generator=torch.Generator().manual_seed(0))
    return drawn.to(where, dtype).requires_grad_()


def test_padded_attention_is_that_of_each_sequence_alone():
    states = mixed("cpu", torch.float64)
    together = padded(states, layout(LENGTHS, torch.device("cpu")).whole, 2, 0.0)
    pieces = zip(states.split(LENGTHS.tolist()), together.split(LENGTHS.tolist()), strict=True)
    for piece, found in pieces:
        query, key, value = piece.view(len(piece), 3, 2, 16).permute(1, 2, 0, 3)
        expected = torch.softmax(query @ key.transpose(1, 2) / 4, 2) @ value
        torch.testing.assert_close(found, expected.transpose(0, 1).reshape(len(piece), 32))


def test_this_pytorch_has_the_operator_with_the_arguments_that_are_given():
    """No public interface promises the operator: shapes through it and back, without a device to compute on."""
    states = mixed("meta", torch.bfloat16)
    found = unpadded(states, layout(LENGTHS, torch.device("meta")), 2, 0.1)
    assert found.shape == (35, 32)
    found.sum().backward()
    assert states.grad.shape == states.shape


@pytest.mark.parametrize("few_shapes", [True, False])
@pytest.mark.parametrize(
    "sizes", [[7, 3, 12, 1, 12], [33] * 5, [40] * 16, [1], [90, 17, 17], [99] * 9 + [40] * 9 + [5] * 60, [3, 80] * 30]
)
def test_a_batch_laid_out_for_a_cpu_gives_the_same_states_and_gradients(sizes, few_shapes):
    encoder = XlmRoberta(EncoderShape(2, 16, 2, 32, 100, 0.0).config(60), masked_lm=False).double()
    ids = torch.randint(5, 60, (sum(sizes),), generator=torch.Generator().manual_seed(0))
    exact = layout(torch.tensor(sizes), torch.device("cpu"))
    laid_out = divided(exact, few_shapes)
    assert sum(part.tokens for part in laid_out.parts) == len(laid_out.positions)
    assert attended(exact, few_shapes) == sum(part.rows * part.longest for part in laid_out.parts), "counted beforehand"
    found = []
    for places in (exact, laid_out):
        states = encoder.blocks(torch.nn.functional.pad(ids, (0, len(places.positions) - len(ids)), value=1), places)
        states[: len(ids)].square().sum().backward()
        gradients = {name: p.grad.to_dense() for name, p in encoder.named_parameters() if p.grad is not None}
        found.append((states[: len(ids)], gradients))
        encoder.zero_grad()
    torch.testing.assert_close(found[1], found[0])


def test_neighbours_of_about_one_length_attend_together():
    sizes = torch.tensor([99] * 9 + [40] * 13 + [5] * 60)
    parts = divided(layout(sizes, torch.device("cpu")), few_shapes=False).parts
    assert [(part.rows, part.longest) for part in parts] == [(9, 99), (13, 40), (60, 5)]


def test_rounded_batches_have_few_shapes():
    drawn = torch.Generator().manual_seed(0)
    batches = [torch.randint(8, 160, (16,), generator=drawn).sort(descending=True)[0] for _ in range(200)]
    laid_out = [divided(layout(sizes, torch.device("cpu")), few_shapes=True) for sizes in batches]
    assert len({int(sizes.sum()) for sizes in batches}) > 150
    assert len({len(few.positions) for few in laid_out}) < 12
    assert len({(part.rows, part.longest) for few in laid_out for part in few.parts}) < 100


def test_a_device_without_the_kernel_is_told_from_one_with_it():
    assert not has_unpadded_kernel(torch.device("cpu"))
    assert [fits_kernel(width) for width in (64, 256, 20, 512)] == [True, True, False, False]


def test_the_log_says_how_a_model_computes():
    encoder = build_masked_lm(EncoderShape(1, 16, 2, 32, 40, 0.1), 60, seed=0)
    said = Model(encoder, {}, "float32").way()
    assert said == f"computing in float32 on {torch.get_num_threads()} CPU threads; attention padded"


@on_gpu
def test_the_kernel_equals_padded_attention_on_the_gpu():
    where = torch.device("cuda", torch.cuda.current_device())
    assert has_unpadded_kernel(where)
    places, gradients, found = layout(LENGTHS, where), [], []
    for way in (unpadded, padded):
        states = mixed(where, torch.bfloat16)
        found.append(way(states, places if way is unpadded else places.whole, 2, 0.0))
        found[-1].float().square().sum().backward()
        gradients.append(states.grad.float())
    torch.testing.assert_close(found[0], found[1], rtol=1e-2, atol=1e-2)
    assert (gradients[0] - gradients[1]).norm() < 1e-2 * gradients[1].norm()


@on_gpu
def test_whole_encoder_on_the_gpu_equals_itself_padded_and_no_neighbour_matters():
    where = torch.device("cuda", torch.cuda.current_device())
    encoder = build_masked_lm(EncoderShape(4, 64, 2, 128, 40, 0.0), 60, seed=0)
    ids = torch.randint(5, 60, (int(LENGTHS.sum()),), generator=torch.Generator().manual_seed(0))
    expected = encoder(ids, layout(LENGTHS, torch.device("cpu")))
    encoder.to(where)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        states = encoder(ids.to(where), layout(LENGTHS, where)).float().cpu()
        assert (states - expected).norm() < 1e-2 * expected.norm()
        other = ids.clone()
        other[7:10] = 7  # the second sequence
        again = encoder(other.to(where), layout(LENGTHS, where)).float().cpu()
    kept = torch.ones(len(ids), dtype=torch.bool)
    kept[7:10] = False
    assert torch.equal(states[kept], again[kept])

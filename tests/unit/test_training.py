"""The training loop: what a step sees, what it does, and that a killed training ends in the same weights."""

import itertools
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from xstilts.modeling.encoder import EncoderShape, build_masked_lm
from xstilts.modeling.heads import by_question, loss_sum
from xstilts.modeling.layout import layout
from xstilts.modeling.model import build_model
from xstilts.tasks.features import Features
from xstilts.training import checkpoint
from xstilts.training.loop import Interrupted, Part, Recipe, train, weights
from xstilts.training.optimiser import build_optimiser, learning_rate
from xstilts.training.sampler import CAP, Portion, schedule

SHAPE = EncoderShape(layers=2, hidden=16, heads=2, intermediate=32, positions=64, dropout=0.2)


def classification(rows=40, seed=0):
    """Sequences whose label is told by their second token."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(4, 20, rows)
    ids = [
        np.r_[0, 5 + label, generator.integers(10, 50, n - 3), 2]
        for n, label in zip(lengths, np.arange(rows) % 3, strict=True)
    ]
    return Features(
        input_ids=np.concatenate(ids).astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum([len(row) for row in ids])]).astype(np.int64),
        example=np.arange(rows, dtype=np.int32),
        targets={"label": (np.arange(rows) % 3).astype(np.int64)},
    )


def tagging(rows=24, seed=1):
    features = classification(rows, seed)
    tags = np.where(np.arange(len(features.input_ids)) % 3 == 0, -100, features.input_ids % 4).astype(np.int64)
    return Features(features.input_ids, features.offsets, features.example, {"tag": tags})


def recipe(**changes):
    base = {
        "seed": 3,
        "learning_rate": 1e-3,
        "warmup": 0.1,
        "weight_decay": 0.01,
        "epsilon": 1e-8,
        "clip": 1.0,
        "evaluations": 10,
        "evaluate_every": 1000,
        "micro_tokens": 4096,
        "checkpoint_minutes": 1e9,
    }
    return Recipe(**(base | changes))


def model():
    return build_model(build_masked_lm(SHAPE, 50, seed=7), {"a": ("classification", 3), "b": ("tagging", 4)}, seed=5)


def token_parts(epochs=2.6):
    """Batches of at most 60 tokens beside batches of 8 units."""
    return [
        Part("a", "classification", classification(), None, epochs, batch_tokens=60),
        Part("b", "tagging", tagging(), 8, epochs),
    ]


def parts(batch=8, epochs=3.0):
    return [
        Part("a", "classification", classification(), batch, epochs),
        Part("b", "tagging", tagging(), batch, epochs),
    ]


def run(work, *, stop=lambda: False, evaluate=None, chosen=None, **changes):
    torch.set_num_threads(1)
    said = []
    best, progress = train(
        model(), chosen or parts(), recipe(**changes), evaluate or (lambda m: {"score": 0.0}), work, said.append, stop
    )
    return best, progress, said


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def after(steps):
    """Ask to stop after so many steps."""
    count = itertools.count(1)
    return lambda: next(count) >= steps


def dev_loss(now):
    """A dev score that depends on the weights, so that the choice of the best is part of what must be equal."""
    return {"score": -float(sum(p.double().pow(2).sum() for p in weights(now).values()))}


@pytest.mark.parametrize("stops", [[4], [1, 2, 3], [7, 19]])
def test_interrupted_training_ends_in_the_same_bytes(tmp_path, stops):
    whole, history, _ = run(tmp_path / "whole", evaluate=dev_loss)
    done = 0
    for at in stops:
        with pytest.raises(Interrupted):
            run(tmp_path / "cut", evaluate=dev_loss, stop=after(at - done))
        done = at
        assert checkpoint.steps(tmp_path / "cut")[-1] == at
    again, history_again, said = run(tmp_path / "cut", evaluate=dev_loss)
    assert f"checkpoint of step {stops[-1]}" in said[0]
    assert same(whole, again)
    assert history == history_again


@pytest.mark.parametrize("only", [slice(1), slice(2)], ids=["alone", "mixed"])
def test_interrupted_training_on_batches_of_tokens_ends_in_the_same_bytes(tmp_path, only):
    whole, history, _ = run(tmp_path / "whole", evaluate=dev_loss, chosen=token_parts()[only])
    with pytest.raises(Interrupted):
        run(tmp_path / "cut", evaluate=dev_loss, chosen=token_parts()[only], stop=after(5))
    again, history_again, said = run(tmp_path / "cut", evaluate=dev_loss, chosen=token_parts()[only])
    assert "checkpoint of step 5" in said[0]
    assert same(whole, again)
    assert history == history_again


def test_checkpoint_timing_touches_nothing(tmp_path):
    plain, _, _ = run(tmp_path / "never")
    often, _, _ = run(tmp_path / "every-step", checkpoint_minutes=0.0)
    assert same(plain, often)
    assert len(checkpoint.steps(tmp_path / "every-step")) == 2


def test_interrupted_deterministic_training_ends_in_the_same_bytes(tmp_path):
    """On a GPU where there is one."""
    code = (
        "import sys, torch; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; import test_training as t; from xstilts.modeling.model import device\n"
        "where, fresh = device(deterministic=True), t.model; t.model = lambda: fresh().to(where)\n"
        "assert torch.are_deterministic_algorithms_enabled()\n"
        "whole, *_ = t.run(Path('whole'), evaluate=t.dev_loss)\n"
        "try: t.run(Path('cut'), evaluate=t.dev_loss, stop=t.after(5))\n"
        "except t.Interrupted: pass\n"
        "again, _, said = t.run(Path('cut'), evaluate=t.dev_loss)\n"
        "assert 'checkpoint of step 5' in said[0] and t.same(whole, again)"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_else_draws_random_numbers_changes_nothing(tmp_path):
    def draws(now):
        torch.rand(3), np.random.rand(3), random.random()
        return dev_loss(now)

    plain, _, _ = run(tmp_path / "plain", evaluate=dev_loss)
    drawn, _, _ = run(tmp_path / "drawn", evaluate=draws)
    assert same(plain, drawn), "every step seeds its own randomness"


def test_a_training_that_never_scores_keeps_the_same_weights_however_often_it_was_stopped(tmp_path):
    def nan(now):
        return {"score": float("nan")}

    plain, _, _ = run(tmp_path / "plain", evaluate=nan)
    with pytest.raises(Interrupted):
        run(tmp_path / "cut", evaluate=nan, stop=after(5))
    again, _, _ = run(tmp_path / "cut", evaluate=nan)
    assert same(plain, again) and same(plain, weights(model())), "where it began"


@pytest.mark.parametrize("damage", ["truncated", "bit", "gone", "manifest", "no JSON"])
def test_damaged_checkpoint_is_passed_over_with_a_word(tmp_path, damage):
    whole, _, _ = run(tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(tmp_path / "cut", checkpoint_minutes=0.0, stop=after(6))
    newest, older = checkpoint.steps(tmp_path / "cut")[::-1]
    folder = tmp_path / "cut" / f"step-{newest:08d}"
    file = folder / ("manifest.json" if damage in ("manifest", "no JSON") else "model.safetensors")
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "no JSON":
        file.write_bytes(b"[]")
    else:
        content[content.rindex(b'"') - 9 if damage == "manifest" else len(content) // 2] ^= 1  # a digit of a hash
        file.write_bytes(content)
    again, _, said = run(tmp_path / "cut")
    assert folder.name in said[0] and said[0].endswith(": passed over")
    assert ("is damaged" in said[0]) == (damage in ("truncated", "bit", "manifest"))
    assert f"checkpoint of step {older}" in said[1]
    assert same(whole, again)


@pytest.mark.parametrize("family", ["classification", "tagging"])
def test_micro_batches_take_the_step_of_the_whole_batch(tmp_path, family):
    only = [part for part in parts(epochs=1.0) if part.family == family]
    dropless = EncoderShape(**(vars(SHAPE) | {"dropout": 0.0}))

    def trained(micro):
        start = build_model(build_masked_lm(dropless, 50, 7), {"a": ("classification", 3), "b": ("tagging", 4)}, 5)
        train(start, only, recipe(micro_tokens=micro), lambda m: {"score": 0.0}, tmp_path / str(micro), print)
        return weights(start)

    whole, split = trained(4096), trained(30)
    for name in whole:
        torch.testing.assert_close(whole[name], split[name], rtol=1e-4, atol=1e-6)


def test_training_learns_and_the_earliest_best_wins(tmp_path):
    _, progress, _ = run(tmp_path / "t", chosen=parts(epochs=60.0)[:1], learning_rate=3e-3)
    assert progress.history[-1]["loss"] < 0.5 * progress.history[0]["loss"]
    assert progress.best_step == progress.history[0]["step"]  # every score is equal
    assert len(progress.history) >= 10


def test_equal_seeds_equal_weights_other_seeds_other_weights(tmp_path):
    one, _, _ = run(tmp_path / "1")
    two, _, _ = run(tmp_path / "2")
    other, _, _ = run(tmp_path / "3", seed=4)
    assert same(one, two)
    assert not same(one, other)


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


def test_every_epoch_sees_every_unit_once():
    plan = schedule([Portion(units=23, batch=5, epochs=3)], seed=1)
    assert plan.steps == 15
    epochs = [np.concatenate([plan.batch(step)[1] for step in range(e * 5, e * 5 + 5)]) for e in range(3)]
    assert all(sorted(epoch) == list(range(23)) for epoch in epochs)
    assert not np.array_equal(epochs[0], epochs[1])


def lengths_of(units, seed=0):
    return np.random.default_rng(seed).integers(4, 60, units)


def batches(plan):
    return [plan.batch(step) for step in range(plan.steps)]


def test_batches_of_tokens_fill_up_to_the_limit_and_cover_every_epoch_once():
    tokens = lengths_of(500)
    tokens[17] = 900
    plan = schedule([Portion(500, 400, 2, tokens)], seed=1)
    chosen = [units for _, units in batches(plan)]
    assert all(tokens[units].sum() <= 400 or list(units) == [17] for units in chosen)
    assert plan.steps == len(chosen)
    read = np.concatenate(chosen)
    assert sorted(read[:500]) == sorted(read[500:]) == list(range(500))
    assert not np.array_equal(read[:500], read[500:])
    for units, following in itertools.pairwise(chosen[: plan.steps // 2 - 1]):
        assert tokens[units].sum() + tokens[following[0]] > 400, "a batch stops only before it would be too large"


def test_batches_of_tokens_are_a_function_of_the_seed():
    def units(seed):
        return [tuple(chosen) for _, chosen in batches(schedule([Portion(80, 300, 1.5, lengths_of(80))], seed))]

    assert units(1) == units(1) != units(2)


@pytest.mark.parametrize("epochs", [0.3, 1.0, 2.5])
def test_a_fraction_of_an_epoch_is_that_fraction_of_its_batches(epochs):
    tokens = lengths_of(3000)
    plan = schedule([Portion(3000, 1000, epochs, tokens)], seed=1)
    assert plan.steps == pytest.approx(epochs * tokens.sum() / 1000, rel=0.06)
    whole = schedule([Portion(3000, 1000, 3, tokens)], seed=1)
    assert all(np.array_equal(whole.batch(step)[1], plan.batch(step)[1]) for step in range(plan.steps))


def test_equal_lengths_make_tokens_count_as_units_do():
    by_tokens = schedule([Portion(1000, 56, 2.5, np.full(1000, 7))], seed=4)
    by_units = schedule([Portion(1000, 8, 2.5)], seed=4)
    both = zip(batches(by_tokens), batches(by_units), strict=True)
    assert all(np.array_equal(one, other) for (_, one), (_, other) in both)


def test_a_mixture_in_tokens_shows_examples_in_proportion_and_each_portion_its_epochs():
    sizes, longest = [200_000, 40_000, 20_000], [20, 60, 200]
    tokens = [np.random.default_rng(n).integers(5, n, size) for size, n in zip(sizes, longest, strict=True)]
    portions = [Portion(len(one), 2048, 2, one) for one in tokens] + [Portion(10_000, 16, 2)]
    plan = schedule(portions, seed=2)
    shown = np.zeros(4)
    for which, units in batches(plan):
        shown[which] += len(units)
    np.testing.assert_allclose(shown, 2 * np.minimum([*sizes, 10_000], CAP), rtol=0.1)


def test_mixture_is_examples_proportional_with_a_cap():
    sizes = [1_000_000, 40_000, 10_000]
    plan = schedule([Portion(n, 8, 3) for n in sizes], seed=2)
    capped = np.minimum(sizes, CAP)
    shares = np.bincount(plan.portion) / plan.steps
    np.testing.assert_allclose(shares, capped / capped.sum(), atol=0.01)
    assert plan.steps == sum(3 * -(-min(n, CAP) // 8) for n in sizes)


def test_raw_text_beside_labelled_parts_takes_nothing_from_them():
    labelled, text = [Portion(n, 24, 2) for n in (1_000_000, 40_000)], Portion(2_000_000, 8, 0)
    alone, beside = schedule(labelled, seed=2), schedule([*labelled, text], seed=2)
    counts = np.bincount(beside.portion)
    np.testing.assert_allclose(counts[:2] / np.bincount(alone.portion), 1, atol=0.03)
    sizes = np.array([CAP, 40_000, CAP])
    np.testing.assert_allclose(counts / beside.steps, sizes / sizes.sum(), atol=0.01)


def test_questions_with_different_numbers_of_choices():
    scores = torch.tensor([[1.0], [2.0], [0.5], [3.0], [1.0]])
    sizes = torch.tensor([2, 3])
    laid = by_question(scores, sizes)
    assert laid.shape == (2, 3)
    assert laid.argmax(1).tolist() == [1, 1]
    loss = loss_sum(
        "multiple_choice",
        scores,
        {"label": torch.tensor([1, 1]), "sizes": sizes},
        layout(torch.tensor([1, 1, 1, 1, 1]), torch.device("cpu")),
    )
    expected = -torch.log_softmax(scores[:2, 0], 0)[1] - torch.log_softmax(scores[2:, 0], 0)[1]
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)

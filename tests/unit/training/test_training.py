"""The training loop: what a step sees, what it does, and that a killed training ends in the same weights."""

import itertools
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from xstilts.errors import UserError
from xstilts.families.features import Features
from xstilts.modeling.encoder import EncoderShape, build_masked_lm
from xstilts.modeling.heads import by_question, loss_sum
from xstilts.modeling.layout import layout
from xstilts.modeling.model import build_model
from xstilts.training import checkpoint
from xstilts.training.loop import Interrupted, Recipe, TrainingData, train, weights

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
        TrainingData("a", "classification", classification(), None, epochs, batch_tokens=60),
        TrainingData("b", "tagging", tagging(), 8, epochs),
    ]


def parts(batch=8, epochs=3.0):
    return [
        TrainingData("a", "classification", classification(), batch, epochs),
        TrainingData("b", "tagging", tagging(), batch, epochs),
    ]


def run(work, *, stop=lambda: False, evaluate=None, chosen=None, **changes):
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


@pytest.mark.parametrize("changes", [{"learning_rate": 1e30, "clip": 1e30}, {"learning_rate": float("inf")}])
def test_a_training_whose_loss_is_no_number_stops_with_its_steps(tmp_path, changes):
    with pytest.raises(UserError, match=r"^steps 1 to 2: found a mean loss of (nan|inf); "):
        run(tmp_path, warmup=0.0, **changes)


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


def test_the_time_of_earlier_attempts_counts(tmp_path):
    slow = itertools.chain([1.0], itertools.repeat(0.0))  # seconds of the first dev set

    def evaluate(now):
        time.sleep(next(slow))
        return {"score": 0.0}

    with pytest.raises(Interrupted):
        run(tmp_path, evaluate=evaluate, stop=after(2))
    _, progress, _ = run(tmp_path, evaluate=evaluate)
    assert progress.seconds > checkpoint.latest(tmp_path, print)[1]["seconds"] >= 1.0


def test_interrupted_training_of_pairs_meets_the_same_candidates_and_ends_in_the_same_bytes(tmp_path):
    """Whom a query is told apart from is drawn by the step, so a training that goes on draws it again."""
    features = classification(60)
    pairs = Features(features.input_ids, features.offsets, np.repeat(np.arange(30, dtype=np.int32), 2))

    def contrasted(work, stop=lambda: False):
        built = build_model(build_masked_lm(SHAPE, 50, seed=7), {"p": ("dual_encoder", 1)}, seed=5)
        part = TrainingData("p", "dual_encoder", pairs, 8, 2.0, in_batch=3)
        return train(built, [part], recipe(micro_tokens=100), dev_loss, work, lambda line: None, stop)

    whole, history = contrasted(tmp_path / "whole")
    with pytest.raises(Interrupted):
        contrasted(tmp_path / "cut", after(5))
    again, history_again = contrasted(tmp_path / "cut")
    assert same(whole, again) and history == history_again


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


def test_a_training_without_a_dev_score_stops_with_its_steps(tmp_path):
    with pytest.raises(UserError, match=r"^steps 1 to 2: found a dev score of nan; expected a number"):
        run(tmp_path, evaluate=lambda _: {"score": float("nan")})


def test_no_weights_are_copied_before_the_first_evaluation(tmp_path):
    """A training that is stopped before it has a best one holds none, and ends in the same bytes."""
    slow = {"evaluate_every": 20, "evaluations": 1, "evaluate": dev_loss}
    whole, _, _ = run(tmp_path / "whole", **slow)
    with pytest.raises(Interrupted):
        run(tmp_path / "cut", stop=after(3), **slow)
    found = checkpoint.latest(tmp_path / "cut", str)
    assert found is not None and found[1]["step"] == 3 and not found[0]["best"] and found[0]["model"]
    again, progress, _ = run(tmp_path / "cut", **slow)
    assert same(whole, again) and progress.best_step > 0


def test_what_a_person_left_among_checkpoints_is_passed_over(tmp_path):
    whole, _, _ = run(tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(tmp_path / "cut", stop=after(6))
    (stands,) = (tmp_path / "cut").iterdir()
    (tmp_path / "cut/step-best").mkdir()
    (tmp_path / "cut/step-copy of 6").mkdir()
    (tmp_path / "cut/notes.txt").write_text("mine")
    (stands / "old.safetensors").write_bytes(b"no tensors")
    again, _, said = run(tmp_path / "cut")
    assert "checkpoint of step 6" in said[0] and same(whole, again)


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


def test_a_weight_that_does_not_train_is_neither_changed_nor_optimised_nor_kept(tmp_path):
    """Where an adapter comes in: the model says what trains, and the loop, its checkpoints and AdamW ask it."""
    frozen = model()
    frozen.encoder.requires_grad_(False)
    before = {name: parameter.clone() for name, parameter in frozen.named_parameters()}
    heads = {name for name in before if name.startswith("heads.")}
    with pytest.raises(Interrupted):
        train(frozen, parts(), recipe(), lambda m: {"score": 0.0}, tmp_path, str, after(4))
    tensors, _ = checkpoint.latest(tmp_path, str)
    assert tensors["model"].keys() == tensors["best"].keys() == heads
    assert {name.partition(".")[2] for name in tensors["optimiser"]} == heads
    best, _ = train(frozen, parts(), recipe(), lambda m: {"score": 0.0}, tmp_path, str)
    changed = {name for name, parameter in frozen.named_parameters() if not torch.equal(parameter, before[name])}
    assert changed == heads == best.keys()


def test_the_last_evaluations_are_averaged_and_a_killed_training_averages_the_same(tmp_path):
    seen = []

    def scored(now):
        seen.append({name: tensor.clone() for name, tensor in weights(now).items()})
        return {"score": -float(len(seen))}  # the first would be the best

    best, progress, _ = run(tmp_path / "whole", evaluate=scored, averaged=3)
    assert len(seen) == len(progress.history) >= 10
    for name, tensor in best.items():
        torch.testing.assert_close(tensor, torch.stack([one[name] for one in seen[-3:]]).mean(0))
    assert progress.best_step == progress.step

    seen.clear()
    all_of_them, _, _ = run(tmp_path / "all", evaluate=scored, averaged=100)
    for name, tensor in all_of_them.items():
        torch.testing.assert_close(tensor, torch.stack([one[name] for one in seen]).mean(0), msg="fewer than asked for")

    plain = {"evaluate": lambda now: {"score": 0.0}, "averaged": 3}
    with pytest.raises(Interrupted):  # between the second and the third of them
        run(tmp_path / "cut", stop=after(progress.history[-2]["step"]), **plain)
    again, _, _ = run(tmp_path / "cut", **plain)
    assert same(again, best)

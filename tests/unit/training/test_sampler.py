"""Which examples each step takes: epochs, batches of tokens, and mixtures, as functions of the seed."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from xstilts.artifacts import Manifest
from xstilts.errors import UserError
from xstilts.training.sampler import CAP, Component, schedule, steps_of


def test_every_epoch_sees_every_unit_once():
    plan = schedule([Component(units=23, batch=5, epochs=3)], seed=1)
    assert plan.steps == 15
    epochs = [np.concatenate([plan.batch(step)[1] for step in range(e * 5, e * 5 + 5)]) for e in range(3)]
    assert all(sorted(epoch) == list(range(23)) for epoch in epochs)
    assert not np.array_equal(epochs[0], epochs[1])


@pytest.mark.parametrize("tokens", [None, np.zeros(0, np.int64)])
def test_an_empty_training_set_is_refused_and_not_looked_for_a_batch_for_ever(tokens):
    empty, whole = Component(0, 8, 1, tokens), Component(20, 8, 1)
    with pytest.raises(UserError, match="training set 1 of 1: found 0 units; expected 1 at least"):
        schedule([empty], seed=1)
    with pytest.raises(UserError, match="training set 2 of 2: found 0 units"):
        schedule([whole, empty], seed=1)


@pytest.mark.parametrize(("limit", "steps"), [(None, 3 * 13), (40, 3 * 5), (1000, 3 * 13)])
def test_the_steps_of_a_training_set_are_those_of_the_rows_that_it_reads(limit, steps):
    part = {"data": ["mnli/en", "snli/en"], "limit": limit, "batch_size": 8, "epochs": 3}
    data = {
        name: Manifest(Path(name), {"results": {"rows": {"train": rows}}})
        for name, rows in (("mnli/en", 60), ("snli/en", 40))
    }
    assert steps_of(part, data) == steps


def lengths_of(units, seed=0):
    return np.random.default_rng(seed).integers(4, 60, units)


def batches(plan):
    return [plan.batch(step) for step in range(plan.steps)]


def test_batches_of_tokens_fill_up_to_the_limit_and_cover_every_epoch_once():
    tokens = lengths_of(500)
    tokens[17] = 900
    plan = schedule([Component(500, 400, 2, tokens)], seed=1)
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
        return [tuple(chosen) for _, chosen in batches(schedule([Component(80, 300, 1.5, lengths_of(80))], seed))]

    assert units(1) == units(1) != units(2)


@pytest.mark.parametrize("epochs", [0.3, 1.0, 2.5])
def test_a_fraction_of_an_epoch_is_that_fraction_of_its_batches(epochs):
    tokens = lengths_of(3000)
    plan = schedule([Component(3000, 1000, epochs, tokens)], seed=1)
    assert plan.steps == pytest.approx(epochs * tokens.sum() / 1000, rel=0.06)
    whole = schedule([Component(3000, 1000, 3, tokens)], seed=1)
    assert all(np.array_equal(whole.batch(step)[1], plan.batch(step)[1]) for step in range(plan.steps))


def test_equal_lengths_make_tokens_count_as_units_do():
    by_tokens = schedule([Component(1000, 56, 2.5, np.full(1000, 7))], seed=4)
    by_units = schedule([Component(1000, 8, 2.5)], seed=4)
    both = zip(batches(by_tokens), batches(by_units), strict=True)
    assert all(np.array_equal(one, other) for (_, one), (_, other) in both)


def test_a_mixture_in_tokens_shows_examples_in_proportion_and_each_portion_its_epochs():
    sizes, longest = [200_000, 40_000, 20_000], [20, 60, 200]
    tokens = [np.random.default_rng(n).integers(5, n, size) for size, n in zip(sizes, longest, strict=True)]
    components = [Component(len(one), 2048, 2, one) for one in tokens] + [Component(10_000, 16, 2)]
    plan = schedule(components, seed=2)
    shown = np.zeros(4)
    for which, units in batches(plan):
        shown[which] += len(units)
    np.testing.assert_allclose(shown, 2 * np.minimum([*sizes, 10_000], CAP), rtol=0.1)


def test_mixture_is_examples_proportional_with_a_cap():
    sizes = [1_000_000, 40_000, 10_000]
    plan = schedule([Component(n, 8, 3) for n in sizes], seed=2)
    capped = np.minimum(sizes, CAP)
    shares = np.bincount(plan.component) / plan.steps
    np.testing.assert_allclose(shares, capped / capped.sum(), atol=0.01)
    assert plan.steps == sum(3 * -(-min(n, CAP) // 8) for n in sizes)


def test_raw_text_beside_labelled_parts_takes_nothing_from_them():
    labelled, text = [Component(n, 24, 2) for n in (1_000_000, 40_000)], Component(2_000_000, 8, 0)
    alone, beside = schedule(labelled, seed=2), schedule([*labelled, text], seed=2)
    counts = np.bincount(beside.component)
    np.testing.assert_allclose(counts[:2] / np.bincount(alone.component), 1, atol=0.03)
    sizes = np.array([CAP, 40_000, CAP])
    np.testing.assert_allclose(counts / beside.steps, sizes / sizes.sum(), atol=0.01)

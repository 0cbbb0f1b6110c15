"""Whether a training has learned: the two signs, and what becomes of them in mixtures."""

import pytest

from xstilts.training.learned import interval_losses, last_loss, of_parts, signs, unread_scores, upper_bound, verdict

UNREAD = {"majority": 26.0, "chance": 25.0, "bound": 31.0}
CHANCE = 1.386


@pytest.mark.parametrize(
    ("score", "loss", "said"),
    [
        (60, 0.9, "yes"),
        (25, 1.39, "no"),
        (29, 1.38, "no"),  # within the interval of guessing, by a loss that did not fall
        (60, 1.38, "unclear"),  # a score that its loss does not explain
        (29, 0.2, "no"),  # learned by heart: within the interval of guessing
        (26, 0.2, "no"),  # learned by heart: no better than one answer to everything
    ],
)
def test_both_signs_decide(score: float, loss: float, said: str) -> None:
    assert verdict(score, UNREAD, [loss], CHANCE) == said


def test_a_training_that_was_lost_after_its_best_checkpoint_has_learned() -> None:
    history = [{"step": step, "loss": loss} for step, loss in ((5, 1.2), (10, 0.6), (15, 1.39), (20, 1.39))]
    kept = signs("a", UNREAD | {"score": 70.0}, history, 10, CHANCE)
    assert kept == {"entropy": CHANCE, "loss": 1.39, "learned": "yes"}
    assert signs("a", UNREAD | {"score": 70.0}, history, 20, CHANCE)["learned"] == "unclear"


def test_the_last_tenth_is_that_of_the_training_set_in_a_mixture() -> None:
    often, seldom = {"steps_a": 9, "steps_b": 1}, {"steps_a": 10, "steps_b": 0}
    history = [
        {"step": 10, "loss": 1.0, **often, "loss_a": 0.9, "loss_b": 1.9},
        *({"step": 10 * i, "loss": 1.0, **often, "loss_a": 1 / i, "loss_b": 2 / i} for i in range(2, 10)),
        {"step": 100, "loss": 1.0, **seldom, "loss_a": 0.1},
    ]
    assert last_loss(history, "a") == 0.1
    assert last_loss(history, "b") == pytest.approx(2 / 9), "its own last step, of long before"
    assert [steps for _, _, steps in interval_losses(history, "b")] == [1] * 9


def test_the_last_tenth_goes_over_several_evaluations() -> None:
    history = [{"step": 2 * (number + 1), "loss": 3.0} for number in range(47)]
    history += [{"step": 96, "loss": 2.0}, {"step": 98, "loss": 1.5}, {"step": 100, "loss": 1.0}]
    assert last_loss(history, "a") == pytest.approx((4 * 3.0 + 2 * 2.0 + 2 * 1.5 + 2 * 1.0) / 10)


def test_a_score_at_the_bound_does_not_exceed_it() -> None:
    assert verdict(UNREAD["bound"], UNREAD, [0.1], CHANCE) == "no"
    assert verdict(UNREAD["bound"] + 0.1, UNREAD, [0.1], CHANCE) == "yes"


def test_a_training_set_without_a_step_has_not_learned() -> None:
    history = [{"step": 1, "loss": 1.0, "steps_a": 1, "loss_a": 1.0, "steps_b": 0}]
    assert signs("b", UNREAD | {"score": 20.0}, history, 1, CHANCE) == {
        "entropy": CHANCE,
        "loss": None,
        "learned": "no",
    }


def test_a_mixture_has_learned_when_one_of_its_sets_has() -> None:
    assert [of_parts(found) for found in (["no", "yes"], ["no", "unclear"], ["no", "no"])] == ["yes", "unclear", "no"]


def test_the_bound_is_the_upper_end_of_wilsons_interval() -> None:
    """Against the figures of Newcombe (1998), table I: 81 of 263 and 0 of 20."""
    assert upper_bound(100 * 81 / 263, 263) == pytest.approx(36.62, abs=0.01)
    assert upper_bound(0, 20) == pytest.approx(16.11, abs=0.01)


def test_scores_that_need_no_reading_are_scored_as_predictions_are() -> None:
    draws = iter([("m", 10), ("m", 20), ("m", 30), ("m", 40), ("m", 50)])
    found = unread_scores(lambda: next(draws), lambda one: 40.0 if one == "m" else one, 100)
    assert found == {"majority": 40.0, "chance": 30.0, "bound": upper_bound(40, 100)}

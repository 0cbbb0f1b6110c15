"""Whether a training has learned anything: its loss and its dev score beside those of a model that reads nothing.

A training whose targets were mixed up, whose rate was too high or whose steps were too few ends where it began, and its
row in a table still looks like a row. Two signs tell, which seldom err together (docs/metrics.md, "Did it learn?").
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

MARGIN = 0.03  # the share of the unread loss by which a loss must be lower: more than what chance takes off it
TAIL = 0.1  # of the steps of a training set, at the end
Z = 1.959964  # of a two-sided interval of 95 %
DRAWS = 5  # of answers at random

Verdict = str  # yes, no, unclear


def still_at_entropy(loss: float, unread_loss: float) -> bool:
    """Say whether a loss is no lower than that of a model that reads nothing, but for a margin of 3 %."""
    return not loss < (1 - MARGIN) * unread_loss


def upper_bound(percent: float, examples: int) -> float:
    """Return the upper end of Wilson's 95 % interval of a percentage that was found on so many examples."""
    share, n = percent / 100, max(1, examples)
    middle = share + Z**2 / (2 * n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return 100 * (middle + half) / (1 + Z**2 / n)


def unread_scores(
    unread: Callable[[], tuple[Any, Any]], score: Callable[[Any], float], examples: int
) -> dict[str, float]:
    """Return the dev scores that need no reading.

    Args:
        unread: the family's predictions that read nothing, drawn anew in each call: always the same one, and any.
        score: the dev score of predictions, in percent.
        examples: that they are for.

    Returns:
        ``majority`` and ``chance`` (the mean of several draws) in percent, and ``bound``, the upper end of the 95 %
        interval of the higher one: what a score must exceed.
    """
    drawn = [unread() for _ in range(DRAWS)]
    majority = score(drawn[0][0])
    chance = math.fsum(score(one) for _, one in drawn) / DRAWS
    return {"majority": majority, "chance": chance, "bound": upper_bound(max(majority, chance), examples)}


def interval_losses(history: Sequence[dict[str, float]], name: str) -> list[tuple[float, float, float]]:
    """Return (step, mean loss, steps) of a training set for each stretch between evaluations in which it had steps."""
    found, before = [], 0.0
    for entry in history:
        steps = entry.get(f"steps_{name}", entry["step"] - before)
        if steps:
            found.append((entry["step"], entry.get(f"loss_{name}", entry["loss"]), steps))
        before = entry["step"]
    return found


def last_loss(history: Sequence[dict[str, float]], name: str) -> float | None:
    """Return the mean loss of a training set over its last tenth of steps, in whole stretches; None: it had no step."""
    losses = interval_losses(history, name)
    wanted = TAIL * sum(steps for _, _, steps in losses)
    total = count = 0.0
    for _, loss, steps in reversed(losses):
        if count >= wanted and count:
            break
        total, count = total + loss * steps, count + steps
    return total / count if count else None


def chosen_loss(history: Sequence[dict[str, float]], name: str, best_step: float) -> float | None:
    """Return the mean loss of a training set in the last stretch up to the checkpoint that was chosen."""
    until = [loss for step, loss, _ in interval_losses(history, name) if step <= best_step]
    return until[-1] if until else None


def verdict(score: float, unread: dict[str, float], losses: Sequence[float], unread_loss: float) -> Verdict:
    """Say whether a training has learned: ``yes``, ``no`` or ``unclear``.

    ``yes``: its dev score exceeds the bound, and a loss lies 3 % below the unread one. ``no``: its dev score does not,
    whatever the loss: permuted labels learned by heart lower it too. ``unclear``: no loss explains its dev score.

    Args:
        score: dev score of the chosen checkpoint.
        unread: its ``bound``, in the same unit.
        losses: mean training losses (nats): of the last tenth, and before the chosen checkpoint, since a training may
            be lost again after it; the lowest counts.
        unread_loss: the loss of a model that reads nothing.
    """
    if score <= unread["bound"]:
        return "no"
    return "unclear" if all(still_at_entropy(loss, unread_loss) for loss in losses) else "yes"


def signs(
    name: str, dev: dict[str, Any], history: Sequence[dict[str, float]], best_step: float, unread_loss: float
) -> dict[str, Any]:
    """Return what tells whether a training set was learned: ``entropy`` and last ``loss`` (nats), and ``learned``.

    Args:
        name: the training set.
        dev: its ``score`` by the chosen checkpoint, and ``majority``, ``chance`` and ``bound``.
        history: of the evaluations.
        best_step: of the chosen checkpoint.
        unread_loss: the loss of a model that reads nothing.
    """
    last, chosen = last_loss(history, name), chosen_loss(history, name, best_step)
    losses = [loss for loss in (last, chosen) if loss is not None]
    return {"entropy": unread_loss, "loss": last, "learned": verdict(dev["score"], dev, losses, unread_loss)}


def of_parts(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict on a mixture from those on its parts: ``yes`` where one has learned, ``no`` where none has."""
    return next((one for one in ("yes", "unclear") if one in verdicts), "no")

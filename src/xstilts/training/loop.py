"""The training loop of both phases, pretraining included: read it in one sitting.

Randomness of a step (dropout, masking) is seeded from (seed, step), so that a training that was killed and goes on
from a checkpoint takes exactly the steps it would have taken, and when a checkpoint is written or a dev set is scored
touches no generator.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from xstilts.errors import UserError
from xstilts.families.facts import facts
from xstilts.families.features import Features, lengths, take
from xstilts.modeling.batch import collate
from xstilts.modeling.batches import contrasted, scored_items, units
from xstilts.modeling.heads import loss_sum
from xstilts.modeling.model import Model
from xstilts.training import checkpoint
from xstilts.training.alone import ALONE, Alone
from xstilts.training.learned import interval_losses, still_at_entropy
from xstilts.training.optimiser import decayed, learning_rate
from xstilts.training.sampler import Component, schedule

AT_ENTROPY = "loss still at the entropy of the labels"


@dataclass(frozen=True)
class Recipe:
    """How a training is optimised; the sources of the defaults stand in config.yaml."""

    seed: int
    learning_rate: float
    warmup: float
    weight_decay: float
    epsilon: float
    clip: float
    evaluations: int  # at least so many dev evaluations a run
    evaluate_every: int  # steps; a run too short for `evaluations` of these evaluates more often
    micro_tokens: int  # padded tokens that one forward pass may hold
    checkpoint_minutes: float
    precision: str = "float32"  # of the forward passes: bfloat16 or float32
    deterministic: bool = False  # kernels that give equal bytes on a GPU too: applied where the device is chosen
    length: str = "labelled"  # of a training with raw text beside one labelled set: labelled or capped (`schedule`)
    averaged: int = 0  # last evaluations whose weights' mean is the result; 0: the best one's weights are
    compiled: bool = False  # blocks, on a GPU
    graphed: bool = False  # blocks of small batches, on a GPU and in one process
    recompute: bool = False  # activations inside a block, for the backward pass: less memory, the same numbers


@dataclass(frozen=True)
class TrainingData:
    """One training set: features, head, batches of so many units or tokens; for ``mlm`` a function masks each anew."""

    name: str
    family: str
    features: Features
    batch_size: int | None
    epochs: float
    mask: Callable[[Features, np.random.Generator], Features] | None = None
    batch_tokens: int | None = None  # instead of batch_size
    unread_loss: float = float("inf")  # nats: that of a model that reads nothing
    in_batch: int | None = None  # pairs among whose candidates a query finds its own; None: all of a step


@dataclass
class Progress:
    """Where a training stands: what a checkpoint holds beside the tensors."""

    step: int = 0
    best_step: int = -1
    best_score: float = float("-inf")
    losses: list[float] = field(default_factory=list)  # of each part, summed over its steps since the last evaluation
    loss_steps: list[int] = field(default_factory=list)
    tokens: int = 0  # trained on so far
    places: int = 0  # that attention went over: these tokens, and what padding added to them
    seconds: float = field(default=0.0, compare=False)  # that it took, earlier attempts included
    history: list[dict[str, float]] = field(default_factory=list)


class Interrupted(InterruptedError):
    """The training was asked to stop (SIGTERM) and has written a checkpoint."""


def train(
    model: Model,
    parts: list[TrainingData],
    recipe: Recipe,
    evaluate: Callable[[Model], dict[str, float]],
    work: Path,
    log: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
    ranks: Alone = ALONE,
) -> tuple[dict[str, torch.Tensor], Progress]:
    """Train, and return the best weights by dev score (the earliest of equals) with the history.

    With ``recipe.averaged`` they are the mean of the weights at the last so many evaluations, whatever these score.

    Args:
        model: on its device already.
        parts: the training sets; several are mixed by examples-proportional sampling.
        recipe: the optimisation.
        evaluate: returns dev scores by name; ``score`` decides (higher is better).
        work: folder for checkpoints, kept until the caller has published the result.
        log: takes one line of progress.
        stop: asked after each step; True writes a checkpoint and raises Interrupted.
        ranks: what several processes settle together.
    """
    if recipe.recompute:
        model.encoder.recompute_activations()
    if recipe.compiled:
        model.compile_on_gpu()
    if recipe.graphed and ranks is ALONE and not recipe.recompute:  # a graph keeps its activations
        model.graph_on_gpu()
    where = next(model.parameters()).device
    bounds = [units(part.features, part.family) for part in parts]
    plan = schedule([component(part, b) for part, b in zip(parts, bounds, strict=True)], recipe.seed, recipe.length)
    interval = max(1, min(recipe.evaluate_every, plan.steps // recipe.evaluations))
    evaluations = math.ceil(plan.steps / interval)
    optimiser = ranks.optimiser(model, recipe.weight_decay, recipe.epsilon)
    progress = Progress(losses=[0.0] * len(parts), loss_steps=[0] * len(parts))
    best: dict[str, torch.Tensor] = {}  # no copy before the first evaluation: 2 to 4 GB of a large encoder
    found = ranks.latest(work, log)
    if found is not None:
        tensors, state = found
        restore(model, tensors["model"])
        optimiser.restore(tensors["optimiser"])
        best, progress = copied(tensors["best"]), Progress(**state)
        del found, tensors  # maps of the checkpoint's files, which the next one removes
        log(f"going on from the checkpoint of step {progress.step} of {plan.steps}")
    if ranks is ALONE:
        model.keep_half()

    losses = torch.tensor(progress.losses, device=where)
    began = saved = time.monotonic()
    first, first_tokens, earlier = progress.step, progress.tokens, progress.seconds
    while progress.step < plan.steps:
        rate = learning_rate(progress.step, plan.steps, recipe.learning_rate, recipe.warmup)
        which, chosen = plan.batch(progress.step)
        step_loss, step_tokens, places = accumulate(
            model, parts[which], bounds[which], chosen, recipe, progress.step, ranks
        )
        optimiser.step(rate, recipe.clip)
        losses[which] += step_loss
        progress.tokens += step_tokens
        progress.places += places
        progress.step += 1
        progress.loss_steps[which] += 1
        if progress.step % interval == 0 or progress.step == plan.steps:
            scores = ranks.same(evaluate(model))
            means = mean_losses(parts, losses.tolist(), progress.loss_steps)
            check_finite(progress, means["loss"], scores["score"])
            progress.history.append({"step": progress.step, **means, "learning_rate": rate, **scores})
            losses.zero_()
            progress.losses, progress.loss_steps = [0.0] * len(parts), [0] * len(parts)
            late = len(progress.history) - evaluations + min(recipe.averaged, evaluations)  # from 1 on it counts
            counts = late >= 1 if recipe.averaged else scores["score"] > progress.best_score
            if counts:
                progress.best_step, progress.best_score = progress.step, scores["score"]
                best = mean_of_late(best, copied(weights(model)), late) if recipe.averaged else copied(weights(model))
            done, tokens = progress.step - first, progress.tokens - first_tokens
            line = progress_line(progress, plan.steps, tokens, done, time.monotonic() - began)
            log(line + not_learning(parts, progress, plan.steps))
        progress.seconds = earlier + time.monotonic() - began
        due, asked = ranks.asked(time.monotonic() - saved >= 60 * recipe.checkpoint_minutes, stop())
        if (due or asked) and progress.step < plan.steps:
            progress.losses = losses.tolist()
            tensors = {"model": weights(model), "optimiser": optimiser.tensors(), "best": best}
            checkpoint.save(work, tensors, vars(progress))
            del tensors  # else its best weights stay beside the next ones
            saved = time.monotonic()
            if asked:
                raise Interrupted(f"asked to stop: a checkpoint holds step {progress.step} of {plan.steps}")
    model.half.drop()  # type: ignore[attr-defined]
    return best or copied(weights(model)), progress


def mean_of_late(mean: dict[str, torch.Tensor], now: dict[str, torch.Tensor], late: int) -> dict[str, torch.Tensor]:
    """Return the mean of the weights at ``late`` evaluations, from that of those before and the weights of now."""
    return now if late == 1 else {name: one + (now[name] - one) / late for name, one in mean.items()}


def check_finite(progress: Progress, loss: float, score: float) -> None:
    """Stop a training whose loss or dev score is no number: no later step brings it back.

    Raises:
        UserError: it names the steps and the loss, or the score.
    """
    if not (math.isfinite(loss) and math.isfinite(score)):
        first = progress.step - sum(progress.loss_steps) + 1
        found = f"dev score of {score}" if math.isfinite(loss) else f"mean loss of {loss}"
        raise UserError(
            f"steps {first} to {progress.step}: found a {found}; expected a number: train with a smaller "
            "learning_rate, or in float32 (optimisation.precision)"
        )


def component(part: TrainingData, bounds: np.ndarray) -> Component:
    """Return what the sampler needs to know of a training set whose units begin at these sequences."""
    if part.batch_size is not None:
        return Component(len(bounds) - 1, part.batch_size, part.epochs)
    assert part.batch_tokens is not None
    return Component(len(bounds) - 1, part.batch_tokens, part.epochs, np.diff(part.features.offsets[bounds]))


def accumulate(
    model: Model,
    part: TrainingData,
    bounds: np.ndarray,
    chosen: np.ndarray,
    recipe: Recipe,
    step: int,
    ranks: Alone = ALONE,
) -> tuple[torch.Tensor, int, int]:
    """Add the gradient of one batch, in micro-batches.

    Returns:
        Its mean loss (not yet read back), its tokens, and the places that attention went over, padding included.
    """
    model.train()
    where = next(model.parameters()).device
    pairs = facts(part.family).contrasted
    if pairs:  # who meets whom is drawn: it depends on the step, not on the order of its batch
        chosen = np.random.default_rng([recipe.seed, step]).permutation(np.sort(chosen))
    sequences = np.concatenate([np.arange(bounds[unit], bounds[unit + 1]) for unit in chosen])
    features = take(part.features, sequences)
    torch.manual_seed(step_seed(recipe.seed, step))
    if part.mask is not None:
        features = part.mask(features, np.random.default_rng([recipe.seed, step]))
    total = scored_items(features, part.family)
    boundaries = units(features, part.family)
    if pairs:
        features, boundaries = contrasted(features, boundaries, part.in_batch)
    longest = np.maximum.reduceat(lengths(features), boundaries[:-1]) * np.diff(boundaries)
    loss, places = torch.zeros((), device=where), 0
    for group in ranks.share(longest, recipe.micro_tokens):
        members = np.concatenate([np.arange(boundaries[unit], boundaries[unit + 1]) for unit in group])
        batch = collate(features, members, part.family, where)
        with model.autocast():
            places += model.attended(batch)
            logits = model.logits(part.name, batch)
            micro_loss = loss_sum(part.family, logits, batch.targets, batch.layout) / max(1, total)
        micro_loss.backward()
        model.half.gather()  # type: ignore[attr-defined]
        loss += micro_loss.detach()
        del logits, micro_loss  # and what autograd keeps of this stream: the next may be captured on another
    loss, places = ranks.joined(model, part, bounds, loss, places)
    return loss, len(features.input_ids), places


def kept_by_decay(recipe: Recipe, progress: Progress) -> float:
    """Return what decay alone leaves, in the weights that ``train`` returned, of one whose gradient was always zero."""
    late = [int(entry["step"]) for entry in progress.history[-recipe.averaged :]]
    chosen = late if recipe.averaged else [progress.best_step]
    total = progress.step
    left = [decayed(step, total, recipe.learning_rate, recipe.warmup, recipe.weight_decay) for step in chosen]
    return sum(left) / len(left)


def work_done(progress: Progress) -> dict[str, float]:
    """Return what a finished training did: steps, tokens (and with padding), seconds with dev evaluations, speed."""
    return {
        "steps": progress.step,
        "tokens": progress.tokens,
        "padded_tokens": progress.places,
        "seconds": round(progress.seconds, 3),
        "tokens_per_second": round(progress.tokens / max(progress.seconds, 1e-9), 1),
    }


def step_seed(seed: int, step: int) -> int:
    """Return the seed of everything random in a step: distinct for each (seed, step) of a run."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, dtype=np.uint64)[0] >> np.uint64(1))


def weights(model: Model) -> dict[str, torch.Tensor]:
    """Return the weights that train, by name."""
    return {name: parameter.detach() for name, parameter in model.trained().items()}


def copied(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return copies on the CPU: they take no GPU memory, and no later step changes them."""
    return {name: tensor.to("cpu", copy=True) for name, tensor in tensors.items()}


def restore(model: Model, tensors: dict[str, torch.Tensor]) -> None:
    """Put back what ``weights`` returned."""
    with torch.no_grad():
        for name, parameter in model.trained().items():
            parameter.copy_(tensors[name])
    model.half.refresh()  # type: ignore[attr-defined]


def mean_losses(parts: list[TrainingData], losses: list[float], steps: list[int]) -> dict[str, float]:
    """Return the mean loss over some steps as ``loss``; of a mixture also each part's, with the number of its steps."""
    found: dict[str, float] = {"loss": sum(losses) / sum(steps)}
    if len(parts) > 1:
        for part, loss, count in zip(parts, losses, steps, strict=True):
            found |= {f"steps_{part.name}": count} | ({f"loss_{part.name}": loss / count} if count else {})
    return found


def not_learning(parts: list[TrainingData], progress: Progress, steps: int) -> str:
    """Say, from a third of the steps on, whose loss is no lower than if nothing were read; empty when each one's is."""
    if 3 * progress.step < steps:
        return ""
    stuck = []
    for part in parts:
        found = interval_losses(progress.history, part.name)
        if found and still_at_entropy(found[-1][1], part.unread_loss):
            stuck.append(f"{part.name} {found[-1][1]:.3f} of {part.unread_loss:.3f}")
    return f"; {AT_ENTROPY}: {', '.join(stuck)}" if stuck else ""


def progress_line(progress: Progress, steps: int, tokens: int, done: int, seconds: float) -> str:
    """Return one line for a person: step, loss, rate, dev score, speed and the time that remains."""
    last = progress.history[-1]
    remaining = int((steps - progress.step) * seconds / max(1, done))
    return (
        f"step {progress.step}/{steps}  loss {last['loss']:.4f}  lr {last['learning_rate']:.2e}  "
        f"dev {last['score']:.2f} (best {progress.best_score:.2f} at {progress.best_step})  "
        f"{tokens / max(seconds, 1e-9):,.0f} tokens/s  {remaining // 60}:{remaining % 60:02d} left"
    )

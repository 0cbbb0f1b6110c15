"""The training loop of both phases, pretraining included: read it in one sitting.

Randomness of a step (dropout, masking) is seeded from (seed, step), so that a training that was killed and goes on
from a checkpoint takes exactly the steps it would have taken, and when a checkpoint is written or a dev set is scored
touches no generator.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from xstilts.modeling.batch import collate
from xstilts.modeling.heads import loss_sum
from xstilts.modeling.model import Model
from xstilts.tasks.features import Features, lengths, take
from xstilts.training import checkpoint
from xstilts.training.batches import scored_items, split_by_tokens, units
from xstilts.training.optimiser import build_optimiser, learning_rate
from xstilts.training.sampler import Portion, schedule


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
    recompute: bool = False  # activations inside a block, for the backward pass: less memory, the same numbers


@dataclass(frozen=True)
class Part:
    """One training set: features, head, batches of so many units or tokens; for ``mlm`` a function masks each anew."""

    name: str
    family: str
    features: Features
    batch_size: int | None
    epochs: float
    mask: Callable[[Features, np.random.Generator], Features] | None = None
    batch_tokens: int | None = None  # instead of batch_size


@dataclass
class Progress:
    """Where a training stands: what a checkpoint holds beside the tensors."""

    step: int = 0
    best_step: int = -1
    best_score: float = float("-inf")
    loss: float = 0.0  # summed over the steps since the last evaluation
    loss_steps: int = 0
    tokens: int = 0  # trained on so far
    seconds: float = field(default=0.0, compare=False)  # that it took, earlier attempts included
    history: list[dict[str, float]] = field(default_factory=list)


class Interrupted(InterruptedError):
    """The training was asked to stop (SIGTERM) and has written a checkpoint."""


def train(
    model: Model,
    parts: list[Part],
    recipe: Recipe,
    evaluate: Callable[[Model], dict[str, float]],
    work: Path,
    log: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
) -> tuple[dict[str, torch.Tensor], Progress]:
    """Train, and return the best weights by dev score (the earliest of equals) with the history.

    Args:
        model: on its device already.
        parts: the training sets; several are mixed by examples-proportional sampling.
        recipe: the optimisation.
        evaluate: returns dev scores by name; ``score`` decides (higher is better).
        work: folder for checkpoints, kept until the caller has published the result.
        log: takes one line of progress.
        stop: asked after each step; True writes a checkpoint and raises Interrupted.
    """
    if recipe.recompute:
        model.encoder.recompute_activations()
    where = next(model.parameters()).device
    bounds = [units(part.features, part.family) for part in parts]
    plan = schedule([portion(part, b) for part, b in zip(parts, bounds, strict=True)], recipe.seed)
    interval = max(1, min(recipe.evaluate_every, plan.steps // recipe.evaluations))
    optimiser = build_optimiser(model, recipe.weight_decay, recipe.epsilon)
    progress, best = Progress(), copied(weights(model))
    found = checkpoint.latest(work, log)
    if found is not None:
        tensors, state = found
        restore(model, tensors["model"])
        optimiser.restore(tensors["optimiser"])
        best, progress = tensors["best"], Progress(**state)
        log(f"going on from the checkpoint of step {progress.step} of {plan.steps}")

    loss = torch.tensor(progress.loss, device=where)
    began = saved = time.monotonic()
    first, first_tokens, earlier = progress.step, progress.tokens, progress.seconds
    while progress.step < plan.steps:
        rate = learning_rate(progress.step, plan.steps, recipe.learning_rate, recipe.warmup)
        which, chosen = plan.batch(progress.step)
        step_loss, step_tokens = accumulate(model, parts[which], bounds[which], chosen, recipe, progress.step)
        optimiser.step(rate, recipe.clip)
        loss += step_loss
        progress.tokens += step_tokens
        progress.step += 1
        progress.loss_steps += 1
        if progress.step % interval == 0 or progress.step == plan.steps:
            scores = evaluate(model)
            mean_loss = float(loss) / progress.loss_steps
            progress.history.append({"step": progress.step, "loss": mean_loss, "learning_rate": rate, **scores})
            loss.zero_()
            progress.loss, progress.loss_steps = 0.0, 0
            if scores["score"] > progress.best_score:
                progress.best_step, progress.best_score = progress.step, scores["score"]
                best = copied(weights(model))
            done, tokens = progress.step - first, progress.tokens - first_tokens
            log(progress_line(progress, plan.steps, tokens, done, time.monotonic() - began))
        progress.seconds = earlier + time.monotonic() - began
        asked = stop()
        due = time.monotonic() - saved >= 60 * recipe.checkpoint_minutes
        if (due or asked) and progress.step < plan.steps:
            progress.loss = float(loss)
            tensors = {"model": weights(model), "optimiser": optimiser.tensors(), "best": best}
            checkpoint.save(work, tensors, vars(progress))
            saved = time.monotonic()
            if asked:
                raise Interrupted(f"asked to stop: a checkpoint holds step {progress.step} of {plan.steps}")
    return best, progress


def portion(part: Part, bounds: np.ndarray) -> Portion:
    """Return what the sampler needs to know of a training set whose units begin at these sequences."""
    if part.batch_size is not None:
        return Portion(len(bounds) - 1, part.batch_size, part.epochs)
    assert part.batch_tokens is not None
    return Portion(len(bounds) - 1, part.batch_tokens, part.epochs, np.diff(part.features.offsets[bounds]))


def accumulate(
    model: Model, part: Part, bounds: np.ndarray, chosen: np.ndarray, recipe: Recipe, step: int
) -> tuple[torch.Tensor, int]:
    """Add the gradient of one batch, in micro-batches; return its mean loss (not yet read back) and its tokens."""
    model.train()
    where = next(model.parameters()).device
    sequences = np.concatenate([np.arange(bounds[unit], bounds[unit + 1]) for unit in chosen])
    features = take(part.features, sequences)
    torch.manual_seed(step_seed(recipe.seed, step))
    if part.mask is not None:
        features = part.mask(features, np.random.default_rng([recipe.seed, step]))
    total = scored_items(features, part.family)
    boundaries = units(features, part.family)
    longest = np.maximum.reduceat(lengths(features), boundaries[:-1]) * np.diff(boundaries)
    loss = torch.zeros((), device=where)
    for group in split_by_tokens(longest, recipe.micro_tokens):
        members = np.concatenate([np.arange(boundaries[unit], boundaries[unit + 1]) for unit in group])
        batch = collate(features, members, part.family, where)
        with model.autocast():
            logits = model.logits(part.name, batch)
            micro_loss = loss_sum(part.family, logits, batch.targets, batch.layout) / max(1, total)
        micro_loss.backward()
        loss += micro_loss.detach()
    return loss, len(features.input_ids)


def work_done(progress: Progress) -> dict[str, float]:
    """Return what a finished training did: steps, tokens, the seconds that it took with its dev evaluations, speed."""
    return {
        "steps": progress.step,
        "tokens": progress.tokens,
        "seconds": round(progress.seconds, 3),
        "tokens_per_second": round(progress.tokens / max(progress.seconds, 1e-9), 1),
    }


def step_seed(seed: int, step: int) -> int:
    """Return the seed of everything random in a step: distinct for each (seed, step) of a run."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, dtype=np.uint64)[0] >> np.uint64(1))


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the parameters by name, each tied one once."""
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def copied(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return copies on the CPU: they take no GPU memory, and no later step changes them."""
    return {name: tensor.to("cpu", copy=True) for name, tensor in tensors.items()}


def restore(model: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Put back what ``weights`` returned."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])


def progress_line(progress: Progress, steps: int, tokens: int, done: int, seconds: float) -> str:
    """Return one line for a person: step, loss, rate, dev score, speed and the time that remains."""
    last = progress.history[-1]
    remaining = int((steps - progress.step) * seconds / max(1, done))
    return (
        f"step {progress.step}/{steps}  loss {last['loss']:.4f}  lr {last['learning_rate']:.2e}  "
        f"dev {last['score']:.2f} (best {progress.best_score:.2f} at {progress.best_step})  "
        f"{tokens / max(seconds, 1e-9):,.0f} tokens/s  {remaining // 60}:{remaining % 60:02d} left"
    )

"""The trainings of a chain that come before its last one: one encoder and one head, a training set after the other.

Each has its own batches, epochs, learning rate, optimiser and choice among its checkpoints; the next one goes on from
the chosen weights. What a finished one left is kept beside the checkpoints of the one that runs, so that a chain that
was killed goes on where it was, within a training or between two.
"""

import importlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest
from xstilts.families.facts import facts
from xstilts.modeling.encoder import check_lengths
from xstilts.modeling.model import Model
from xstilts.training import checkpoint
from xstilts.training.alone import Alone
from xstilts.training.learned import signs
from xstilts.training.loop import Recipe, restore, step_seed, train, work_done
from xstilts.training.runtime import machine_settings

LINK_SEED = 2**31 + 2**16  # the first "step" whose seeds are those of the links: no training is that long
DONE = "done"


def train_before(
    model: Model,
    settings: Mapping[str, Any],
    inputs: dict[str, Manifest],
    work: Path,
    log: Callable[[str], None],
    stop: Callable[[], bool],
    ranks: Alone,
) -> dict[str, Any]:
    """Train a model on all links of a chain but the last.

    Args:
        model: with the head of the whole chain, on its device.
        settings: the spec's: ``before`` are the links, each with parts, learning_rate, lengths and optimisation.
        inputs: the stored features by ``PHASE/NAME``.
        work: where checkpoints stand, a folder a link.
        log: takes one line of progress.
        stop: asked after each step.
        ranks: what several processes settle together.

    Returns:
        By training set its dev scores, steps and what it did.

    Raises:
        UserError: sequences of a link may be longer than the encoder has positions for.
    """
    for link in settings["before"]:
        check_lengths(model.encoder, inputs["below" if "below" in inputs else "encoder"].folder, link["lengths"])
    found = {}
    for place, link in enumerate(settings["before"]):
        (part,) = link["parts"]
        name = part["features"].rpartition("/")[2]
        folder = work / f"link-{place + 1}"
        log(f"{name}: training {place + 1} of {len(settings['before']) + 1} of the chain")
        done = ranks.latest(folder / DONE, log)
        if done is None:
            own = link | {"seed": step_seed(settings["seed"], LINK_SEED + place)}
            found[name] = _train(model, part, own, inputs, folder, log, stop, ranks)
        else:
            restore(model, done[0]["model"])
            found[name] = done[1]["results"]
            log(f"{name}: was finished before")
    return found


def _train(
    model: Model,
    part: dict[str, Any],
    link: dict[str, Any],
    inputs: dict[str, Manifest],
    folder: Path,
    log: Callable[[str], None],
    stop: Callable[[], bool],
    ranks: Alone,
) -> dict[str, Any]:
    task = importlib.import_module(f"xstilts.{facts(part['family']).training}").open_task(part, link, inputs, log)
    recipe = Recipe(
        seed=link["seed"], learning_rate=link["learning_rate"], **machine_settings(), **link["optimisation"]
    )
    best, progress = train(model, [task.data], recipe, lambda one: {"score": task.score(one)}, folder, log, stop, ranks)
    restore(model, best)
    report = task.report(model)
    report |= signs(task.data.name, report, progress.history, progress.best_step, task.data.unread_loss)
    results = {
        "dev": report,
        "best_step": progress.best_step,
        "steps": progress.step,
        "train_examples": task.train_rows,
        "selected_on": task.selected_on,
        "work": work_done(progress),
    }
    checkpoint.save(folder / DONE, {"model": best}, {"step": progress.step, "results": results})
    for step in checkpoint.steps(folder):
        shutil.rmtree(folder / f"step-{step:08d}", ignore_errors=True)
    return results


def added(before: Mapping[str, Any], last: Mapping[str, float]) -> dict[str, float]:
    """Return what a whole chain did: the sum of its trainings, and their speed together."""
    every = [*(one["work"] for one in before.values()), last]
    counted = ("steps", "tokens", "padded_tokens", "seconds")
    total = {name: round(sum(one[name] for one in every), 3) for name in counted}
    return total | {"tokens_per_second": round(total["tokens"] / max(total["seconds"], 1e-9), 1)}

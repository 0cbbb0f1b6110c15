"""Raw text as one part of a training: masked language modelling beside, or instead of, a training set with labels."""

from collections.abc import Callable
from functools import partial
from typing import Any

from xstilts.artifacts import Manifest
from xstilts.families import mlm
from xstilts.families.stored import open_features
from xstilts.training.language_modelling import dev_scorer, unread_text
from xstilts.training.loop import TrainingData
from xstilts.training.sampler import Component, steps_of
from xstilts.training.task import TrainingTask


def open_task(
    part: dict[str, Any], settings: dict[str, Any], inputs: dict[str, Manifest], log: Callable[[str], None]
) -> TrainingTask:
    """Open raw text as a training set; with ``steps_of`` it takes as many steps as that training set would.

    Args:
        part: name, features, batch size and so on, as the spec has them.
        settings: the spec's settings: optimisation, steps_of.
        inputs: the stored features by ``PHASE/NAME``, and with ``steps_of`` its data by ``DATASET/LANGUAGE``.
        log: takes a line for a person.
    """
    made = inputs[part["features"]]
    features, lines = open_features(made.folder / "train.safetensors"), made.results["train"]
    masking = partial(mlm.masked, **made.results["masking"])
    epochs = part["epochs"]
    if "steps_of" in settings:
        epochs = (
            steps_of(settings["steps_of"], inputs) / Component(len(features), part["batch_size"], 1).steps_per_epoch
        )
    log(f"{part['name']}: {lines} lines, {len(features)} blocks" + (f", {epochs:.3g} epochs" if epochs else ""))
    unread = mlm.unread_loss(features, made.results["masking"]["special_ids"])
    dev = open_features(made.folder / "dev.safetensors")
    score = dev_scorer(dev, masking, settings["optimisation"]["micro_tokens"])
    return TrainingTask(
        data=TrainingData(
            part["name"],
            "mlm",
            features,
            part.get("batch_size"),
            epochs,
            masking,
            batch_tokens=part.get("batch_tokens"),
            unread_loss=unread,
        ),
        train_rows=lines,
        selected_on=f"{made.results['held_out']} held-out lines of the text",
        labels=(),
        score=score,
        report=lambda model: {
            "score": score(model),
            **unread_text(unread),
            "metric": "negative loss (nats)",
            "examples": made.results["held_out"],
            "collapsed": False,
        },
    )

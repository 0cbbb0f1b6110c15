"""A training set with labels made ready: its stored features opened, and a way to score a model on its dev examples."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from xstilts.artifacts import Manifest
from xstilts.families.facts import facts
from xstilts.families.features import Features, FeatureSettings, lengths
from xstilts.families.lengths import feature_settings
from xstilts.families.stored import open_features
from xstilts.files import read_jsonl
from xstilts.modeling.batches import units
from xstilts.modeling.model import Model
from xstilts.modeling.read_rows import pieces_of
from xstilts.prediction.forward import outputs
from xstilts.training.dev import collapsed, dev_score, metric_name
from xstilts.training.learned import unread_scores
from xstilts.training.loop import TrainingData
from xstilts.training.sampler import Component, steps_of
from xstilts.training.task import TrainingTask

UNREAD_SEED = 20200526  # draws the answers of a model that reads nothing

Rows = list[Any]  # normalised rows


def shuffled_labels(features: Features, rows: int, seed: int) -> Features:
    """Return the features with the labels of their rows permuted: the same texts and label counts, nothing to learn."""
    order = np.random.default_rng([seed, rows]).permutation(rows)
    of_row = features.targets["label"][np.searchsorted(features.example, np.arange(rows))]
    return replace(features, targets=features.targets | {"label": of_row[order][features.example]})


def open_task(
    part: dict[str, Any], settings: dict[str, Any], inputs: dict[str, Manifest], log: Callable[[str], None]
) -> TrainingTask:
    """Open one training set with labels.

    Args:
        part: name, family, features, batch size and so on, as the spec has them.
        settings: the spec's settings: seed, lengths, optimisation, and where it takes as many further steps as another
            training set would ``further_steps_of``, where it reads as many tokens as other features have ``tokens_of``.
        inputs: the stored features by ``PHASE/NAME``, and with ``further_steps_of`` its data by ``DATASET/LANGUAGE``.
        log: takes a line for a person.
    """
    family, made = part["family"], inputs[part["features"]]
    features = open_features(made.folder / "train.safetensors")
    labels, count, words = tuple(made.results["labels"]), made.results["train"], made.results["selected_on"]
    if part["shuffle_labels"]:
        features = shuffled_labels(features, count, settings["seed"])
    log(f"{part['name']}: {count} training examples, {len(features)} sequences; the checkpoint is chosen on {words}")

    epochs = part["epochs"]
    if "further_steps_of" in settings:
        like, whole = settings["further_steps_of"], len(units(features, family)) - 1
        epochs += steps_of(like, inputs) / Component(whole, part["batch_size"], 1).steps_per_epoch
        log(f"{part['name']}: {epochs:.3g} epochs, with as many further steps as {like['name']} has")
    if "tokens_of" in settings:
        wanted = len(open_features(inputs[settings["tokens_of"]].folder / "train.safetensors").input_ids)
        epochs *= wanted / len(features.input_ids)
        log(f"{part['name']}: {epochs:.3g} epochs, with as many real tokens as {settings['tokens_of']} has")
    chosen = feature_settings(family, settings["lengths"], labels, part["no_answer"])
    on = _Scorer(importlib.import_module(f"xstilts.families.{family}"), part, chosen, settings["optimisation"])
    dev, rows = _examples(made.folder, "dev")
    reported, _ = _examples(made.folder, "report")
    return TrainingTask(
        data=TrainingData(
            part["name"],
            family,
            features,
            part.get("batch_size"),
            epochs,
            batch_tokens=part.get("batch_tokens"),
            unread_loss=on.module.unread_loss(features, **_contrast(part, features)),
            in_batch=part.get("in_batch"),
        ),
        train_rows=count,
        selected_on=words,
        labels=labels,
        score=lambda model: dev_score(part, on.predict(model, rows, dev), rows),
        report=lambda model: on.report(model, features, *_examples(made.folder, "report")),
        pieces=pieces_of(features.input_ids, dev.input_ids, reported.input_ids),
    )


def _contrast(part: dict[str, Any], features: Features) -> dict[str, int]:
    """Return among how many candidates a query of this training set finds its own: nothing where there are none."""
    if not facts(part["family"]).contrasted:
        return {}
    step = part.get("batch_size") or max(1, round(part["batch_tokens"] / (2 * float(np.mean(lengths(features))))))
    return {"in_batch": min(part["in_batch"] or step, step)}


def _examples(folder: Path, name: str) -> tuple[Features, Rows]:
    return open_features(folder / f"{name}.safetensors"), read_jsonl(folder / f"{name}.jsonl")


@dataclass(frozen=True)
class _Scorer:
    """Predicts rows of one training set with the model as it stands."""

    module: ModuleType
    part: dict[str, Any]
    settings: FeatureSettings
    optimisation: dict[str, Any]

    def predict(self, model: Model, rows: Rows, features: Features) -> Any:
        micro_tokens = self.optimisation["micro_tokens"]
        raw = outputs(model, self.part["name"], self.part["family"], features, micro_tokens)
        return self.module.decode(raw, features, rows, self.settings)

    def report(self, model: Model, trained: Features, features: Features, rows: Rows) -> dict[str, Any]:
        found = self.predict(model, rows, features)
        unread = partial(self.module.unread, trained, rows, self.settings, np.random.default_rng(UNREAD_SEED))
        return {
            "score": dev_score(self.part, found, rows),
            **unread_scores(unread, lambda guesses: dev_score(self.part, guesses, rows), len(rows)),
            "metric": metric_name(self.part),
            "examples": len(rows),
            "collapsed": collapsed(self.part, found, rows),
        }

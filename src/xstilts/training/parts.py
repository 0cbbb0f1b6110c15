"""A training set with labels made ready: its stored features opened, and a way to score a model on its dev examples."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from xstilts.artifacts import Manifest
from xstilts.files import read_jsonl
from xstilts.modeling.model import Model
from xstilts.prediction.forward import outputs
from xstilts.tasks.features import Features, FeatureSettings
from xstilts.tasks.lengths import feature_settings
from xstilts.tasks.stored import open_features
from xstilts.training.dev import collapsed, dev_score, metric_name
from xstilts.training.loop import Part
from xstilts.training.prepared import Prepared

Rows = list[Any]  # normalised rows


def shuffled_labels(features: Features, rows: int, seed: int) -> Features:
    """Return the features with the labels of their rows permuted: the same texts and label counts, nothing to learn."""
    order = np.random.default_rng([seed, rows]).permutation(rows)
    of_row = features.targets["label"][np.searchsorted(features.example, np.arange(rows))]
    return replace(features, targets=features.targets | {"label": of_row[order][features.example]})


def prepare_part(
    part: dict[str, Any], settings: dict[str, Any], inputs: dict[str, Manifest], log: Callable[[str], None]
) -> Prepared:
    """Open one training set with labels.

    Args:
        part: name, family, features, batch size and so on, as the spec has them.
        settings: the spec's settings: seed, lengths, optimisation.
        inputs: the stored features by ``PHASE/NAME``.
        log: takes a line for a person.
    """
    family, made = part["family"], inputs[part["features"]]
    features = open_features(made.folder / "train.safetensors")
    labels, count, words = tuple(made.results["labels"]), made.results["train"], made.results["selected_on"]
    if part["shuffle_labels"]:
        features = shuffled_labels(features, count, settings["seed"])
    log(f"{part['name']}: {count} training examples, {len(features)} sequences; the checkpoint is chosen on {words}")

    chosen = feature_settings(family, settings["lengths"], labels, part["no_answer"])
    on = _Scorer(importlib.import_module(f"xstilts.tasks.{family}"), part, chosen, settings["optimisation"])
    dev, rows = _examples(made.folder, "dev")
    return Prepared(
        part=Part(
            part["name"],
            family,
            features,
            part.get("batch_size"),
            part["epochs"],
            batch_tokens=part.get("batch_tokens"),
        ),
        train_rows=count,
        selected_on=words,
        labels=labels,
        score=lambda model: dev_score(part["name"], family, on.predict(model, rows, dev), rows),
        report=lambda model: on.report(model, *_examples(made.folder, "report")),
    )


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

    def report(self, model: Model, features: Features, rows: Rows) -> dict[str, Any]:
        found = self.predict(model, rows, features)
        name, family = self.part["name"], self.part["family"]
        return {
            "score": dev_score(name, family, found, rows),
            "metric": metric_name(name, family),
            "examples": len(rows),
            "collapsed": collapsed(family, found, rows),
        }

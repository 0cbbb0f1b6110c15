"""Examples of a language after the target's training: a short training a language, its predictions, nothing kept.

The examples come from the language's dev set, the first by a hash of seed and id: so all arms see the same with a seed,
a larger number holds a smaller one, and of translations every language has the same items. No score chooses anything:
passes are fixed, and the weights after the last one predict the test set. The dev set itself is predicted in parts that
take turns, by trainings on examples of the others (k-fold).

A model a language, number of examples, source and seed would be hundreds of encoders that differ little: only their
predictions are written, and a language that is done is not trained again (``prediction.languages``).
"""

import importlib
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.artifacts import Manifest, Product
from xstilts.data.rows.drawn import by_hash
from xstilts.data.rows.evaluated import rows_of
from xstilts.families.facts import facts
from xstilts.families.features import IGNORED, Features, take
from xstilts.families.lengths import feature_settings
from xstilts.modeling.batches import units
from xstilts.modeling.encoder import check_lengths, open_encoder, read_sentence_at
from xstilts.modeling.model import Model, build_model, device
from xstilts.prediction.forward import outputs
from xstilts.prediction.labelled import open_trained
from xstilts.prediction.languages import predict_task
from xstilts.training.loop import Recipe, TrainingData, accumulate, component, copied, restore, step_seed, weights
from xstilts.training.optimiser import build_optimiser, learning_rate
from xstilts.training.parts import HEAD_SEED
from xstilts.training.runtime import machine_settings
from xstilts.training.sampler import schedule

Rows = Sequence[dict[str, Any]]


def predict_after_examples(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Write the prediction files of one task in all its languages, each after a training on examples of its own.

    Args:
        folder: the artifact.
        spec: its ``settings`` are those of a prediction, and ``few_shot``: examples, head, learning_rate, batch_size,
            epochs, folds, optimisation.
        inputs: as of a prediction; ``model`` is an encoder alone where no target was trained before.

    Returns:
        A product; one with a reason where a language has no dev set, or fewer examples in it than are asked for.
    """
    settings = spec["settings"]
    needed = settings["few_shot"]["examples"]
    for role, found in inputs.items():
        if "/" in role and not found.reason:
            there = _labelled(found, settings["family"], settings["limit"])
            if there < needed:
                return Product(reason=f"{role}: found {there} labelled dev examples; expected {needed}")
    return predict_task(folder, spec, inputs)


def _labelled(data: Manifest, family: str, limit: int | None) -> int:
    """Return how many of the dev rows that are evaluated have labels; those of other splits alone are none."""
    if "dev" not in data.results["evaluate"]:
        return 0
    rows = data.results["rows"]["dev"]
    if data.results["labelled"]["dev"] == rows:
        return min(rows, limit or rows)
    return sum(map(facts(family).labelled, rows_of(data, "dev", limit)))


def open_predictor(model_folder: Path, settings: dict[str, Any], below: Path | None = None) -> "FewShot":
    """Load encoder and head, a fresh one where there is none; return what trains and predicts a language."""
    return FewShot(*_open(model_folder, settings, below), settings)


def _open(folder: Path, settings: dict[str, Any], below: Path | None) -> tuple[Model, str, tuple[str, ...]]:
    if (folder / "head.json").is_file():
        model, head = open_trained(folder, settings, below)
        return model, head["name"], tuple(head["labels"])
    encoder = open_encoder(folder)
    check_lengths(encoder, folder, settings["lengths"])
    if "sentence" in settings["few_shot"]:
        read_sentence_at(encoder, folder, settings["few_shot"]["sentence"])
    labels, name = tuple(settings["labels"]), settings["few_shot"]["head"]
    heads = {name: (settings["family"], max(1, len(labels)))}
    model = build_model(encoder, heads, step_seed(settings["seed"], HEAD_SEED), settings["precision"])
    return model.to(device(settings["deterministic"])), name, labels


class FewShot:
    """A model that goes back to what it was before each training."""

    def __init__(self, model: Model, head: str, labels: tuple[str, ...], settings: dict[str, Any]) -> None:
        """Take a model on its device and the settings of the job."""
        self.model, self.head, self.settings = model, head, settings
        self.family, self.own = settings["family"], settings["few_shot"]
        self.module = importlib.import_module(f"xstilts.families.{self.family}")
        self.features = feature_settings(self.family, settings["lengths"], labels, no_answer=False)
        self.before = copied(weights(model))
        model.keep_half()
        # Seconds, steps and tokens of trainings that predict the test sets; those of the folds apart.
        self.work: dict[str, float] = {"steps": 0, "tokens": 0, "padded_tokens": 0}
        self.work |= {"training_seconds": 0.0, "folds_seconds": 0.0}
        self.recipe = Recipe(
            seed=settings["seed"],
            learning_rate=self.own["learning_rate"],
            **machine_settings(),
            **self.own["optimisation"],
        )
        if self.recipe.recompute:
            model.encoder.recompute_activations()

    def __call__(self, folder: Path, language: str, rows: dict[str, Any], features: dict[str, Features]) -> list[str]:
        """Train on the examples of a language and write its files; return their names."""
        dev = rows["dev"]
        order = by_hash(dev, self.settings["seed"])
        trained = self._train(dev, features["dev"], self._first(dev, order))
        for name in ("steps", "tokens", "padded_tokens"):
            self.work[name] += trained[name]
        self.work["training_seconds"] = round(self.work["training_seconds"] + trained["seconds"], 3)
        print(f"{language}: {trained['steps']} steps on {self.own['examples']} examples", file=sys.stderr, flush=True)
        found = {split: self._predict(rows[split], features[split]) for split in rows if split != "dev"}
        found["dev"] = self._by_folds(dev, features["dev"], order)
        names = []
        for split, predictions in found.items():
            names.append(f"{split}-{language}.{facts(self.family).suffix}")
            self.module.write(folder / names[-1], predictions, rows[split])
        return names

    def _first(self, rows: Rows, order: Sequence[int]) -> list[int]:
        """Return the first places of an order whose rows are trained on: of those with labels, as many as are asked."""
        labelled = [place for place in order if facts(self.family).labelled(rows[place])]
        return labelled[: self.own["examples"]]

    def _by_folds(self, dev: Rows, features: Features, order: list[int]) -> list[Any]:
        """Return a prediction for each dev row, by trainings on examples that are not in its fold."""
        began, found = time.monotonic(), [None] * len(dev)
        for fold in folds(order, self.own["folds"]):
            left = set(fold)
            self._train(dev, features, self._first(dev, [place for place in order if place not in left]))
            predicted = self._predict(dev, features)
            for place in fold:
                found[place] = predicted[place]
        self.work["folds_seconds"] = round(self.work["folds_seconds"] + time.monotonic() - began, 3)
        return found

    def _predict(self, rows: Rows, features: Features) -> list[Any]:
        raw = outputs(self.model, self.head, self.family, features, self.settings["micro_tokens"])
        return list(self.module.decode(raw, features, rows, self.features))

    def _train(self, rows: Rows, features: Features, chosen: Sequence[int]) -> dict[str, float]:
        """Train what the model was before on some rows; the last weights stay in it. Returns what it did."""
        began, tokens, padded = time.monotonic(), 0, 0
        restore(self.model, self.before)
        data = TrainingData(
            self.head, self.family, self._examples(rows, features, chosen), self.own["batch_size"], self.own["epochs"]
        )
        bounds = units(data.features, self.family)
        plan = schedule([component(data, bounds)], self.recipe.seed)
        optimiser = build_optimiser(self.model, self.recipe.weight_decay, self.recipe.epsilon)
        for step in range(plan.steps):
            _, batch = plan.batch(step)
            _, read, filled = accumulate(self.model, data, bounds, batch, self.recipe, step)
            tokens, padded = tokens + read, padded + filled
            rate = learning_rate(step, plan.steps, self.recipe.learning_rate, self.recipe.warmup)
            optimiser.step(rate, self.recipe.clip)
        done = {"steps": plan.steps, "tokens": tokens, "padded_tokens": padded}
        return done | {"seconds": time.monotonic() - began}

    def _examples(self, rows: Rows, features: Features, chosen: Sequence[int]) -> Features:
        """Return the sequences of some rows, in their order in the set, with the number of the right answer."""
        wanted = np.flatnonzero(np.isin(features.example, sorted(chosen)))
        part = take(features, wanted)
        number = {label: place for place, label in enumerate(self.features.labels)}
        label = np.full(len(rows), IGNORED, np.int64)
        for place in chosen:
            found = rows[place]["label"]
            label[place] = found if facts(self.family).grouped else number[found]
        return replace(part, targets={"label": label[part.example]})


def folds(order: Sequence[int], count: int) -> list[list[int]]:
    """Divide places into parts of about equal size, by turns; none is empty."""
    return [part for start in range(count) if (part := list(order[start::count]))]

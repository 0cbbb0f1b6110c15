"""A training set made ready: checked, split into what trains and what chooses, featurised, and a way to score it."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from xstilts.artifacts import Manifest
from xstilts.data.purity import check_english
from xstilts.data.selection import Selection, select
from xstilts.data.subset import first
from xstilts.files import read_jsonl
from xstilts.modeling.model import Model
from xstilts.prediction.forward import outputs
from xstilts.tasks.features import Features, FeatureSettings
from xstilts.tasks.lengths import feature_settings
from xstilts.training.dev import collapsed, dev_score, metric_name
from xstilts.training.loop import Part
from xstilts.training.prepared import Prepared

Rows = list[Any]  # normalised rows


def shuffled_labels(rows: Rows, seed: int) -> Rows:
    """Return the rows with their labels permuted: the same texts and label counts, nothing to learn."""
    order = np.random.default_rng([seed, len(rows)]).permutation(len(rows))
    return [row | {"label": rows[other]["label"]} for row, other in zip(rows, order, strict=True)]


def prepare_part(
    part: dict[str, Any],
    settings: dict[str, Any],
    data: dict[str, Manifest],
    tokenizer: Any,
    log: Callable[[str], None],
) -> Prepared:
    """Read, check, split and featurise one training set with labels.

    Args:
        part: name, family, data, labels, batch size and so on, as the spec has them.
        settings: the spec's settings: seed, lengths, selection, optimisation.
        data: manifests by ``DATASET/LANGUAGE``.
        tokenizer: of the encoder.
        log: takes a line for a person.
    """
    family = part["family"]
    module = importlib.import_module(f"xstilts.tasks.{family}")
    selection = settings["selection"]
    english: list[str] = part.get("chosen_on", part["data"])
    dev = {name: _split(data[name], "dev") for name in english}
    picked = [
        divide(name, chosen_on, selection["recipe"], data)
        for name, chosen_on in zip(part["data"], english, strict=True)
    ]
    chosen_on: Rows = [row for found in picked for row in found.dev[: selection["examples"]]]
    words = f"{len(chosen_on)} English examples ({'; '.join(found.note for found in picked)})"
    trained: Rows = first([row for found in picked for row in found.train], part["limit"])
    if part["shuffle_labels"]:
        trained = shuffled_labels(trained, settings["seed"])
    labels = part["labels"]
    if labels == "data":
        labels = sorted({tag for row in trained for tag in row["tags"]})
    chosen = feature_settings(family, settings["lengths"], tuple(labels), part["no_answer"])
    features = module.featurise(trained, tokenizer, chosen)
    reported: Rows = first([row for split in dev.values() for row in split] or chosen_on, selection["report"])
    log(
        f"{part['name']}: {len(trained)} training examples, {len(features)} sequences; "
        f"the checkpoint is chosen on {words}"
    )

    on = _Scorer(module, part, chosen, tokenizer, settings["optimisation"]["micro_tokens"])
    features_of_dev = module.featurise(chosen_on, tokenizer, chosen)
    return Prepared(
        part=Part(
            part["name"],
            family,
            features,
            part.get("batch_size"),
            part["epochs"],
            batch_tokens=part.get("batch_tokens"),
        ),
        train_rows=len(trained),
        selected_on=words,
        labels=tuple(labels),
        score=lambda model: dev_score(part["name"], family, on.predict(model, chosen_on, features_of_dev), chosen_on),
        report=lambda model: on.report(model, reported),
    )


def divide(name: str, english: str, recipe: str, data: dict[str, Manifest]) -> Selection:
    """Return what a data set trains on and the English rows that choose the checkpoint.

    A translation (``name`` in another language) trains on the rows of which the English ones may be trained on: its
    ids are theirs.
    """
    spared = _split(data["xquad/en"], "test") if "xquad/en" in data else []
    rows = _split(data[english], "train")
    check_english(rows, english)
    picked = select(english.partition("/")[0], recipe, rows, _split(data[english], "dev"), spared)
    if name == english:
        return picked
    translated = _split(data[name], "train")
    check_english(translated, name, allowed={name.partition("/")[2]})
    held = {row["id"] for row in rows} - {row["id"] for row in picked.train}
    return replace(picked, train=[row for row in translated if row["id"] not in held])


def _split(manifest: Manifest, split: str) -> Rows:
    return read_jsonl(manifest.folder / f"{split}.jsonl") if split in manifest.results["rows"] else []


@dataclass(frozen=True)
class _Scorer:
    """Predicts rows of one training set with the model as it stands."""

    module: ModuleType
    part: dict[str, Any]
    settings: FeatureSettings
    tokenizer: Any
    micro_tokens: int

    def predict(self, model: Model, rows: Rows, features: Features) -> Any:
        raw = outputs(model, self.part["name"], self.part["family"], features, self.micro_tokens)
        return self.module.decode(raw, features, rows, self.settings)

    def report(self, model: Model, rows: Rows) -> dict[str, Any]:
        found = self.predict(model, rows, self.module.featurise(rows, self.tokenizer, self.settings))
        name, family = self.part["name"], self.part["family"]
        return {
            "score": dev_score(name, family, found, rows),
            "metric": metric_name(name, family),
            "examples": len(rows),
            "collapsed": collapsed(family, found, rows),
        }

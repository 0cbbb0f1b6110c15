"""A training set with labels as features: checked, split into what trains and what chooses the checkpoint."""

import importlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.data.rows.purity import check_english
from xstilts.data.rows.selection import Selection, choosing, select
from xstilts.data.rows.subset import among, first
from xstilts.families.facts import facts
from xstilts.families.features import Features, lengths
from xstilts.families.lengths import feature_settings
from xstilts.families.stored import save_features
from xstilts.featurising.entry import Entry
from xstilts.files import read_jsonl, write_jsonl
from xstilts.modeling.fast_tokenizer import FastTokenizer

Rows = list[Any]  # normalised rows


def entries(settings: dict[str, Any], data: dict[str, Manifest]) -> tuple[list[Entry], str]:
    """Return the training set as one entry, or none and why: all of its data sets must be there."""
    train, dev = (*settings["data"], *settings.get("chosen_on", ())), settings.get("dev", ())
    for name in (*train, *dev):
        if data[name].reason:
            return [], f"{name}: {data[name].reason}"
        split = "train" if name in train else "dev"
        if split not in data[name].results["rows"]:
            return [], f"{name}: no {'training' if split == 'train' else 'dev'} split"
        if data[name].results.get("labelled", {}).get(split) == 0:
            return [], f"{name}: no labels in {split}"
    return [Entry("train", settings, tuple(data), lambda made: f"{made['train']} rows")], ""


def make(folder: Path, settings: dict[str, Any], inputs: dict[str, Manifest], tokenizer: FastTokenizer) -> Product:
    """Write the features that train, those that choose the checkpoint and those of the report.

    The rows of the latter two, which all have labels, are written too, for the scores. Results: rows that train, the
    labels in the order of the head's outputs, and in words what the checkpoint is chosen on.
    """
    family, selection = settings["family"], settings["selection"]
    featurise = importlib.import_module(f"xstilts.families.{family}").featurise
    english: list[str] = settings.get("chosen_on", settings["data"])
    dev = {name: _dev(inputs[name], family) for name in english}
    picked = [
        divide(name, chosen_on, selection["recipe"], inputs, settings["spared"], family)
        for name, chosen_on in zip(settings["data"], english, strict=True)
    ]
    own = list({name: (found.dev, found.note) for name, found in zip(english, picked, strict=True)}.values())
    others = [(_dev(inputs[name], family), f"{name.partition('/')[0]} dev") for name in settings.get("dev", ())]
    chosen_on, which = choosing(others or own, selection["examples"])
    spread: list[str] = settings.get("spread", [])
    rows = [row for found in picked for row in found.train if not spread or row["language"] == among(row, spread)]
    trained: Rows = first(rows, settings["limit"])
    reported: Rows = first([row for split in dev.values() for row in split] or chosen_on, selection["report"])
    labels = settings["labels"]
    if labels == "data":
        labels = sorted({tag for row in trained for tag in row["tags"]})
    chosen = feature_settings(family, settings["lengths"], tuple(labels), settings["no_answer"])

    features = featurise(trained, tokenizer, chosen)
    save_features(_for_training(features), folder / "train.safetensors")
    for name, rows in (("dev", chosen_on), ("report", reported)):
        save_features(replace(featurise(rows, tokenizer, chosen), targets={}), folder / f"{name}.safetensors")
        write_jsonl(folder / f"{name}.jsonl", rows)
    words = f"{len(chosen_on)} English examples ({which})"
    files = ["train.safetensors", "dev.safetensors", "dev.jsonl", "report.safetensors", "report.jsonl"]
    full = Counter(trained[place]["language"] for place in features.example[lengths(features) >= chosen.max_length])
    counts = {"train": len(trained), "at_limit": dict(sorted(full.items()))}  # sequences that may have been cut
    return Product(files, counts | {"labels": list(labels), "selected_on": words})


def _for_training(features: Features) -> Features:
    """Return what a forward and a backward pass read: not what answers are found with."""
    return replace(features, context={name: values for name, values in features.context.items() if name == "segment"})


def divide(
    name: str, english: str, recipe: str, data: dict[str, Manifest], spared: list[str], family: str
) -> Selection:
    """Return what a data set trains on and the English rows that choose the checkpoint.

    A translation (``name`` in another language) trains on the rows of which the English ones may be trained on: its
    ids are theirs. The passages of ``spared`` data sets choose nothing, nor do dev rows without a label.
    """
    scored = [row for other in spared for row in _split(data[other], "test")]
    rows = _split(data[english], "train")
    check_english(rows, english)
    picked = select(english.partition("/")[0], recipe, rows, _dev(data[english], family), scored)
    if name == english:
        return picked
    translated = _split(data[name], "train")
    check_english(translated, name, allowed={name.partition("/")[2]})
    held = {row["id"] for row in rows} - {row["id"] for row in picked.train}
    return replace(picked, train=[row for row in translated if row["id"] not in held])


def _dev(manifest: Manifest, family: str) -> Rows:
    """Return the dev rows that can be scored: a file of a user's own may have others, and no model is right on those.

    Where no row can be, there is no dev set.
    """
    return [row for row in _split(manifest, "dev") if facts(family).labelled(row)]


def _split(manifest: Manifest, split: str) -> Rows:
    return read_jsonl(manifest.folder / f"{split}.jsonl") if split in manifest.results["rows"] else []

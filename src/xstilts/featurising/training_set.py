"""A training set with labels as features: checked, split into what trains and what chooses the checkpoint."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.data.purity import check_english
from xstilts.data.selection import Selection, select
from xstilts.data.subset import first
from xstilts.featurising.piece import Piece
from xstilts.files import read_jsonl, write_jsonl
from xstilts.modeling.fast_tokenizer import FastTokenizer
from xstilts.tasks.features import Features
from xstilts.tasks.lengths import feature_settings
from xstilts.tasks.stored import save_features

Rows = list[Any]  # normalised rows


def pieces(settings: dict[str, Any], data: dict[str, Manifest]) -> tuple[list[Piece], str]:
    """Return the training set as one piece, or none and why: all of its data sets must be there."""
    for name in (*settings["data"], *settings.get("chosen_on", ())):
        if data[name].reason:
            return [], f"{name}: {data[name].reason}"
        if "train" not in data[name].results["rows"]:
            return [], f"{name}: no training split"
    return [Piece("train", settings, tuple(data), lambda made: f"{made['train']} rows")], ""


def make(folder: Path, settings: dict[str, Any], inputs: dict[str, Manifest], tokenizer: FastTokenizer) -> Product:
    """Write the features that train, those that choose the checkpoint and those of the report.

    The rows of the latter two are written too, for the scores. Results: rows that train, the labels in the order of
    the head's outputs, and in words what the checkpoint is chosen on.
    """
    family, selection = settings["family"], settings["selection"]
    featurise = importlib.import_module(f"xstilts.tasks.{family}").featurise
    english: list[str] = settings.get("chosen_on", settings["data"])
    dev = {name: _split(inputs[name], "dev") for name in english}
    picked = [
        divide(name, chosen_on, selection["recipe"], inputs, settings["spared"])
        for name, chosen_on in zip(settings["data"], english, strict=True)
    ]
    chosen_on: Rows = [row for found in picked for row in found.dev[: selection["examples"]]]
    trained: Rows = first([row for found in picked for row in found.train], settings["limit"])
    reported: Rows = first([row for split in dev.values() for row in split] or chosen_on, selection["report"])
    labels = settings["labels"]
    if labels == "data":
        labels = sorted({tag for row in trained for tag in row["tags"]})
    chosen = feature_settings(family, settings["lengths"], tuple(labels), settings["no_answer"])

    save_features(_for_training(featurise(trained, tokenizer, chosen)), folder / "train.safetensors")
    for name, rows in (("dev", chosen_on), ("report", reported)):
        save_features(replace(featurise(rows, tokenizer, chosen), targets={}), folder / f"{name}.safetensors")
        write_jsonl(folder / f"{name}.jsonl", rows)
    words = f"{len(chosen_on)} English examples ({'; '.join(found.note for found in picked)})"
    files = ["train.safetensors", "dev.safetensors", "dev.jsonl", "report.safetensors", "report.jsonl"]
    return Product(files, {"train": len(trained), "labels": list(labels), "selected_on": words})


def _for_training(features: Features) -> Features:
    """Return what a forward and a backward pass read: not what answers are found with."""
    return replace(features, context={name: values for name, values in features.context.items() if name == "segment"})


def divide(name: str, english: str, recipe: str, data: dict[str, Manifest], spared: list[str]) -> Selection:
    """Return what a data set trains on and the English rows that choose the checkpoint.

    A translation (``name`` in another language) trains on the rows of which the English ones may be trained on: its
    ids are theirs. The passages of ``spared`` data sets choose nothing.
    """
    scored = [row for other in spared for row in _split(data[other], "test")]
    rows = _split(data[english], "train")
    check_english(rows, english)
    picked = select(english.partition("/")[0], recipe, rows, _split(data[english], "dev"), scored)
    if name == english:
        return picked
    translated = _split(data[name], "train")
    check_english(translated, name, allowed={name.partition("/")[2]})
    held = {row["id"] for row in rows} - {row["id"] for row in picked.train}
    return replace(picked, train=[row for row in translated if row["id"] not in held])


def _split(manifest: Manifest, split: str) -> Rows:
    return read_jsonl(manifest.folder / f"{split}.jsonl") if split in manifest.results["rows"] else []

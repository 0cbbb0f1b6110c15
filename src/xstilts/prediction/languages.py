"""All languages of a task with one loaded model; a language that is done already costs nothing."""

import importlib
import sys
import time
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product, hash_of
from xstilts.data.evaluated import rows_of, splits_of
from xstilts.errors import DataError
from xstilts.files import read_json, sha256, write_json
from xstilts.tasks.stored import open_features

DONE = ".languages.json"  # what each finished language was made from, beside its files


def predict_task(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Write the prediction files of one task in all its languages.

    A language is keyed by the model's weights, its data, their features and the decoding, not by the list of languages,
    and is recorded as soon as it is done: a further language, or going on after a crash, costs its own forward passes
    only. What was done for a language that is not asked for this time is kept too.

    Args:
        folder: the artifact.
        spec: its ``settings`` hold task, family, splits, languages, limit, lengths, labels and micro_tokens.
        inputs: ``model``, ``features`` of the task, and the data sets by ``DATASET/LANGUAGE``.
    """
    settings = spec["settings"]
    model, features = inputs["model"], inputs["features"]
    data = {role.partition("/")[2]: found for role, found in inputs.items() if "/" in role}
    if model.reason:
        return Product(reason=model.reason)
    shared = {name: value for name, value in settings.items() if name != "languages"}
    stored = {
        code: {split: f"{split}-{code}.safetensors" for split in splits_of(data[code], settings)} for code in data
    }
    hashes = {name: entry["sha256"] for name, entry in features.content["files"].items()}
    key = {
        code: hash_of(
            [spec["code"], shared, model.digest, found.digest, [hashes[name] for name in stored[code].values()]]
        )
        for code, found in data.items()
    }
    done = _done_before(folder / DONE)
    stands = {code for code in data if _stands(folder, done.get(code), key[code])}
    waiting = [code for code, found in data.items() if code not in stands and not found.reason]
    waiting.sort(key=lambda code: -sum(data[code].results["rows"].values()))
    if waiting:
        model.check()
        predictor = importlib.import_module(predicting_module(settings["family"]))
        predict = predictor.open_predictor(model.folder, settings)
    began, examples = time.monotonic(), 0
    for code in waiting:
        data[code].check()
        features.check([*stored[code].values()])
        rows = {split: rows_of(data[code], split, settings["limit"]) for split in stored[code]}
        opened = {split: open_features(features.folder / name) for split, name in stored[code].items()}
        names = predict(folder, code, rows, opened)
        done[code] = {"key": key[code], "files": {name: sha256(folder / name) for name in names}}
        write_json(folder / DONE, {"languages": done, "seal": hash_of(done)})
        examples += sum(map(len, rows.values()))
        print(f"{code}: {sum(map(len, rows.values()))} examples", file=sys.stderr, flush=True)
    print(f"{len(waiting)} of {len(data)} languages needed forward passes", file=sys.stderr, flush=True)
    languages = {code: {"reason": found.reason, "splits": [*stored[code]]} for code, found in data.items()}
    files = [name for code, found in data.items() if not found.reason for name in done[code]["files"]]
    if not files:
        return Product(reason="; ".join(sorted({found.reason or "" for found in data.values()})))
    work = {"languages": len(waiting), "examples": examples, "seconds": round(time.monotonic() - began, 3)}
    return Product(files, {"languages": languages}, work=work)


def predicting_module(family: str) -> str:
    """Return the dotted name of the module that predicts tasks of a family."""
    return f"xstilts.prediction.{'retrieval' if family == 'retrieval' else 'labelled'}"


def opened_by_name(family: str) -> tuple[str, ...]:
    """Return the modules that a prediction imports by a string: they belong to its code too."""
    return predicting_module(family), f"xstilts.tasks.{family}"


def _done_before(path: Path) -> dict[str, Any]:
    """Read which languages are done; without an undamaged record none is."""
    try:
        found = read_json(path)
    except DataError:
        return {}
    whole = isinstance(found, dict) and found.get("seal") == hash_of(found.get("languages"))
    return found["languages"] if whole else {}


def _stands(folder: Path, entry: dict[str, Any] | None, key: str) -> bool:
    """Say whether a language's files were made from the same things and are still what they were."""
    if entry is None or entry["key"] != key:
        return False
    return all((folder / name).is_file() and sha256(folder / name) == digest for name, digest in entry["files"].items())

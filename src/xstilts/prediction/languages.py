"""All languages of a task with one loaded model; a language that is done already costs nothing."""

import importlib
import sys
import time
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product, entries, hash_of, made_before, remember
from xstilts.data.rows.evaluated import rows_of, splits_of
from xstilts.families.facts import facts
from xstilts.families.stored import open_features
from xstilts.files import link_file

RECEIPT = ".receipt-{}.json"  # of a language, beside its files


def predict_task(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Write the prediction files of one task in all its languages.

    A language is keyed by the model's weights, its data, their features and the decoding, not by the list of languages,
    and is recorded as soon as it is done: a further language, or going on after a crash, costs its own forward passes
    only. What was done for a language that is not asked for this time is kept too. The work of a product is that of all
    its languages, whichever attempt did it; what was taken over from ``like`` is the work of that.

    Args:
        folder: the artifact.
        spec: its ``settings`` hold task, family, splits, languages, limit, lengths, labels and micro_tokens.
        inputs: ``model``; where that is adapters, ``below``, the encoder below them; ``features`` of the task, the data
            sets by ``DATASET/LANGUAGE``, ``index`` where the task has candidates, ``shots`` where a decoder reads some;
            ``like``, predictions that may be of the same weights: whatever has a language's key is taken over.
    """
    settings = spec["settings"]
    model, below, features = inputs["model"], inputs.get("below"), inputs["features"]
    data = {role.partition("/")[2]: found for role, found in inputs.items() if "/" in role}
    index = {role: inputs[role] for role in ("index", "shots") if role in inputs}
    for found in (model, *index.values()):
        if found.reason:
            return Product(reason=found.reason)
    shared = {name: value for name, value in settings.items() if name != "languages"}
    stored = {
        code: {split: f"{split}-{code}.safetensors" for split in splits_of(data[code], settings)} for code in data
    }
    weights = hash_of([model.digest, below.digest]) if below else model.digest
    hashes = {name: entry["sha256"] for name, entry in features.content["files"].items()}
    key = {
        code: hash_of(
            [spec["code"], shared, weights, found.digest, [hashes[name] for name in stored[code].values()]]
            + [one.digest for one in index.values()]
        )
        for code, found in data.items()
    }
    asked = [code for code, found in data.items() if not found.reason]
    done = {code: made_before(folder / RECEIPT.format(code), key[code]) for code in asked}
    if like := inputs.get("like"):
        done |= {code: _taken_over(like.folder, folder, code, key[code]) for code, found in done.items() if not found}
    waiting = [code for code, found in done.items() if found is None]
    waiting.sort(key=lambda code: -sum(data[code].results["rows"].values()))
    if waiting:
        for one in (model, below):
            if one:
                one.check()
        predictor = importlib.import_module(
            f"xstilts.{settings.get('predictor') or facts(settings['family']).prediction}"
        )
        predict = predictor.open_predictor(model.folder, settings, below and below.folder, **index)
    began, did = time.monotonic(), dict[str, float](examples=0)
    for code in waiting:
        started, before = time.monotonic(), dict(did)
        data[code].check()
        features.check([*stored[code].values()])
        rows = {split: rows_of(data[code], split, settings["limit"]) for split in stored[code]}
        opened = {split: open_features(features.folder / name) for split, name in stored[code].items()}
        names = predict(folder, code, rows, opened)
        made = entries(folder, names)
        did = getattr(predict, "work", {}) | {"examples": before["examples"] + sum(map(len, rows.values()))}
        took = {name: round(value - before.get(name, 0), 3) for name, value in did.items()}
        took["seconds"] = round(time.monotonic() - started, 3)
        done[code] = remember(folder / RECEIPT.format(code), {"key": key[code], "files": made, "work": took})
        print(f"{code}: {sum(map(len, rows.values()))} examples", file=sys.stderr, flush=True)
    print(f"{len(waiting)} of {len(data)} languages needed forward passes", file=sys.stderr, flush=True)
    languages = {code: {"reason": found.reason, "splits": [*stored[code]]} for code, found in data.items()}
    files = [name for found in done.values() if found for name in found.content["files"]]
    if not files:
        return Product(reason="; ".join(sorted({found.reason or "" for found in data.values()})))
    spent = [found.content.get("work", {}) for code, found in done.items() if found and code not in waiting]
    earlier = sum(one.get("seconds", 0) for one in spent)  # of earlier attempts, whose languages are not made again
    work: dict[str, Any] = {"languages": len(waiting), "seconds": round(time.monotonic() - began + earlier, 3)}
    for name in dict.fromkeys([*did, *(name for one in spent for name in one if name != "seconds")]):
        work[name] = round(did.get(name, 0) + sum(one.get(name, 0) for one in spent), 3)
    return Product(files, {"languages": languages}, work=work)


def _taken_over(other: Path, folder: Path, code: str, key: str) -> Manifest | None:
    """Make the files of a language another artifact's, as links where the disk can, if they are of the same key."""
    found = made_before(other / RECEIPT.format(code), key)
    if found is None:
        return None
    for name in found.content["files"]:
        link_file(other / name, folder / name)
    return remember(folder / RECEIPT.format(code), {"key": key, "files": found.content["files"]})

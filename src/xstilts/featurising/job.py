"""The featurising of one training set or one task: what no run has made yet is made, the rest is in the store.

The store keys each entry by everything that its bytes depend on: the tokenizer's files, the data, the settings and the
code. So runs, sources, seeds and learning rates share it, and a further language of a task costs its own texts only.
A run's own artifact has the entries' files under second names.
"""

import importlib
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from xstilts.artifacts import BEGUN, Manifest, Product, key_of, made_before, produce
from xstilts.featurising.entry import Entry
from xstilts.files import link_file, write_json
from xstilts.modeling.fast_tokenizer import TOKENIZER_FILES, FastTokenizer, open_tokenizer


def tokenizer_files(encoder: Manifest) -> list[Path]:
    """Return the files of an encoder's tokenizer: of all its files the only ones that features depend on.

    Raises:
        UserError: they were dropped. DataError: one of them differs from its hash.
    """
    names = [name for name in TOKENIZER_FILES if name in encoder.content["files"]]
    encoder.check(names)
    return [encoder.folder / name for name in names]


def featurise(folder: Path, spec: dict[str, Any], data: dict[str, Manifest], encoder: Manifest, store: Path) -> Product:
    """Featurise a training set or the evaluation data of a task with an encoder's tokenizer.

    Args:
        folder: the artifact; gets the files of its entries, as links where the disk can.
        spec: its ``settings`` hold ``kind``, the module of this room that featurises, ``family``, and what that needs.
        data: the data sets by ``DATASET/LANGUAGE``.
        encoder: whose tokenizer it is.
        store: the folder of the features that all runs share.

    Returns:
        A product with the results of the entries; one with a reason when there is no encoder or nothing to featurise.
    """
    if encoder.reason:
        return Product(reason=encoder.reason)
    files, settings = tokenizer_files(encoder), spec["settings"]
    module = importlib.import_module(f"xstilts.featurising.{settings['kind']}")
    entries, reason = module.entries(settings, data)
    if not entries:
        return Product(reason=reason)
    tokenizer = cache(partial(open_tokenizer, encoder.folder))
    names: list[str] = []
    results: dict[str, Any] = {}
    for entry in entries:
        made = stored(store, entry, spec["code"], data, files, tokenizer, module.make)
        for name in made.content["files"]:
            link_file(made.folder / name, folder / name)
        names += made.content["files"]
        results[entry.name] = made.results
    if settings["kind"] == "evaluation":
        return Product(names, {"languages": results})
    only = results[entries[0].name]
    return Product(names, only, relied_on=tuple(sorted(only)))


def stored(
    store: Path,
    entry: Entry,
    code: str,
    data: dict[str, Manifest],
    tokenizer_files: list[Path],
    tokenizer: Callable[[], FastTokenizer],
    make: Callable[..., Product],
) -> Manifest:
    """Return an entry of the store; it is made when it is not there, or not whole."""
    read = {role: data[role] for role in entry.data}
    spec = {"rule": "featurise", "wildcards": [], "settings": entry.settings, "code": code}
    key = key_of(spec, read, tokenizer_files)
    place, words = store / key[:32], "in the store"
    being_made = (place / BEGUN).is_file()  # or who made it was killed
    found = None if being_made else made_before(place / "manifest.json", key)  # no lock: it may be somebody else's
    if found is None:
        write_json(place / "spec.json", spec)
        found = produce(
            place / "manifest.json",
            place / "spec.json",
            {role: found.path for role, found in read.items()},
            partial(_make, make, tokenizer),
            tokenizer_files,
        )
        words = "tokenised"
    print(f"{entry.name}: {words}, {entry.words(found.results)}", file=sys.stderr, flush=True)
    return found


def _make(
    make: Callable[..., Product],
    tokenizer: Callable[[], FastTokenizer],
    folder: Path,
    spec: dict[str, Any],
    inputs: dict[str, Manifest],
) -> Product:
    for found in inputs.values():
        found.check()
    return make(folder, spec["settings"], inputs, tokenizer())

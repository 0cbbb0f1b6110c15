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

from xstilts.artifacts import BEGUN, Manifest, Product, hash_of, produce, read_manifest
from xstilts.errors import DataError
from xstilts.featurising.piece import Piece
from xstilts.files import link_file, sha256, write_json
from xstilts.modeling.fast_tokenizer import TOKENIZER_FILES, FastTokenizer, open_tokenizer


def opened_by_name(kind: str, family: str) -> tuple[str, ...]:
    """Return the modules that a job imports by a string: they belong to its code too."""
    return f"xstilts.featurising.{kind}", f"xstilts.tasks.{family}"


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
        folder: the artifact; gets the files of its pieces, as links where the disk can.
        spec: its ``settings`` hold ``kind``, the module of this room that featurises, ``family``, and what that needs.
        data: the data sets by ``DATASET/LANGUAGE``.
        encoder: whose tokenizer it is.
        store: the folder of the features that all runs share.

    Returns:
        A product with the results of the pieces; one with a reason when there is no encoder or nothing to featurise.
    """
    if encoder.reason:
        return Product(reason=encoder.reason)
    files, settings = tokenizer_files(encoder), spec["settings"]
    module = importlib.import_module(opened_by_name(settings["kind"], settings["family"])[0])
    pieces, reason = module.pieces(settings, data)
    if not pieces:
        return Product(reason=reason)
    tokenizer = cache(partial(open_tokenizer, encoder.folder))
    names: list[str] = []
    results: dict[str, Any] = {}
    for piece in pieces:
        entry = stored(store, piece, spec["code"], data, files, tokenizer, module.make)
        for name in entry.content["files"]:
            link_file(entry.folder / name, folder / name)
        names += entry.content["files"]
        results[piece.name] = entry.results
    if settings["kind"] == "evaluation":
        return Product(names, {"languages": results})
    only = results[pieces[0].name]
    return Product(names, only, relied_on=tuple(sorted(only)))


def stored(
    store: Path,
    piece: Piece,
    code: str,
    data: dict[str, Manifest],
    tokenizer_files: list[Path],
    tokenizer: Callable[[], FastTokenizer],
    make: Callable[..., Product],
) -> Manifest:
    """Return the store's entry of a piece; it is made when it is not there, or not whole."""
    read = {role: data[role] for role in piece.data}
    own = {path.name: sha256(path) for path in tokenizer_files}
    spec = {"rule": "featurise", "wildcards": [], "settings": piece.settings, "code": code}
    place = store / hash_of([spec, {role: found.digest for role, found in read.items()}, own])[:32]
    entry, words = _whole(place), "in the store"
    if entry is None:
        write_json(place / "spec.json", spec)
        entry = produce(
            place / "manifest.json",
            place / "spec.json",
            {role: found.path for role, found in read.items()},
            partial(_make, make, tokenizer),
            tokenizer_files,
        )
        words = "tokenised"
    print(f"{piece.name}: {words}, {piece.words(entry.results)}", file=sys.stderr, flush=True)
    return entry


def _whole(place: Path) -> Manifest | None:
    """Return an entry of the store when it is finished and all its files have their hashes."""
    if (place / BEGUN).is_file():
        return None  # it is being made, or who made it was killed
    try:
        entry = read_manifest(place / "manifest.json")
        entry.check()
    except DataError:
        return None
    return entry


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

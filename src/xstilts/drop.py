"""Weights that are no longer needed: dropped to make room, and forgotten so that they are trained again on request.

A dropped model's manifest stays, with its hashes and results, and says which files are gone. Nothing that was made
from the model is out of date by that; a job that wants the files is refused with the command that brings them back.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from xstilts.artifacts import RECEIPT, Manifest, read_manifest, remember
from xstilts.errors import UserError
from xstilts.files import check_names, dump_json, replacing
from xstilts.locks import only_writer

STAY = ("config.json", "head.json", "history.json")  # small, and read by tables and figures
MARKER = "dropped.json"  # the workflow's own file: this model was dropped


def drop(manifest: Path, users: Sequence[Path]) -> int:
    """Remove a model's weights and tokenizer and say so in its manifest; return the bytes that this freed.

    The manifest keeps its date: for the workflow nothing has changed.

    Args:
        manifest: of the model.
        users: manifests of everything that is made from it.

    Raises:
        UserError: one of the users was made from other weights.
    """
    folder = manifest.parent
    with only_writer(folder):
        found = read_manifest(manifest)
        for path in users:
            made_from = {entry["digest"] for entry in read_manifest(path).content["inputs"].values()}
            if found.digest not in made_from:
                raise UserError(f"{path}: was not made from {manifest}; its weights stay")
        names = [name for name in found.content["files"] if name not in STAY]
        if names and not found.dropped:
            receipt = remember(folder / RECEIPT, found.content | {"dropped": names})
            _rewrite(manifest, dump_json(receipt.content))
        freed = sum(found.content["files"][name]["bytes"] for name in names)
        for name in names:  # the manifest came first: whoever misses a file can read why
            (folder / name).unlink(missing_ok=True)
        return freed


def _rewrite(path: Path, text: str) -> None:
    date = path.stat().st_mtime_ns
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")
        os.utime(beside, ns=(date, date))


def check_kept(path: Path) -> Manifest:
    """Read a manifest and check all files that it still has, also while its weights are being dropped."""
    found = read_manifest(path)
    try:
        found.check_kept()
    except UserError:
        again = read_manifest(path)
        if again.content == found.content:
            raise
        again.check_kept()
        return again
    return found


def forget(manifest: Path) -> list[Path]:
    """Make the workflow train a dropped model again: remove its manifest, and those of dropped models that it needs.

    Returns:
        The manifests that were removed, in the order in which they are made again.

    Raises:
        UserError: the model was not dropped.
    """
    found = read_manifest(manifest)
    if not found.dropped:
        raise UserError(f"{manifest.parent}: its weights were not dropped; nothing is to be restored")
    before: list[Path] = []
    inputs, tried = found.content["inputs"], found.content["spec"]["settings"].get("candidates", {})
    # The files of a choice of a rate are those of the training that it took.
    chosen = [source for source, rate in tried.items() if rate == found.results.get("learning_rate")]
    for encoder in (inputs[role] for role in ("encoder", "model", "below", *chosen) if role in inputs):
        check_names(manifest, [encoder["manifest"].removeprefix("/")])
        started_from = Path(encoder["manifest"])
        if started_from.is_file() and read_manifest(started_from).dropped:
            before += forget(started_from)
    with only_writer(manifest.parent):
        for name in (RECEIPT, MARKER, manifest.name):
            (manifest.parent / name).unlink(missing_ok=True)
    return [*before, manifest]

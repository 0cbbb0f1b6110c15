"""Checkpoints of a training: whole or not at all, hashed, the last two kept, a damaged one passed over with a word."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.files import read_json, sha256, sync, write_json
from xstilts.tensors import save_tensors

KEPT = 2
NAME = re.compile(r"step-(\d{8,})")


def save(folder: Path, tensors: dict[str, dict[str, Any]], state: dict[str, Any]) -> None:
    """Write a checkpoint below ``folder``.

    Args:
        folder: the training's checkpoint folder.
        tensors: file stem -> tensors by name (``model``, ``optimiser``, ``best``), stored as safetensors.
        state: everything else, as JSON; ``step``, the optimiser steps done, names the checkpoint.

    Raises:
        OSError: the disk is full, read-only or the like; it names the file, and nothing is left of the checkpoint.
    """
    step = state["step"]
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".step-{step:08d}.part"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        for stem, named in tensors.items():
            save_tensors(named, beside / f"{stem}.safetensors")
        write_json(beside / "state.json", state)
        write_json(beside / "manifest.json", {path.name: sha256(path) for path in sorted(beside.iterdir())})
        final = folder / f"step-{step:08d}"
        shutil.rmtree(final, ignore_errors=True)  # a damaged one
        beside.replace(final)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    sync(folder)
    for old in steps(folder)[:-KEPT]:
        shutil.rmtree(folder / f"step-{old:08d}", ignore_errors=True)


def steps(folder: Path) -> list[int]:
    """Return the steps of the whole checkpoints in ``folder``, oldest first."""
    named = (NAME.fullmatch(path.name) for path in folder.glob("step-*") if path.is_dir())
    return sorted(int(found[1]) for found in named if found)  # what else lies there is not ours


def latest(folder: Path, log: Callable[[str], None]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]] | None:
    """Return (tensors, state) of the newest checkpoint whose hashes match, or None; each damaged one is named."""
    from safetensors.torch import load_file

    for step in reversed(steps(folder)):
        path = folder / f"step-{step:08d}"
        try:
            hashes = read_json(path / "manifest.json")
            damaged = [name for name, digest in hashes.items() if sha256(path / name) != digest]
        except (OSError, DataError, AttributeError) as error:
            log(f"checkpoint {path.name} cannot be read ({error}): passed over")
            continue
        if damaged:
            log(f"checkpoint {path.name} is damaged ({', '.join(damaged)} differs from its hash): passed over")
            continue
        tensors = {Path(name).stem: load_file(path / name) for name in hashes if name.endswith(".safetensors")}
        return tensors, read_json(path / "state.json")
    return None

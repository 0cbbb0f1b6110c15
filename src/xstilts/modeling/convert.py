"""Pickled weights to safetensors: an encoder that has only ``pytorch_model.bin``, once, on a person's request."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

from xstilts.data.fetching.hub import fetch, resolve
from xstilts.errors import UserError
from xstilts.files import check_there, copy_file, sha256
from xstilts.modeling.check import check_encoder
from xstilts.modeling.fast_tokenizer import TOKENIZER_FILES
from xstilts.modeling.unpickle import REFUSED

PICKLED = ("pytorch_model.bin", "pytorch_model-*-of-*.bin")
BESIDE = ("config.json", *TOKENIZER_FILES)
SOURCE = Path(__file__).parents[2]  # what the other process imports this package from


def convert(place: str, dest: Path, revision: str | None, say: Callable[[str], None]) -> dict[str, str]:
    """Write an encoder as a folder with safetensors, its configuration and its tokenizer, checked.

    Args:
        place: a folder, or a repository of the Hub.
        dest: the folder to make.
        revision: of the repository; None: its main branch.
        say: takes a line of progress.

    Returns:
        The SHA-256 of each file that was read and of ``model.safetensors``.

    Raises:
        UserError: ``dest`` is there already; there are no pickled weights, or more than weights in them; the encoder
            is none that a run can use.
    """
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise UserError(f"{dest}: is there already; expected a folder to be made")
    dest.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=dest.parent, prefix=f".{dest.name}.") as name:
        work = Path(name)
        files = _files(place, work / "read", revision, say)
        pickled = [path for path in files if any(fnmatchcase(path.name, pattern) for pattern in PICKLED)]
        if not pickled:
            raise UserError(f"{place}: found no pytorch_model.bin; expected pickled weights to convert")
        made = work / "made"
        made.mkdir()
        for path in files:
            if path not in pickled:
                copy_file(path, made / path.name)
        _unpickle(place, made / "model.safetensors", pickled)
        check_encoder(made)
        digests = {path.name: sha256(path) for path in [*pickled, made / "model.safetensors"]}
        if dest.is_dir():
            dest.rmdir()
        made.rename(dest)
    return digests


def _files(place: str, work: Path, revision: str | None, say: Callable[[str], None]) -> list[Path]:
    """Return the files that are read, fetched where the place is a repository."""
    folder = Path(place).expanduser()
    if folder.is_dir():
        found = [path for path in sorted(folder.iterdir()) if _is_wanted(path.name)]
        for path in found:
            check_there(path)
        return found
    if place.startswith(("/", ".", "~")) or folder.exists():
        raise UserError(f"{place}: found no such folder; expected one with an encoder, or a repository of the Hub")
    pin = resolve(place, "model", ["config.json"], revision, say, optional=(*PICKLED, *BESIDE))
    say(f"{place} at commit {pin.commit}")
    return fetch(pin, "model", list(pin.files), work, say)


def _is_wanted(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in (*PICKLED, *BESIDE))


def _unpickle(place: str, target: Path, files: list[Path]) -> None:
    """Have another process open the files: no network, none of this one's variables, the folder of the result alone."""
    variables = {"PATH": os.defpath, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    places = (str(path.resolve()) for path in (target, *files))
    command = [sys.executable, "-m", "xstilts.modeling.unpickle", *places]
    ended = subprocess.run(command, cwd=target.parent, env=variables, capture_output=True, text=True)
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"ended with {ended.returncode}"]
        if ended.returncode != REFUSED:
            raise UserError(f"{place}: the process that opens its weights failed: {lines[-1]}")
        raise UserError(f"{place}: {lines[-1]}")

"""A pretrained encoder from a folder or the Hub into a run: configuration, safetensors and tokenizer, nothing else."""

import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from xstilts.artifacts import WORK, Manifest, Product
from xstilts.data import lock
from xstilts.data.hub import fetch, resolve
from xstilts.data.lock import Pin
from xstilts.errors import UserError
from xstilts.files import copy_file, sha256
from xstilts.modeling.fast_tokenizer import TOKENIZER_FILES

WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors", "model.safetensors.index.json")
WANTED = ("config.json", *WEIGHTS, *TOKENIZER_FILES)
CONVERSION = (  # one line of Python, for a folder that holds PyTorch's own format
    "import glob, safetensors.torch, torch; "
    "w = {k: v.clone() for p in sorted(glob.glob('pytorch_model*.bin')) "
    "for k, v in torch.load(p, map_location='cpu', weights_only=True).items()}; "
    "safetensors.torch.save_file(w, 'model.safetensors', {'format': 'pt'})"
)


def wanted_files(folder: Path, more: Sequence[str] = ()) -> list[Path]:
    """Return the files of an encoder's folder that a run takes over; a target's head is none of them."""
    return sorted({path for pattern in (*WANTED, *more) for path in folder.glob(pattern)})


def origin(weights: str, revision: str | None) -> dict[str, Any]:
    """Return where an encoder comes from, as a spec holds it.

    A repository of the Hub is read at the commit that config/lock.yaml pins, with the hash of each file, unless the
    configuration asks for another revision.
    """
    pin = None if Path(weights).expanduser().is_dir() else lock.pinned(weights)
    if pin is None or revision not in (None, pin.commit):
        return {"weights": weights, "revision": revision}
    return {"weights": weights, "revision": pin.commit, "files": dict(pin.files)}


def fetch_encoder(
    folder: Path,
    weights: str,
    revision: str | None,
    files: dict[str, str] | None = None,
    more: Sequence[str] = (),
) -> Product:
    """Bring an encoder into ``folder``.

    Args:
        folder: the artifact.
        weights: a folder, or a Hub identifier such as ``FacebookAI/xlm-roberta-base``.
        revision: commit, tag or branch of a Hub repository; None: its main branch.
        files: {name: SHA-256} as pinned of that commit; without it the Hub's own hashes of this moment are checked.
        more: names of further files that are wanted where they are.

    Raises:
        UserError: there is neither such a folder nor such a repository, or it has no safetensors.
        PinMismatch: the Hub has other bytes under a pinned name.
    """
    source = Path(weights).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        names = [path.name for path in wanted_files(source, more)]
        _check_names(weights, names)
        for name in names:
            copy_file(source / name, folder / name)
        commit = None
    else:
        if files is None:
            pin = resolve(weights, "model", ["config.json"], revision, _say, optional=(*WANTED[1:], *more))
        else:
            pin = Pin(weights, str(revision), files)
        names = [name for name in pin.files if any(fnmatchcase(name, pattern) for pattern in (*WANTED, *more))]
        _check_names(weights, names)
        _download(pin, names, folder)
        commit = pin.commit
    for other in wanted_files(folder, more):
        if other.name not in names:
            other.unlink()  # of what was fetched before: a loader would take it for this encoder's
    return Product(names, {"weights": weights, "revision": commit})


def _check_names(weights: str, names: list[str]) -> None:
    if "config.json" not in names:
        raise UserError(f"{weights}: found no config.json; expected a Hugging Face encoder")
    if not any(name.endswith(".safetensors") for name in names):
        raise UserError(
            f"{weights}: found no model.safetensors. Pickled weights (pytorch_model.bin) can run code when they are "
            "opened: they are not read here. Convert them in a sandbox of yours (no network, none of your files), in a "
            f'folder with the repository\'s files, and give that folder as `weights`: python -c "{CONVERSION}"'
        )


def _download(pin: Pin, names: list[str], folder: Path) -> None:
    """Fetch what does not lie in ``folder`` already; what was fetched when a job was stopped is not fetched again."""
    lacking = [name for name in names if not (folder / name).is_file() or sha256(folder / name) != pin.files[name]]
    for path in fetch(pin, "model", lacking, folder / WORK, _say):
        path.replace(folder / path.name)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def fetch_model(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Make a run's pretrained encoder from where the settings say that it comes from."""
    return fetch_encoder(folder, **spec["settings"])


def adopt_source(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Make a user's own checkpoint a source of the run."""
    return fetch_encoder(folder, **spec["settings"])

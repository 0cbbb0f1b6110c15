"""A pretrained encoder from a folder or the Hub into a run: configuration, safetensors and tokenizer, nothing else."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from xstilts.artifacts import WORK, Manifest, Product
from xstilts.console import say
from xstilts.data.fetching import lock
from xstilts.data.fetching.hub import fetch, resolve
from xstilts.data.fetching.lock import Pin
from xstilts.files import copy_file, sha256
from xstilts.modeling.check import WEIGHTS, check_encoder, check_fits, check_names
from xstilts.modeling.fast_tokenizer import TOKENIZER_FILES

WANTED = ("config.json", *WEIGHTS, *TOKENIZER_FILES)


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
    check: Callable[[Path], None] = check_encoder,
) -> Product:
    """Bring an encoder into ``folder``, checked.

    Args:
        folder: the artifact.
        weights: a folder, or a Hub identifier such as ``FacebookAI/xlm-roberta-base``.
        revision: commit, tag or branch of a Hub repository; None: its main branch.
        files: {name: SHA-256} as pinned of that commit; without it the Hub's own hashes of this moment are checked.
        more: names of further files that are wanted where they are.
        check: refuses what cannot be used.

    Raises:
        UserError: there is neither such a folder nor such a repository, or it has no safetensors.
        PinMismatch: the Hub has other bytes under a pinned name.
    """
    source = Path(weights).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        check(source)
        names = [path.name for path in wanted_files(source, more)]
        for name in names:
            copy_file(source / name, folder / name)
        commit = None
    else:
        if files is None:
            pin = resolve(weights, "model", ["config.json"], revision, say, optional=(*WANTED[1:], *more))
        else:
            pin = Pin(weights, str(revision), files)
        names = [name for name in pin.files if any(fnmatchcase(name, pattern) for pattern in (*WANTED, *more))]
        check_names(weights, names, tokenizer=check is check_encoder)
        _download(pin, names, folder)
        commit = pin.commit
    for other in wanted_files(folder, more):
        if other.name not in names:
            other.unlink()  # of what was fetched before: a loader would take it for this encoder's
    if not source.is_dir():
        check(folder)
    return Product(names, {"weights": weights, "revision": commit})


def _download(pin: Pin, names: list[str], folder: Path) -> None:
    """Fetch what does not lie in ``folder`` already; what was fetched when a job was stopped is not fetched again."""
    lacking = [name for name in names if not (folder / name).is_file() or sha256(folder / name) != pin.files[name]]
    for path in fetch(pin, "model", lacking, folder / WORK, say):
        path.replace(folder / path.name)


def fetch_model(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Make a run's pretrained encoder from where the settings say that it comes from."""
    return fetch_encoder(folder, **spec["settings"])


def adopt_source(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Make a user's own checkpoint a source of the run: one of the shape of the run's model (``encoder``)."""
    if inputs["encoder"].reason:
        return Product(reason=inputs["encoder"].reason)
    product = fetch_encoder(folder, **spec["settings"])
    own = Path(spec["settings"]["weights"]).expanduser()
    check_fits(own if own.is_dir() else folder, inputs["encoder"].folder)
    return product

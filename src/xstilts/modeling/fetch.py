"""A pretrained encoder from a folder or the Hub into a run: configuration, safetensors and tokenizer, nothing else."""

import shutil
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.errors import UserError
from xstilts.modeling.fast_tokenizer import TOKENIZER_FILES

WANTED = ("config.json", "model.safetensors", "*.safetensors", "*.safetensors.index.json", *TOKENIZER_FILES)


def wanted_files(folder: Path) -> list[Path]:
    """Return the files of an encoder's folder that a run takes over; a target's head is none of them."""
    found = {path for pattern in WANTED for path in folder.glob(pattern)}
    return sorted(path for path in found if path.name != "head.safetensors")


def fetch_encoder(folder: Path, weights: str, revision: str | None) -> Product:
    """Copy an encoder into ``folder``.

    Args:
        folder: the artifact.
        weights: a folder, or a Hub identifier such as ``FacebookAI/xlm-roberta-base``.
        revision: commit, tag or branch of a Hub repository; None: its main branch.

    Raises:
        UserError: there is neither such a folder nor such a repository, or it has no safetensors.
    """
    source = Path(weights).expanduser()
    if not source.is_dir():
        source = _download(weights, revision)
    if not (source / "config.json").is_file():
        raise UserError(f"{weights}: found no config.json; expected a Hugging Face encoder")
    if not list(source.glob("*.safetensors")):
        raise UserError(f"{weights}: found no *.safetensors; pickled weights are not read, convert them first")
    names = [path.name for path in wanted_files(source)]
    folder.mkdir(parents=True, exist_ok=True)
    for other in wanted_files(folder):
        other.unlink()  # of what was fetched before: a loader would take it for this encoder's
    for name in names:
        shutil.copyfile(source / name, folder / name)
    return Product(names, {"weights": weights, "revision": source.name if source.parent.name == "snapshots" else None})


def _download(weights: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(weights, revision=revision, allow_patterns=list(WANTED)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{weights}: neither a folder here nor a repository that can be read ({reason})") from None


def fetch_model(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Make a run's pretrained encoder from ``weights`` in the settings."""
    return fetch_encoder(folder, spec["settings"]["weights"], spec["settings"]["revision"])


def adopt_source(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Make a user's own checkpoint a source of the run."""
    return fetch_encoder(folder, spec["settings"]["encoder"], None)

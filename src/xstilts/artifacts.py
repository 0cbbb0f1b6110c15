"""What jobs hand to one another: a folder whose ``manifest.json`` says what is in it and what it was made from.

The manifest is the only output that a rule declares. The workflow engine deletes declared outputs before a job runs,
so everything that is dear lies beside it, undeclared, with a receipt: a job whose key (its spec and the content of its
inputs) matches the receipt, and whose files still have their hashes, publishes the receipt again and does no work.
"""

import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.energy import Meter, computed_on, taken, together
from xstilts.errors import DataError, UserError
from xstilts.files import check_names, dump_json, read_json, remove_leftover, sha256, sync, write_text
from xstilts.locks import only_writer, whereabouts
from xstilts.own_code import check_code

RECEIPT = ".receipt.json"
WORK = "checkpoints"  # what an unfinished job has made so far
BEGUN = ".begun"  # the key of the job that made it
PATIENCE = 10  # seconds for an answer of git
VERSIONS = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "snakemake")


@dataclass(frozen=True)
class Manifest:
    """A manifest that was read: where it lies and what it says."""

    path: Path
    content: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The folder that the manifest describes."""
        return self.path.parent

    @property
    def reason(self) -> str | None:
        """Why there is nothing in the folder, or None when there is."""
        return self.content["reason"]

    @property
    def digest(self) -> str:
        """The content of the folder in one hash: equal files, equal digest, whenever and wherever they were made."""
        return self.content["digest"]

    @property
    def results(self) -> dict[str, Any]:
        """What the job wants to be known beside its files."""
        return self.content["results"]

    @property
    def dropped(self) -> list[str]:
        """The files that were removed to make room, when nothing needed them any more."""
        return self.content.get("dropped", [])

    def check(self, names: list[str] | None = None) -> None:
        """Compare the named files (all by default) with their hashes.

        Raises:
            UserError: the files were dropped; the message has the command that brings them back.
            DataError: names the first file that differs.
        """
        if self.dropped:
            raise UserError(
                f"{self.folder}: its weights were dropped when nothing needed them any more (keep); "
                f"to train it again: xstilts restore {self.folder}"
            )
        self.check_kept(names)

    def check_kept(self, names: list[str] | None = None) -> None:
        """Compare those of them that were not dropped with their hashes; DataError names the first that differs."""
        for name, entry in self.content["files"].items():
            if name in self.dropped or (names is not None and name not in names):
                continue
            path = self.folder / name
            if not path.is_file():
                raise DataError(
                    path, "no such file", f"the file that {self.path} lists (remove that to have it made again)"
                )
            found = sha256(path)
            if found != entry["sha256"]:
                raise DataError(
                    path,
                    f"SHA-256 {found[:16]}… (changed since it was made)",
                    f"{entry['sha256'][:16]}… of {self.path} (remove that to have it made again)",
                )


@dataclass(frozen=True)
class Product:
    """What a job has made: files by name relative to its folder, results for the manifest, or a reason for nothing.

    ``relied_on`` names the results that other jobs act on, beside the files: they belong to the digest. ``work`` is
    what the job did, in steps, tokens, examples and seconds: a measurement, in no key and no digest. So is ``below``,
    what processes below the job's own have ``energy.taken``.
    """

    files: list[str] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    relied_on: tuple[str, ...] = ()
    work: dict[str, Any] = field(default_factory=dict)
    below: Sequence[dict[str, Any]] = ()


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; DataError when the file is none, or is not what the job wrote."""
    content = read_json(path)
    if not isinstance(content, dict) or "seal" not in content:
        raise DataError(path, "no seal", "a manifest, sealed by its own hash")
    if seal(content) != content["seal"]:
        raise DataError(path, "content that does not fit its seal (changed since it was made)", "a manifest as written")
    check_names(path, [*content["files"], *content.get("dropped", ())])
    return Manifest(path, content)


def seal(content: dict[str, Any]) -> str:
    """Return the hash of a manifest's content, the seal left out."""
    return hash_of({name: value for name, value in content.items() if name != "seal"})


def hash_of(value: Any) -> str:
    """Return the SHA-256 of a JSON value in its one canonical form."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def key_of(spec: dict[str, Any], inputs: dict[str, Manifest], files: Sequence[Path] = ()) -> str:
    """Return what an artifact is made from in one hash: spec, content of its inputs, files of the user's own."""
    own = {name: sha256(path) for name, path in _named(files).items()}
    return hash_of({"spec": spec, "inputs": {role: found.digest for role, found in inputs.items()}, "files": own})


def made_before(receipt: Path, key: str) -> Manifest | None:
    """Return what a receipt says was made from this key, None unless all of it lies there as it was made.

    Every memo of the workflow is asked here: of an artifact, of an entry of the store, of a language's predictions.
    """
    try:
        old = read_manifest(receipt)
        if old.content["key"] != key:
            return None
        old.check_kept()
    except DataError:
        return None
    return old


def remember(receipt: Path, content: dict[str, Any]) -> Manifest:
    """Seal a receipt and write it: ``key`` is what was made from, ``files`` are the entries of what was made."""
    content["seal"] = seal(content)
    write_text(receipt, dump_json(content))
    return Manifest(receipt, content)


def entries(folder: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """Return what a receipt says of files, which are on the disk before it is: their hashes and sizes in bytes."""
    found = {}
    for name in sorted(names):
        sync(folder / name)
        found[name] = {"sha256": sha256(folder / name), "bytes": (folder / name).stat().st_size}
    return found


def produce(
    manifest: Path,
    spec: Path,
    inputs: dict[str, Path],
    make: Callable[[Path, dict[str, Any], dict[str, Manifest]], Product],
    files: Sequence[Path] = (),
    meter: Meter | None = None,
) -> Manifest:
    """Make an artifact, or publish it again when it is there already.

    Args:
        manifest: where the manifest shall appear; its folder is the artifact.
        spec: the job's spec file: rule, wildcards, settings, digest of the code.
        inputs: manifests of the artifacts that the job reads, by role.
        make: called with (folder, spec, manifests by role); returns what it made.
        files: files of the user's own that the job reads; their content counts, not their place.
        meter: the energy of the machine's GPUs as it was read before.
    """
    began = time.monotonic()
    folder = manifest.parent
    with only_writer(folder):
        wanted = read_json(spec)
        read = {role: read_manifest(path) for role, path in inputs.items()}
        key = key_of(wanted, read, files)
        _sweep(folder)
        found = made_before(folder / RECEIPT, key)
        if found is None:
            _begin(folder, key)
            check_code(wanted)
            commit = _commit()  # before the work, which a git that hangs shall not cost
            product = make(folder, wanted, read)
            check_code(wanted)
            made = entries(folder, product.files)
            content = {
                "rule": wanted["rule"],
                "wildcards": wanted["wildcards"],
                "key": key,
                "spec": wanted,
                "inputs": {role: {"manifest": str(found.path), "digest": found.digest} for role, found in read.items()},
                "files": made,
                "digest": _digest(made, product),
                "reason": product.reason,
                "results": product.results,
                "made": circumstances(began, meter, product.below) | {"commit": commit, "work": product.work},
            }
            found = remember(folder / RECEIPT, content)
        write_text(manifest, dump_json(found.content))
        if _has_begun(folder, key):
            _remove(folder / WORK)
            (folder / BEGUN).unlink()
        return Manifest(manifest, found.content)


def _named(files: Sequence[Path]) -> dict[str, Path]:
    """Return files by their own names, and by their number too where two have the same."""
    names = [path.name for path in files]
    return {
        name if names.count(name) == 1 else f"{place}/{name}": path
        for place, (name, path) in enumerate(zip(names, files, strict=True))
    }


def _sweep(folder: Path) -> None:
    """Remove what killed writers left half-written: ``replacing``, checkpoints at any depth, safetensors (``.tmp``).

    Who writes a spec into a folder of the store holds no lock on the folder, only on the file.
    """
    for path in [*folder.glob(".*"), *(folder / WORK).rglob(".*")]:
        if path.suffix == ".part" and not path.is_dir():
            remove_leftover(path)
        elif path.suffix == ".part" or path.name.startswith(".tmp"):
            _remove(path) if path.is_dir() else path.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    import shutil  # as subprocess below: a job that scores writes no artifact, and each of thousands would load it

    shutil.rmtree(folder, ignore_errors=True)


def _begin(folder: Path, key: str) -> None:
    """Make room for a job: unfinished work is gone on with only under the key that it was begun with."""
    if not _has_begun(folder, key):
        _remove(folder / WORK)
        write_text(folder / BEGUN, key)


def _has_begun(folder: Path, key: str) -> bool:
    begun = folder / BEGUN
    return begun.is_file() and begun.read_bytes() == key.encode()


def _digest(files: dict[str, dict[str, Any]], product: Product) -> str:
    content: dict[str, Any] = {"files": {n: entry["sha256"] for n, entry in files.items()}, "reason": product.reason}
    if product.relied_on:
        content["results"] = {name: product.results[name] for name in product.relied_on}
    return hash_of(content)


def circumstances(began: float, meter: Meter | None = None, below: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Return where, when, with what and how long: recorded, never compared."""
    spent, on = together([taken(), *below]), computed_on(meter)
    on |= {name: spent.pop(name) for name in ("peak_gpu_memory_mb",) if name in spent}
    from importlib import metadata  # a tenth of the start of a job that scores, which writes no artifact

    versions = {"python": platform.python_version()}
    for name in VERSIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "seconds": round(time.monotonic() - began, 3),
        **spent,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), **whereabouts(), **on},
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "versions": versions,
    }


def _commit() -> str | None:
    """Return the commit of the code, None where git is not there, knows of none, or does not answer in time."""
    import subprocess

    command = ["git", "rev-parse", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=Path(__file__).parent)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"the commit is not recorded: {error}", file=sys.stderr, flush=True)
        return None
    return answer.stdout.strip() or None

"""What jobs hand to one another: a folder whose ``manifest.json`` says what is in it and what it was made from.

The manifest is the only output that a rule declares. The workflow engine deletes declared outputs before a job runs,
so everything that is dear lies beside it, undeclared, with a receipt: a job whose key (its spec and the content of its
inputs) matches the receipt, and whose files still have their hashes, publishes the receipt again and does no work.
"""

import fcntl
import hashlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.errors import DataError, UserError
from xstilts.files import dump_json, read_json, sha256, sync, write_text

RECEIPT = ".receipt.json"
WORK = "checkpoints"  # what an unfinished job has made so far
BEGUN = ".begun"  # the key of the job that made it
LOCK = ".lock"  # held by whoever writes into the folder
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
    what the job did, in steps, tokens, examples and seconds: a measurement, in no key and no digest.
    """

    files: list[str] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    relied_on: tuple[str, ...] = ()
    work: dict[str, Any] = field(default_factory=dict)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; DataError when the file is none, or is not what the job wrote."""
    content = read_json(path)
    if not isinstance(content, dict) or "seal" not in content:
        raise DataError(path, "no seal", "a manifest, sealed by its own hash")
    if seal(content) != content["seal"]:
        raise DataError(path, "content that does not fit its seal (changed since it was made)", "a manifest as written")
    return Manifest(path, content)


def seal(content: dict[str, Any]) -> str:
    """Return the hash of a manifest's content, the seal left out."""
    return hash_of({name: value for name, value in content.items() if name != "seal"})


def hash_of(value: Any) -> str:
    """Return the SHA-256 of a JSON value in its one canonical form."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's kernel lock, which dies with the process; a second writer says so and waits for the first.

    The lock file says who holds it: node, process, GPU, SLURM job and since when.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if writer := holder(folder):
                who = f"process {writer['process']} on {writer['node']}"
                print(f"{folder}: waits for {who}, which is writing here", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        with suppress(OSError):  # on a full disk the lock holds without a name
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(whereabouts() | {"began": time.time()}).encode(), 0)
        yield
    finally:
        os.close(handle)


def holder(folder: Path) -> dict[str, Any] | None:
    """Return who holds a folder's lock, None when nobody does; the test lets go of the lock in the same instant."""
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            found: dict[str, Any] = json.loads(os.pread(handle, 4096, 0) or b"{}")
        except json.JSONDecodeError:
            found = {}  # it is being written
        return found
    finally:
        os.close(handle)
    return None


def whereabouts() -> dict[str, Any]:
    """Return where this process runs; ``gpu`` and ``slurm_job`` are null without one."""
    return {
        "node": platform.node(),
        "process": os.getpid(),
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
    }


def produce(
    manifest: Path,
    spec: Path,
    inputs: dict[str, Path],
    make: Callable[[Path, dict[str, Any], dict[str, Manifest]], Product],
    files: Sequence[Path] = (),
) -> Manifest:
    """Make an artifact, or publish it again when it is there already.

    Args:
        manifest: where the manifest shall appear; its folder is the artifact.
        spec: the job's spec file: rule, wildcards, settings, digest of the code.
        inputs: manifests of the artifacts that the job reads, by role.
        make: called with (folder, spec, manifests by role); returns what it made.
        files: files of the user's own that the job reads; their content counts, not their place.
    """
    began = time.monotonic()
    folder = manifest.parent
    with only_writer(folder):
        wanted = read_json(spec)
        read = {role: read_manifest(path) for role, path in inputs.items()}
        own = {path.name: sha256(path) for path in files}
        key = hash_of({"spec": wanted, "inputs": {role: found.digest for role, found in read.items()}, "files": own})
        _sweep(folder)
        content = _made_before(folder, key)
        if content is None:
            _begin(folder, key)
            product = make(folder, wanted, read)
            made = {name: _entry(folder / name) for name in sorted(product.files)}
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
                "made": circumstances(began) | {"work": product.work},
            }
            content["seal"] = seal(content)
            write_text(folder / RECEIPT, dump_json(content))
        write_text(manifest, dump_json(content))
        if _has_begun(folder, key):
            shutil.rmtree(folder / WORK, ignore_errors=True)
            (folder / BEGUN).unlink()
        return Manifest(manifest, content)


def _sweep(folder: Path) -> None:
    """Remove what killed writers left half-written: ``replacing``, checkpoints and safetensors (``.tmp``)."""
    for path in [*folder.glob(".*"), *(folder / WORK).glob(".*")]:
        if path.suffix == ".part" or path.name.startswith(".tmp"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _begin(folder: Path, key: str) -> None:
    """Make room for a job: unfinished work is gone on with only under the key that it was begun with."""
    if not _has_begun(folder, key):
        shutil.rmtree(folder / WORK, ignore_errors=True)
        write_text(folder / BEGUN, key)


def _has_begun(folder: Path, key: str) -> bool:
    begun = folder / BEGUN
    return begun.is_file() and begun.read_bytes() == key.encode()


def _entry(path: Path) -> dict[str, Any]:
    """Return what a manifest says of a file, which is on the disk before the manifest is."""
    sync(path)
    return {"sha256": sha256(path), "bytes": path.stat().st_size}


def _digest(files: dict[str, dict[str, Any]], product: Product) -> str:
    content: dict[str, Any] = {"files": {n: entry["sha256"] for n, entry in files.items()}, "reason": product.reason}
    if product.relied_on:
        content["results"] = {name: product.results[name] for name in product.relied_on}
    return hash_of(content)


def _made_before(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the receipt of what lies there already when it is whole and was made under the same key."""
    try:
        old = read_manifest(folder / RECEIPT)
        if old.content["key"] != key:
            return None
        old.check_kept()
    except DataError:
        return None
    return old.content


def circumstances(began: float) -> dict[str, Any]:
    """Return where, when, with what and how long: recorded, never compared."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    from importlib import metadata  # a tenth of the start of a job that scores, which writes no artifact

    versions = {"python": platform.python_version()}
    for name in VERSIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "seconds": round(time.monotonic() - began, 3),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_memory_mb": round(usage.ru_maxrss / 1024),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), **whereabouts(), **_device()},
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "versions": versions,
        "commit": _commit(),
    }


def _device() -> dict[str, Any]:
    """Return what this process computed on, and the most GPU memory that it held."""
    torch: Any = sys.modules.get("torch")  # a job that computes has imported it
    if torch is None or not torch.cuda.is_available():
        return {"device": "cpu"}
    peak = torch.cuda.max_memory_allocated()
    return {"device": torch.cuda.get_device_name(), "peak_gpu_memory_mb": round(peak / 2**20)}


def _commit() -> str | None:
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, cwd=Path(__file__).parent
        )
    except OSError:
        return None
    return answer.stdout.strip() or None

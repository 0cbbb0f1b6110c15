"""The pins of everything that is read from the Hugging Face Hub: a commit a repository, a SHA-256 a file."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from xstilts.errors import DataError, PinMismatch
from xstilts.files import check_names, sha256, write_text
from xstilts.locks import lock, open_lock

LOCK = Path("config/lock.yaml")  # below the folder that the workflow runs in
HEAD = "# What the Hugging Face Hub served when it was pinned. Written by `make lock`; not to be changed by hand.\n"


@dataclass(frozen=True)
class Pin:
    """One repository as it was pinned."""

    repository: str  # of a data set or a model
    commit: str
    files: Mapping[str, str]  # {path in the repository: SHA-256}
    sizes: Mapping[str, int] = field(default_factory=dict)  # {pattern of paths: bytes of all files that it fits}
    revision: str | None = None  # that was asked for: a branch, a tag, a commit; None: the repository's main branch

    def is_of(self, revision: str | None) -> bool:
        """Say whether this is what a revision was when it was pinned."""
        return revision in (self.revision, self.commit)

    def check(self, name: str, path: Path) -> None:
        """Check that ``path`` holds the repository's file ``name``; PinMismatch shows both hashes."""
        found, expected = sha256(path), self.files[name]
        if found != expected:
            raise PinMismatch(
                f"{self.repository}/{name} at commit {self.commit}: found SHA-256 {found}; expected {expected}, "
                f"which is pinned in {LOCK}; nothing of it is used"
            )


def read(path: Path = LOCK) -> dict[str, Pin]:
    """Return {repository: its pin}; {} when there is no lock file, DataError when it is none."""
    if not path.is_file():
        return {}
    try:
        raw = yaml.load(path.read_bytes(), yaml.CSafeLoader) or {}
        pins = {
            name: Pin(name, entry["commit"], dict(entry["files"]), {**entry.get("sizes", {})}, entry.get("revision"))
            for name, entry in raw.items()
        }
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError):
        found = "content that `make lock` does not write"
        raise DataError(path, found, "{repository: {commit, files: {path: SHA-256}}}") from None
    for pin in pins.values():
        check_names(path, pin.files)
    return pins


def other_revision(old: Pin, revision: str | None) -> str:
    """Say that a repository is pinned at another revision than is asked for."""
    return (
        f"{old.repository}: is pinned at {old.revision or 'its main branch'} ({old.commit[:12]}), another revision "
        f"than {revision or 'its main branch'}; a repository has one: `xstilts lock --renew` pins it anew"
    )


def matches(name: str, pattern: str) -> bool:
    """Say whether a path fits a pattern, of which ``*`` stands for anything within one folder."""
    return name.count("/") == pattern.count("/") and fnmatchcase(name, pattern)


def pinned(repository: str, path: Path = LOCK) -> Pin | None:
    """Return a repository's pin, None when it has none."""
    return read(path).get(repository)


@contextmanager
def only_one(path: Path = LOCK) -> Iterator[None]:
    """Hold the right to change a lock file: who reads it, pins and writes it meanwhile waits."""
    beside = path.with_name(f".{path.name}.lock")
    beside.parent.mkdir(parents=True, exist_ok=True)
    handle = open_lock(beside)
    try:
        if not lock(handle, beside):
            print(f"{path}: waits for another process that is pinning", file=sys.stderr, flush=True)
            lock(handle, beside, wait=True)
        yield
    finally:
        os.close(handle)


def write(pins: Mapping[str, Pin], path: Path = LOCK) -> None:
    """Write a lock file, whole or not at all."""
    content = {
        name: {"commit": pin.commit, "files": dict(pin.files)}
        | ({"sizes": dict(pin.sizes)} if pin.sizes else {})
        | ({"revision": pin.revision} if pin.revision else {})
        for name, pin in pins.items()
    }
    write_text(path, HEAD + yaml.safe_dump(content, width=200))

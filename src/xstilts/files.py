"""Files that appear whole or not at all, and their hashes."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xstilts.errors import DataError


def sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes in hex."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the names inside ``folder`` durable (fsync of the directory)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it takes that name in one step, on failure it is removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        with open(beside, "rb+") as handle:
            os.fsync(handle.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    with replacing(path) as beside:
        beside.write_bytes(text.encode("utf-8"))


def dump_json(value: Any) -> str:
    """Return the one JSON form of ``value`` that this project writes: sorted keys, two spaces, a last newline."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def write_json(path: Path | str, value: Any) -> None:
    """Write ``value`` as JSON, whole or not at all."""
    write_text(path, dump_json(value))


def read_json(path: Path | str) -> Any:
    """Read a JSON file; a truncated, non-UTF-8 or absent one raises DataError naming the place."""
    try:
        return json.loads(Path(path).read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise DataError(path, "no such file", "a JSON file") from None
    except UnicodeDecodeError as error:
        raise DataError(path, f"bytes that are not UTF-8 at offset {error.start}", "UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise DataError(path, f"broken JSON ({error.msg})", "a whole JSON document", error.lineno) from None


def read_jsonl(path: Path | str) -> list[dict[str, Any]]:
    """Read a JSON-lines file of this project's own making."""
    with open(path, encoding="utf-8") as handle:
        return [json.loads(line) for line in handle]


def write_jsonl(path: Path | str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSON lines, whole or not at all."""
    with replacing(path) as beside, open(beside, "w", encoding="utf-8") as handle:
        for row in rows:
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")

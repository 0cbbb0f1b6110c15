"""Files that appear whole or not at all, and their hashes."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.locks import lock

LFS_POINTER = b"version https://git-lfs"


def sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes in hex."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_names(path: object, names: Iterable[object]) -> None:
    """Check that names in a list from outside are those of files inside its folder.

    Args:
        path: of the list, for the error.
        names: as the list has them, with ``/`` between folders.

    Raises:
        DataError: shows the first that is absolute, leads out of the folder, or is no name.
    """
    for name in names:
        if not isinstance(name, str) or "\0" in name or not set(name.split("/")).isdisjoint({"", ".", ".."}):
            raise DataError(path, f"the name {name!r}", "names of files inside the folder")


def sync(path: Path) -> None:
    """Make a file's content durable, or the names inside a folder (fsync)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it takes that name in one step, on failure it is removed.

    A writer that lives holds a kernel lock on its temporary file; what a killed one has left behind is removed. What is
    no file (a terminal, a pipe) is written as it is.

    Raises:
        OSError: the disk is full, read-only or the like; it names ``path``.
    """
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():  # /dev/stdout, /dev/null, a named pipe
        yield path
        return
    beside = name_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        with open(beside, "xb") as alive:
            lock(alive.fileno(), beside, wait=True)
            mode = os.fstat(alive.fileno()).st_mode
            yield beside
            beside.chmod(mode)  # some libraries replace the file by one that only its owner may read
            sync(beside)
            beside.replace(path)
        sync(path.parent)
    except OSError as error:
        mine = error.filename is None or str(beside) in (str(error.filename), str(error.filename2))
        if error.errno is not None and mine:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    finally:
        with suppress(OSError):
            beside.unlink()


def name_beside(path: Path) -> Path:
    """Return a name for a file that will become ``path``: no other process has it, here or on another machine."""
    return path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")


def _remove_leftovers(path: Path) -> None:
    for beside in path.parent.glob(f".{escape(path.name)}.*.part"):
        remove_leftover(beside)


def remove_leftover(beside: Path) -> None:
    """Remove a temporary file of ``replacing`` whose writer is dead."""
    try:
        with open(beside, "r+b") as handle:  # NFS locks for writers only
            if lock(handle.fileno(), beside):  # else its writer lives
                beside.unlink(missing_ok=True)
    except (FileNotFoundError, PermissionError):
        pass  # its writer was faster, or is somebody else


def check_there(path: Path) -> None:
    """Refuse a file that only seems to be there: a link to nothing, or what Git LFS puts in a large file's place.

    Raises:
        DataError: it says which of them.
    """
    if path.is_symlink() and not path.exists():
        raise DataError(path, f"a link to {path.readlink()}, which is not there", "the file itself: fetch it again")
    with open(path, "rb") as handle:
        if handle.read(len(LFS_POINTER)) == LFS_POINTER:
            raise DataError(path, "a pointer of Git LFS", "the file itself: fetch it with git lfs pull")


def copy_file(source: Path, path: Path) -> None:
    """Copy a file's content, whole or not at all."""
    import shutil  # here and below: a job that scores copies nothing, and each of thousands would load it

    with replacing(path) as beside:
        shutil.copyfile(source, beside)


def link_file(source: Path, path: Path) -> None:
    """Give a file a second name, or copy it where the disk knows no such thing; what stood there is replaced."""
    import shutil

    beside = name_beside(path)
    try:
        os.link(source, beside)
    except OSError:
        shutil.copyfile(source, beside)
    beside.replace(path)


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


def read_object(path: Path | str, *keys: str) -> dict[str, Any]:
    """Read a JSON file that holds an object with certain keys; DataError as of ``read_json``, and where it does not."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(path, type(content).__name__, "a JSON object")
    if lacking := [key for key in keys if key not in content]:
        raise DataError(path, f"no {' '.join(lacking)}", f"a JSON object with {' '.join(keys)}")
    return content


def read_jsonl(path: Path | str) -> list[dict[str, Any]]:
    """Read a JSON-lines file of this project's own making; a damaged one raises DataError naming the line."""
    rows = []
    with open(path, "rb") as handle:
        for number, line in enumerate(handle, 1):
            try:
                rows.append(json.loads(line.decode("utf-8")))
            except ValueError as error:
                raise DataError(path, f"a damaged line ({error})", "JSON in UTF-8", number) from None
    return rows


def write_jsonl(path: Path | str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSON lines, whole or not at all."""
    with replacing(path) as beside, open(beside, "w", encoding="utf-8") as handle:
        for row in rows:
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")

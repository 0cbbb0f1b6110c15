"""Upstream files as lines, tables and JSON rows, and the checks that every reader makes on them."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.data.registry import DataSet
from xstilts.errors import DataError

MOST_GROWN = 100  # times the archive's size; the text of the known archives grows to 3 to 12 times
LEAST_UNPACKED = 1 << 26  # bytes that any archive may hold

Row = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """What a reader reads: the files (in the registry's order) of one split of a data set in one language."""

    data: DataSet
    language: str
    split: str
    files: tuple[Path, ...]


def decode(path: Path, content: bytes) -> str:
    """Return UTF-8 bytes as text, without a byte order mark; DataError names the line of a byte that is none."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        found = f"a byte 0x{content[error.start]:02x} that is not UTF-8"
        raise DataError(path, found, "UTF-8 text", line) from None
    if not text or text.isspace():  # a byte order mark alone is nothing
        raise DataError(path, "an empty file", "at least one row")
    return text


def lines(path: Path) -> list[str]:
    """Return the lines of a UTF-8 file without LF or CR LF; other separators of Unicode are text."""
    return split_lines(decode(path, read(path)))


def split_lines(text: str) -> list[str]:
    """Return the lines of a text without LF or CR LF and without the empty one after the last LF."""
    found = text.split("\n")
    if found[-1] == "":
        found.pop()
    return [line.removesuffix("\r") for line in found]


def read(path: Path) -> bytes:
    """Return a file's bytes; DataError when it is not there."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(path, "no such file", "an upstream data file") from None


def check_unpacked(archive: Path, name: str, size: int) -> None:
    """Refuse a member that unpacks to far more than text ever does, before it fills memory or disk."""
    most = max(LEAST_UNPACKED, MOST_GROWN * archive.stat().st_size)
    if size > most:
        raise DataError(archive, f"{name} of {size:,} bytes unpacked", f"at most {most:,} from an archive of its size")


def columns(path: Path, row: int, line: str, count: int) -> list[str]:
    """Split a tab-separated line without quoting into exactly ``count`` columns."""
    found = line.split("\t")
    if len(found) != count:
        raise DataError(path, f"{len(found)} column{'s' * (len(found) != 1)}", f"{count} separated by tabs", row)
    return found


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (1-based row, object) of a JSON-lines file; blank lines at its end do not count."""
    found = lines(path)
    while not found[-1].strip():
        found.pop()
    for row, line in enumerate(found, start=1):
        yield row, _object(path, row, line)


def streamed_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (1-based row, object) of a JSON-lines file that is too large to hold; it may end with blank lines."""
    blank = 0
    try:
        with open(path, "rb") as handle:
            for row, raw in enumerate(handle, start=1):
                if not raw.strip():
                    blank = blank or row
                    continue
                if blank:
                    raise DataError(path, "an empty line", "a whole JSON object a line", blank)
                try:
                    line = raw.decode("utf-8-sig" if row == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    found = f"a byte 0x{raw[error.start]:02x} that is not UTF-8"
                    raise DataError(path, found, "UTF-8 text", row) from None
                yield row, _object(path, row, line)
    except FileNotFoundError:
        raise DataError(path, "no such file", "an upstream data file") from None


def _object(path: Path, row: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(path, f"broken JSON ({error.msg})", "a whole JSON object a line", row) from None
    if not isinstance(value, dict):
        raise DataError(path, f"a JSON {type(value).__name__}", "a JSON object a line", row)
    check_characters(path, line, value, row)
    return value


def json_document(path: Path) -> Any:
    """Return what a JSON file holds; DataError names the line where it breaks."""
    text = decode(path, read(path))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(path, f"broken JSON ({error.msg})", "a whole JSON document", error.lineno) from None
    check_characters(path, text, value)
    return value


def check_characters(path: Path, text: str, value: Any, row: int | None = None) -> None:
    """Refuse half a surrogate pair: JSON can escape one, and no UTF-8 file can hold it."""
    if "\\ud" not in text.lower():
        return
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        line = row if row is not None else text.count("\n", 0, text.lower().index(half)) + 1
        raise DataError(path, f"{half}, half a character", "whole characters", line) from None


def csv_rows(path: Path, header: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line of the row's end, {column: value}) of a quoted, comma-separated file with at least these columns."""
    table = csv.reader(io.StringIO(decode(path, read(path)), newline=""), strict=True)
    try:
        names = next(table)
        check_header(path, names, header)
        for values in table:
            if len(values) != len(names):
                raise DataError(path, f"{len(values)} columns", f"{len(names)} as in the header", table.line_num)
            yield table.line_num, dict(zip(names, values, strict=True))
    except csv.Error as error:
        raise DataError(path, f"broken CSV ({error})", "quoted, comma-separated rows", table.line_num) from None


def check_header(path: Path, found: list[str], expected: tuple[str, ...]) -> None:
    """Check that a table's first line names the columns that are read."""
    missing = [name for name in expected if name not in found]
    if missing:
        raise DataError(path, f"a header without {' '.join(missing)}", f"the columns {' '.join(expected)}", 1)
    if twice := sorted({name for name in expected if found.count(name) > 1}):
        raise DataError(path, f"a header with {' '.join(twice)} more than once", "each column that is read once", 1)


def need(path: Path, row: int | None, values: Mapping[str, Any], key: str, kind: type = str, where: str = "") -> Any:
    """Return ``values[key]``; DataError when the key is absent or holds another kind of value."""
    if not isinstance(values, Mapping):
        raise DataError(path, f"a {type(values).__name__}{where}", f"an object with {key!r}", row)
    if key not in values:
        raise DataError(path, f"no key {key!r}{where}", f"a {kind.__name__} under {key!r}", row)
    if not isinstance(values[key], kind):
        found = f"{type(values[key]).__name__} under {key!r}{where}"
        raise DataError(path, found, f"a {kind.__name__}", row)
    return values[key]


def filled(path: Path, row: int | None, text: str, what: str) -> str:
    """Return ``text`` stripped of outer white space; DataError when nothing is left."""
    text = text.strip()
    if not text:
        raise DataError(path, f"an empty {what}", "a text", row)
    return text


def label(source: Source, path: Path, row: int, found: str) -> str:
    """Return the label that an upstream spelling stands for; DataError when it is none of the label set."""
    name = source.data.label_names.get(found, found)
    if name not in source.data.labels:
        spellings = sorted({*source.data.labels, *source.data.label_names})
        raise DataError(path, f"the label {found!r}", f"one of {' '.join(spellings)}", row)
    return name


class Unique:
    """Refuses an id that came before."""

    def __init__(self, what: str = "id") -> None:
        self.what = what
        self.seen: dict[str, int | None] = {}

    def __call__(self, path: Path, row: int | None, value: str) -> str:
        """Return ``value``; DataError names the row where it stood before."""
        if value in self.seen:
            before = f" (first in row {self.seen[value]})" if self.seen[value] is not None else ""
            raise DataError(path, f"the {self.what} {value!r} twice{before}", f"unique {self.what}s", row)
        self.seen[value] = row
        return value

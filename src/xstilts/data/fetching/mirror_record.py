"""The record of a mirror: what was fetched into it, from where, with its hashes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xstilts.errors import DataError
from xstilts.files import check_names, read_json, write_json

RECORD = "mirror.json"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Held:
    """What a mirror holds of one data set: its entry in ``mirror.json``, and the files there that are not from here."""

    archives: Mapping[str, str] = field(default_factory=dict)  # {URL: SHA-256 found}
    files: Mapping[str, str] = field(default_factory=dict)  # {path: SHA-256}
    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # {language: {split: rows, or gold pairs}}
    missing: tuple[str, ...] = ()  # why anything is not there
    own: tuple[str, ...] = ()


def record(folder: Path, name: str, held: Held) -> None:
    """Write what a mirror holds of a data set into its record."""
    records = {**recorded(folder), name: held}
    content = {
        name: {key: value for key, value in vars(held).items() if key != "own"} for name, held in records.items()
    }
    write_json(folder / RECORD, content)


def recorded(folder: Path) -> dict[str, Held]:
    """Read the record of a mirror; DataError when it is none, or names a file outside of the folder."""
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        held = {name: Held(**entry) for name, entry in read_json(path).items()}
        for found in held.values():
            check_names(path, found.files)
            dict(found.archives), dict(found.rows), list(found.missing)
    except (AttributeError, TypeError, ValueError):
        raise DataError(path, "content that this command does not write", "a record of what it fetched") from None
    return held

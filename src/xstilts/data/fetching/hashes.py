"""Hashes of the mirror's files, remembered: a plan reads a file again only when its inode, size or times differ."""

import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from xstilts.errors import DataError
from xstilts.files import dump_json, read_json, sha256, write_text

FRESH = 2e9  # nanoseconds: a file changed so lately may change again without another time


class Hashes:
    """The SHA-256 of files by their absolute paths, beside what tells that a file is still the same."""

    def __init__(self, memory: Path) -> None:
        """Take the file that remembers; nothing is read before the first question."""
        self.memory = memory
        self.learnt = False

    @cached_property
    def known(self) -> dict[str, list[int | str]]:
        """What was remembered: {path: [inode, size, time of change, time of its entry, SHA-256]}; times in ns."""
        try:
            found = read_json(self.memory)
        except DataError:
            return {}  # none, or a damaged one: it is only a memory
        return found if isinstance(found, dict) else {}

    def of(self, path: Path) -> str:
        """Return the SHA-256 of a file's content."""
        now, about = time.time_ns(), path.stat()
        same = [about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns]
        entry = self.known.get(str(path.absolute()))
        if isinstance(entry, list) and entry[:-1] == same:
            return str(entry[-1])
        digest = sha256(path)
        if now - max(about.st_mtime_ns, about.st_ctime_ns) > FRESH:
            self.known[str(path.absolute())] = [*same, digest]
            self.learnt = True
        return digest

    def save(self) -> None:
        """Write what was learnt, whole or not at all; two that write at once lose some of it, and hash again.

        A folder that may only be read stays as it is, and a full one.
        """
        if self.learnt:
            with suppress(OSError):
                write_text(self.memory, dump_json(self.known))
            self.learnt = False

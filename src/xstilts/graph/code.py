"""Which code each job runs, remembered: it is parsed anew only when a file of the library or a script changed.

A plan took two seconds to parse the library; it takes a few hundredths to hash it.
"""

import sys
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.files import dump_json, read_json, sha256, write_text
from xstilts.graph import digest


class Codes:
    """Digests of code by script and by what it opens by name, beside the content of all files that they can rest on."""

    def __init__(self, memory: Path, scripts: Path) -> None:
        """Take the file that remembers and the folder of the scripts; nothing is read before the first question."""
        self.memory, self.scripts = memory, scripts
        self.learnt = False

    @cached_property
    def state(self) -> dict[str, str]:
        """What all digests rest on, as it was before the first of them."""
        return self._state()

    def _state(self) -> dict[str, str]:
        """Return the SHA-256 of every file of the library and of the scripts, and the Python that reads them."""
        files = {path.relative_to(digest.LIBRARY).as_posix(): path for path in digest.LIBRARY.rglob("*.py")}
        files |= {f"scripts/{path.name}": path for path in self.scripts.glob("*.py")}
        return {name: sha256(path) for name, path in sorted(files.items())} | {"python": sys.version}

    @cached_property
    def known(self) -> dict[str, dict[str, Any]]:
        """What was remembered of this state: {script and what it opens: its digest, and that of each module}."""
        state = self.state  # before anything is computed
        try:
            found = read_json(self.memory)
        except DataError:
            return {}  # none, or a damaged one: it is only a memory
        return found["codes"] if isinstance(found, dict) and found.get("state") == state else {}

    def of(self, script: str, opened: tuple[str, ...]) -> tuple[str, dict[str, str]]:
        """Return the digest of the code behind a script, and that of each module which it covers."""
        name = " ".join((script, *opened))
        if name not in self.known:
            entry = self.scripts / script
            modules = digest.module_digests(entry, opened)
            self.known[name] = {"digest": digest.code_digest(entry, opened), "modules": modules}
            self.learnt = True
        return self.known[name]["digest"], self.known[name]["modules"]

    def save(self) -> None:
        """Write what was learnt, unless a file changed meanwhile; a folder that may only be read stays as it is."""
        if self.learnt and self.state == self._state():
            with suppress(OSError):
                write_text(self.memory, dump_json({"state": self.state, "codes": self.known}))

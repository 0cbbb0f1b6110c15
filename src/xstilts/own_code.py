"""The code that a job runs: its own checkout's, and the same that its spec was planned with.

Specs are written when Snakemake starts, and jobs import the code of the moment at which they start: what was edited or
pulled in between would mix two versions in one table.
"""

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.files import read_json, sha256

LIBRARY = Path(__file__).resolve().parent
STORE = "XSTILTS_STORE"  # set by the workflow; without it a script was called by hand, and nobody planned it


def check_library() -> None:
    """Check that a script of a checkout runs that checkout's library.

    Raises:
        UserError: another checkout's was imported.
    """
    script = Path(sys.argv[0]).resolve()
    own = script.parents[2] / "src" / LIBRARY.name if script.parent.name == "scripts" else LIBRARY
    if own != LIBRARY and own.is_dir():
        raise UserError(f"{LIBRARY}: is not the library of this checkout, {own}; set PYTHONPATH={own.parent}")


def files_of(modules: Mapping[str, str]) -> dict[str, str]:
    """Return the SHA-256 of the bytes of each file that a digest covers: equal bytes need no further look.

    Args:
        modules: {module, or name of the script: digest}, as the workflow writes it down.
    """
    return {name: sha256(_file(name)) for name in modules}


def check_code(spec: Mapping[str, Any]) -> None:
    """Check that the code on the disk is that of a job's spec, apart from comments and the like.

    Raises:
        UserError: names the file that changed since the run was planned.
    """
    store = os.environ.get(STORE)
    if store is None:
        return
    record = Path(store) / "code" / spec["code"]
    planned = read_json(record.with_suffix(".files.json"))
    other = [name for name, digest in planned.items() if not _file(name).is_file() or sha256(_file(name)) != digest]
    if not other:
        return
    modules = read_json(record.with_suffix(".json"))
    found = _digests(tuple(modules)) if all(_file(name).is_file() for name in other) else {}
    for name in other:
        if found.get(name) != modules[name]:
            raise UserError(
                f"{_file(name)}: changed since this run was planned; "
                "the same command, started again, plans with the code as it is now"
            )


@contextmanager
def as_planned(spec: Mapping[str, Any]) -> Iterator[None]:
    """Check the code of a job before its work and after it."""
    check_code(spec)
    yield
    check_code(spec)


def _digests(modules: tuple[str, ...]) -> dict[str, str]:
    """Return what the files say now: the module that knows remembers what it has read, and is loaded anew."""
    digest = importlib.reload(importlib.import_module(f"{LIBRARY.name}.graph.digest"))
    (script,) = (_file(name) for name in modules if name.endswith(".py"))
    found: dict[str, str] = digest.module_digests(script, tuple(name for name in modules if not name.endswith(".py")))
    return found


@cache
def _file(name: str) -> Path:
    if name.endswith(".py"):
        return LIBRARY.parents[1] / "workflow" / "scripts" / name
    path = LIBRARY.parent.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

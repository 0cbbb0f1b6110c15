"""The subcommands of `xstilts`, a module each."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xstilts.errors import UserError
from xstilts.files import name_beside


@contextmanager
def new_folder(place: Path) -> Iterator[Path]:
    """Yield a folder that becomes ``place`` when all of it is written; what is not whole goes.

    Raises:
        UserError: ``place`` is there already.
    """
    if place.exists():
        raise UserError(f"{place}: is there already; expected a folder to be made")
    beside = name_beside(place)
    beside.mkdir(parents=True)
    try:
        yield beside
        beside.rename(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)

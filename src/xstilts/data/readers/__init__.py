"""Readers by upstream format: each takes a Source and yields normalised rows, or raises one DataError."""

import importlib
from collections.abc import Callable, Iterator
from types import ModuleType

from xstilts.data.readers.lines import Row, Source, Unique
from xstilts.data.readers.records import FORMATS, Fields
from xstilts.data.registry import DataSet
from xstilts.families.facts import facts

__all__ = ["Row", "Source", "misplaced", "reader"]


def reader(data: DataSet) -> Callable[[Source], Iterator[Row]]:
    """Return the reader that the registry names for a data set: one of records, or of a format of its family."""
    if data.reader in FORMATS:
        return _from_records
    found: Callable[[Source], Iterator[Row]] = getattr(_module(data), data.reader)
    return found


def _from_records(source: Source) -> Iterator[Row]:
    """Yield the rows that the family makes of a file's records, which have unique ids."""
    unique = Unique()
    found = (Fields(source, *record) for record in FORMATS[source.data.reader](source))
    for row in _module(source.data).records(source, found):
        unique(source.files[0], None, row["id"])
        yield row


def misplaced(source: Source) -> set[str]:
    """Return the questions that are left out for answers that do not stand at their offsets (see the reader).

    Raises:
        DataError: more passages than the registry allows for.
    """
    find = getattr(_module(source.data), "misplaced", None)  # a matter of spans alone
    return find(source) if find else set()


def _module(data: DataSet) -> ModuleType:
    return importlib.import_module(f"xstilts.{facts(data.family).reader}")

"""Readers by upstream format: each takes a Source and yields normalised rows, or raises one DataError."""

import importlib
from collections.abc import Callable, Iterator

from xstilts.data.readers.lines import Row, Source
from xstilts.data.registry import DataSet

__all__ = ["Row", "Source", "reader", "reader_module"]


def reader_module(data: DataSet) -> str:
    """Return the dotted name of the module with a data set's reader, which is opened by name: one a family."""
    return f"xstilts.data.readers.{'text' if data.family == 'mlm' else data.family}"


def reader(data: DataSet) -> Callable[[Source], Iterator[Row]]:
    """Return the reader that the registry names for a data set."""
    found: Callable[[Source], Iterator[Row]] = getattr(importlib.import_module(reader_module(data)), data.reader)
    return found

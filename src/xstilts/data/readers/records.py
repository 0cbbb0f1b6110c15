"""Files of no format of their own, as records: JSON lines, and tables with a header.

The registry's ``fields`` say which column holds which field of a row, and each family's reader makes a row of them
(``record`` in its module). A column ``a.b`` is key ``b`` inside key ``a`` where no column has that whole name.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xstilts.data.readers.lines import Source, check_header, decode, json_lines, read
from xstilts.errors import DataError

Record = Mapping[str, Any]
DELIMITERS = {".csv": ",", ".tsv": "\t"}
QUOTED = re.compile(r'"(?:[^"]|"")*"')
MAY_LACK = ("label", "tags")  # columns that a test file may be without: its rows have no labels


def jsonl(source: Source) -> Iterator[tuple[Path, int, Record]]:
    """Yield (file, row from 1, object) of JSON lines."""
    for path in source.files:
        for row, values in json_lines(path):
            yield path, row, values


def delimited(source: Source) -> Iterator[tuple[Path, int, Record]]:
    """Yield (file, line, values by column) of ``.csv`` and ``.tsv`` with a header, columns quoted or not."""
    wanted = tuple(
        name
        for field, column in source.data.fields.items()
        for name in ((column,) if isinstance(column, str) else column)
        if source.split != "test" or field not in MAY_LACK
    )
    for path in source.files:
        delimiter = DELIMITERS.get(path.suffix)
        if delimiter is None:
            raise DataError(path, f"the suffix {path.suffix!r}", f"one of {' '.join(DELIMITERS)}")
        content = decode(path, read(path))
        plain: dict[str, Any] = {"quoting": csv.QUOTE_NONE} if delimiter == "\t" and _is_plain(content) else {}
        table = csv.reader(io.StringIO(content, newline=""), strict=True, delimiter=delimiter, **plain)
        begins = 1  # where the row begins that is read: a quote that nothing closes takes all lines to the end
        try:
            header = next(table)
            check_header(path, header, wanted)
            begins = table.line_num + 1
            for values in table:
                if len(values) != len(header):
                    raise DataError(path, f"{len(values)} columns", f"{len(header)} as in the header", table.line_num)
                yield path, table.line_num, dict(zip(header, values, strict=True))
                begins = table.line_num + 1
        except csv.Error as error:
            raise DataError(path, f"a broken table ({error})", "quoted or plain columns", begins) from None


def _is_plain(content: str) -> bool:
    """Say whether quotes of a tab-separated table are text: each line has all columns, and some quote closes nothing.

    Read as quoting, one at the beginning of a field would take the lines up to the next quote into that field.
    """
    rows = [line.split("\t") for line in re.split(r"\r\n|\n|\r", content) if line]
    torn = any(one.startswith('"') and not QUOTED.fullmatch(one) for row in rows for one in row)
    return torn and len({len(row) for row in rows}) == 1


FORMATS = {"jsonl": jsonl, "delimited": delimited}


class Fields:
    """The fields of one record: each access checks, and an error names file, row and column."""

    def __init__(self, source: Source, path: Path, row: int, record: Record) -> None:
        self.source, self.path, self.row, self.record = source, path, row, record

    def has(self, field: str) -> bool:
        """Say whether the data set has a field at all."""
        return field in self.source.data.fields

    def lacks(self, field: str) -> bool:
        """Say whether this is a row of a test file that is without its labels."""
        return self.source.split == "test" and field in MAY_LACK and not self._is_there(self.source.data.fields[field])

    def value(self, field: str) -> Any:
        """Return what the record holds; DataError when it has no such column."""
        return self._at(self.source.data.fields[field])

    def values(self, field: str, words: bool = False) -> list[Any]:
        """Return a list: that of several columns, or the one in the column; with ``words`` those of a text."""
        column = self.source.data.fields[field]
        if not isinstance(column, str):
            return [self._at(one) for one in column]
        found = self._at(column)
        if isinstance(found, str) and words:  # a table has no lists
            found = found.split()
        if not isinstance(found, list):
            raise self.error(f"{type(found).__name__} under {column!r}", "a list, or several columns")
        return found

    def text(self, field: str) -> str:
        """Return a text without outer white space; DataError when there is none."""
        found = self.value(field)
        if not isinstance(found, str):
            raise self.error(f"{type(found).__name__} under {self.source.data.fields[field]!r}", "a text")
        if not found.strip():
            raise self.error(f"an empty {self.source.data.fields[field]!r}", "a text")
        return found.strip()

    def dropped(self, field: str) -> bool:
        """Say whether a row's label, as it is spelt upstream, is one whose rows are left out."""
        drop = self.source.data.drop
        return bool(drop) and not self.lacks(field) and str(self.value(field)) in drop

    def label(self, field: str) -> str | None:
        """Return the label that an upstream spelling stands for, None where a row has none."""
        if not self.has(field) or self.lacks(field):
            return None
        found = self.value(field)
        if found is None or found == "":
            return None
        data = self.source.data
        name = data.label_names.get(str(found), str(found))
        if data.labels and name not in data.labels:
            raise self.error(f"the label {str(found)!r}", f"one of {' '.join({*data.labels, *data.label_names})}")
        return name

    def name(self, number: int) -> str:
        """Return the row's id, else its number."""
        return str(self.value("id")) if self.has("id") else str(number)

    def error(self, found: str, expected: str) -> DataError:
        """Return the error of this row."""
        return DataError(self.path, found, expected, self.row)

    def _is_there(self, column: str) -> bool:
        if column in self.record:
            return True
        found: Any = self.record
        for key in column.split("."):
            if not isinstance(found, Mapping) or key not in found:
                return False
            found = found[key]
        return True

    def _at(self, column: str) -> Any:
        if column in self.record:
            return self.record[column]
        found: Any = self.record
        for key in column.split("."):
            if not isinstance(found, Mapping) or key not in found:
                raise self.error(f"no column {column!r}", f"one of {' '.join(self.record)}")
            found = found[key]
        return found

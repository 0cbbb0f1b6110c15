"""Data sets on the Hub: from their tables to files in the layout that the readers read."""

import csv
import gzip
import json
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from xstilts.data.fetching.download import FIRST_PAUSE, DownloadError, HostGone
from xstilts.data.fetching.hub import Say, fetch
from xstilts.data.fetching.hub_sets import HubSet, places
from xstilts.data.fetching.lock import Pin, matches
from xstilts.data.readers.lines import check_unpacked
from xstilts.data.registry import language_names
from xstilts.errors import DataError

Table = Iterator[dict[str, Any]]
LONGEST_SHIFT = 20  # characters of white space that a passage may have lost at its beginning
NO_LABEL = "-"  # what a label index of -1 stands for, as the NLI files write it


def bring(
    name: str,
    entry: HubSet,
    pin: Pin,
    languages: Iterable[str],
    store: Path,
    origin: Path,
    say: Say,
    first_pause: float = FIRST_PAUSE,
) -> list[str]:
    """Fetch a data set's pinned tables to ``store`` and write the readers' files below ``origin``.

    Returns:
        A line for each file that cannot be had, or has another content than is known.

    Raises:
        PinMismatch: a file of another hash than is pinned. UserError: a full disk.
    """
    missing: list[str] = []
    store = store.resolve()
    written = {(pattern, file): language for language, pattern, file in reversed(places(name, entry, languages))}
    for (pattern, file), language in reversed(written.items()):  # one file may be that of all languages
        names = [path for path in pin.files if matches(path, pattern)]
        try:
            tables = fetch(pin, "dataset", names, store, say, first_pause)
            place = origin / file
            place.parent.mkdir(parents=True, exist_ok=True)
            note = FORMS[entry.form](entry, tables, language, place)
            if note:
                say(f"{entry.repository}: {file}: {note}")
        except HostGone as error:
            return [*missing, str(error)]
        except (DownloadError, DataError) as error:
            missing.append(str(error).replace(f"{store}/", f"{entry.repository}/"))
    return missing


def table(path: Path, no_label: str | None = NO_LABEL) -> Table:
    """Yield the rows of a parquet file, labels by the names that its features give them; ``no_label`` for -1."""
    from datasets import ClassLabel, Features
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        opened = ParquetFile(path)
        features = Features.from_arrow_schema(opened.schema_arrow)
        labels = {}
        for column, kind in features.items():
            inner = getattr(kind, "feature", kind)  # of a list
            if isinstance(inner, ClassLabel):
                labels[column] = inner.names
        for batch in opened.iter_batches():
            for row in batch.to_pylist():
                for column, names in labels.items():
                    value = row[column]
                    listed = isinstance(value, list)
                    row[column] = [_known(names, one) for one in value] if listed else _name(names, value, no_label)
                yield row
    except IndexError:
        raise DataError(path, "a label index beyond the names of the features", "one of them in each row") from None
    except (ArrowException, OSError) as error:
        raise DataError(path, f"broken parquet ({str(error).splitlines()[0]})", "a whole parquet file") from None


def _name(names: list[str], index: int | None, no_label: str | None) -> str | None:
    return None if index is None else no_label if index == -1 else _known(names, index)


def _known(names: list[str], index: int) -> str:
    if index < 0:  # which Python counts from the end
        raise IndexError
    return names[index]


def _rows(tables: list[Path], columns: Iterable[str]) -> Table:
    """Yield the rows of all shards of a table, which must have these columns."""
    for path in tables:
        for number, row in enumerate(table(path), start=1):
            lacking = [column for column in columns if row.get(column) is None]
            if lacking:
                raise DataError(path, f"no {' '.join(lacking)}", f"the columns {' '.join(columns)}", number)
            yield row


def _copy(entry: HubSet, tables: list[Path], language: str, place: Path) -> None:
    place.write_bytes(b"".join(path.read_bytes() for path in tables))


def _member(entry: HubSet, tables: list[Path], language: str, place: Path) -> None:
    """The file of the written one's name in a tar archive, wherever it lies there."""
    (path,) = tables
    try:
        with tarfile.open(path) as tarred:
            for member in tarred:
                if member.isfile() and member.name.rsplit("/", 1)[-1] == place.name:
                    check_unpacked(path, member.name, member.size)
                    opened = tarred.extractfile(member)
                    assert opened is not None  # a regular file
                    with opened, open(place, "wb") as handle:
                        shutil.copyfileobj(opened, handle, 1 << 20)
                    return
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(path, f"a broken archive ({error})", "a whole one") from None
    raise DataError(path, f"no {place.name}", "it in the archive")


def _json_lines(entry: HubSet, tables: list[Path], language: str, place: Path) -> None:
    rows = _rows(tables, entry.columns.values())
    _write_json_lines(place, ({key: row[column] for key, column in entry.columns.items()} for row in rows))


def _csqa(entry: HubSet, tables: list[Path], language: str, place: Path) -> None:
    def nested(row: dict[str, Any]) -> dict[str, Any]:
        choices = zip(row["choices"]["label"], row["choices"]["text"], strict=True)
        question = {"stem": row["question"], "choices": [{"label": label, "text": text} for label, text in choices]}
        return {"id": row["id"], "question": question, "answerKey": row["answerKey"]}

    _write_json_lines(place, map(nested, _rows(tables, ("id", "question", "choices", "answerKey"))))


def _records(entry: HubSet, tables: list[Path], language: str, place: Path) -> None:
    """The columns that a user's own data set reads, under their own names; empty ones too.

    A row without a label is `-`, which `drop` may name; on a test split, which may be without labels, it has none.
    """
    no_label = None if place.name.startswith("test-") else NO_LABEL
    rows = (row for path in tables for row in table(path, no_label))
    _write_json_lines(place, ({key: row.get(column) for key, column in entry.columns.items()} for row in rows))


def _csv(entry: HubSet, tables: list[Path], language: str, place: Path) -> None:
    with open(place, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(entry.columns)
        for row in _rows(tables, entry.columns.values()):
            writer.writerow([row[column] for column in entry.columns.values()])


def _table(entry: HubSet, tables: list[Path], language: str, place: Path, header: bool = True) -> None:
    """Tab-separated without quoting: a tab or line break inside a text becomes a space."""
    with open(place, "w", encoding="utf-8", newline="\n") as handle:
        if header:
            handle.write("\t".join(entry.columns) + "\n")
        for row in _rows(tables, entry.columns.values()):
            handle.write("\t".join(_flat(row[column]) for column in entry.columns.values()) + "\n")


def _tags(entry: HubSet, tables: list[Path], language: str, place: Path) -> None:
    """PAN-X's lines: ``language:word TAB tag``, a blank line after each sentence.

    A line of the archives without a colon stands in the table as an empty word, and whole under ``langs``; it is left
    out, as the reader of the archives leaves it out.
    """
    words, tags = entry.columns["word"], entry.columns["tag"]
    with open(place, "w", encoding="utf-8", newline="\n") as handle:
        for row in _rows(tables, (words, tags)):
            before = row.get("langs") or [language] * len(row[words])
            for word, tag, prefix in zip(row[words], row[tags], before, strict=True):
                if word or prefix == language:
                    handle.write(f"{language}:{_flat(word)}\t{tag}\n")
            handle.write("\n")


def _squad(
    entry: HubSet,
    tables: list[Path],
    language: str,
    place: Path,
    unanswerable: bool = False,
    of_language: bool = False,
) -> str | None:
    """SQuAD's JSON; consecutive questions on one passage share it, and consecutive passages of one title an article."""
    rows: Iterable[dict[str, Any]] = _rows(tables, ("id", "context", "question", "answers"))
    if of_language:
        prefix = language_names(language)["name"] + "-"
        rows = (row for row in rows if row["id"].startswith(prefix))
    articles, moved = [], 0
    for title, of_title in groupby(rows, key=lambda row: row.get("title")):
        paragraphs = []
        for context, questions in groupby(of_title, key=lambda row: row["context"]):
            paragraph, shifted = paragraph_of(context, list(questions), unanswerable)
            paragraphs.append(paragraph)
            moved += shifted
        articles.append({"paragraphs": paragraphs} | ({"title": title} if title else {}))
    place.write_text(json.dumps({"version": "hub", "data": articles}, ensure_ascii=False), encoding="utf-8")
    return f"answers of {moved} passages put back to where they stand" if moved else None


def paragraph_of(context: str, rows: list[dict[str, Any]], unanswerable: bool) -> tuple[dict[str, Any], bool]:
    """Return a passage with its questions, and whether its answers had to be put back to where they stand.

    The scripts that made the tables of XQuAD, MLQA and TyDi QA stripped passages and answers of outer white space and
    left ``answer_start`` as it was. What was cut from the passage's beginning is the same for all its answers: the
    smallest shift with which every answer stands at its place; white space that began an answer moves it alone.
    Where no shift fits, offsets stay as they are, and the reader names the answer.
    """
    asked = [list(zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True)) for row in rows]
    for shift in range(LONGEST_SHIFT + 1):
        placed = [[_placed(context, text, start - shift) for text, start in answers] for answers in asked]
        if all(start is not None for starts in placed for start in starts):
            break
    else:
        placed = [[start for _, start in answers] for answers in asked]
    moved = any(
        new != old
        for starts, answers in zip(placed, asked, strict=True)
        for new, (_, old) in zip(starts, answers, strict=True)
    )
    questions = []
    for row, answers, starts in zip(rows, asked, placed, strict=True):
        found = [{"text": text, "answer_start": start} for (text, _), start in zip(answers, starts, strict=True)]
        question = {"id": row["id"], "question": row["question"], "answers": found}
        questions.append(question | ({"is_impossible": not found} if unanswerable else {}))
    return {"context": context, "qas": questions}, moved


def _placed(context: str, text: str, start: int) -> int | None:
    """Return where an answer stands at or behind white space from ``start`` on, None when it does not."""
    while 0 <= start < len(context) and not context.startswith(text, start) and context[start].isspace():
        start += 1
    return start if start >= 0 and context.startswith(text, start) else None


def _flat(value: object) -> str:
    return re.sub(r"[\t\r\n]+", " ", str(value)).strip()


def _write_json_lines(place: Path, rows: Iterable[dict[str, Any]]) -> None:
    with open(place, "w", encoding="utf-8", newline="\n") as handle:
        for row in rows:
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")


FORMS: dict[str, Callable[[HubSet, list[Path], str, Path], str | None]] = {
    "copy": _copy,
    "member": _member,
    "json_lines": _json_lines,
    "csqa": _csqa,
    "csv": _csv,
    "table": _table,
    "pairs": partial(_table, header=False),
    "tags": _tags,
    "records": _records,
    "squad": _squad,
    "squad_v2": partial(_squad, unanswerable=True),
    "squad_of_language": partial(_squad, of_language=True),
}

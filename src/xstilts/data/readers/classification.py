"""Sentence pairs: NLI JSON lines, XTREME's tab-separated pairs, and QQP as GLUE has it; of records texts alone too."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from xstilts.data.readers.lines import (
    Row,
    Source,
    Unique,
    check_header,
    columns,
    filled,
    json_lines,
    label,
    lines,
    need,
)
from xstilts.data.readers.records import Fields
from xstilts.data.rows.purity import text_hash
from xstilts.errors import DataError


def nli(source: Source) -> Iterator[Row]:
    """Yield the rows of MultiNLI, SNLI and ANLI files, whose keys the registry names.

    Rows with a gold label of ``drop`` are left out (SNLI's "-"). Ids are the file's where it promises unique ones
    (ANLI); MultiNLI's and SNLI's are row numbers, because pairID is neither always there nor always unique. XNLI's
    translations of MultiNLI (``.tsv``) are a table in the order of the English rows.
    """
    if source.files[0].suffix == ".tsv":
        yield from _translated_nli(source)
        return
    keys, unique, number = source.data.fields, Unique(), 0
    for path in source.files:
        for row, values in json_lines(path):
            found = need(path, row, values, keys["label"])
            name = unique(path, row, need(path, row, values, keys["id"])) if "id" in keys else str(number)
            number += 1
            if found in source.data.drop:
                continue
            text_a = filled(path, row, need(path, row, values, keys["text_a"]), keys["text_a"])
            text_b = filled(path, row, need(path, row, values, keys["text_b"]), keys["text_b"])
            yield _row(source, name, text_a, text_b, label(source, path, row, found))


def _translated_nli(source: Source) -> Iterator[Row]:
    (path,) = source.files
    header, *rows = lines(path)
    check_header(path, header.split("\t"), ("premise", "hypo", "label"))
    for row, line in enumerate(rows, start=2):
        text_a, text_b, found = columns(path, row, line, 3)
        name = label(source, path, row, "contradiction" if found == "contradictory" else found)
        yield _row(source, str(row - 2), text_a.strip(), text_b.strip(), name)


def pairs(source: Source) -> Iterator[Row]:
    """Yield the rows of ``text_a TAB text_b TAB label`` files (CR LF or LF, no header, no quoting).

    The id is the row number from 0, the same in all languages. Labels of a test split come from a file of their own
    with one label a line; without one they are None. PAWS-X's own training translations have a header and an id.
    """
    path, *label_files = source.files
    rows = lines(path)
    if rows[0].split("\t") == ["id", "sentence1", "sentence2", "label"]:
        yield from _translated_pairs(source, path, rows[1:])
        return
    labels = _labels(source, label_files[0], path, len(rows)) if label_files else None
    # A test file as XTREME writes it has no labels; a mirror of the labelled original may still have them. The first
    # row decides for all, so that a row that lost its second text is not taken for one without a label.
    labelled = labels is None and (source.split != "test" or rows[0].count("\t") == 2)
    for index, line in enumerate(rows):
        text_a, text_b, *found = columns(path, index + 1, line, 3 if labelled else 2)
        name = label(source, path, index + 1, found[0].strip()) if found else labels[index] if labels else None
        text_a = filled(path, index + 1, text_a, "first text")
        yield _row(source, str(index), text_a, filled(path, index + 1, text_b, "second text"), name)


def _translated_pairs(source: Source, path: Path, rows: list[str]) -> Iterator[Row]:
    """Yield training translations under the ids of their English rows, which are counted from 0; the files' from 1.

    By them rows that choose a checkpoint in English are left out in translation too.
    """
    read = [columns(path, row, line, 4) for row, line in enumerate(rows, start=2)]
    first = min((int(name) for name, *_ in read if name.isdecimal()), default=1) and 1
    for row, (name, text_a, text_b, found) in enumerate(read, start=2):
        if not name.isdecimal():
            raise DataError(path, f"the id {name!r}", "the number of the English row", row)
        own = str(int(name) - first)
        yield _row(source, own, text_a.strip(), text_b.strip(), label(source, path, row, found.strip()))


def _labels(source: Source, path: Path, texts: Path, count: int) -> list[str]:
    found = lines(path)
    if len(found) != count:
        raise DataError(path, f"{len(found)} labels", f"{count}, one for each row of {texts.name}")
    return [label(source, path, row, value.strip()) for row, value in enumerate(found, start=1)]


def qqp(source: Source) -> Iterator[Row]:
    """Yield the rows of GLUE's QQP files: a header, tab-separated, no quoting.

    An empty question is kept: the upstream training file has some, and its size is counted with them.
    """
    (path,) = source.files
    header, *rows = lines(path)
    names = header.split("\t")
    check_header(path, names, ("id", "question1", "question2", "is_duplicate"))
    unique = Unique()
    for row, line in enumerate(rows, start=2):
        values = dict(zip(names, columns(path, row, line, len(names)), strict=True))
        name = label(source, path, row, values["is_duplicate"])
        texts = values["question1"].strip(), values["question2"].strip()
        yield _row(source, unique(path, row, values["id"]), *texts, name)


def _row(source: Source, name: str, text_a: str, text_b: str | None, label: str | None) -> Row:
    group = text_hash(text_a)
    return {
        "id": name,
        "language": source.language,
        "group": group,
        "text_a": text_a,
        "text_b": text_b,
        "label": label,
    }


def records(source: Source, found: Iterable[Fields]) -> Iterator[Row]:
    """Yield the rows of records with ``text_a``, ``text_b``, ``label``, ``id``, ``group``.

    Without such a field ``text_b`` is None: a text alone, which is no pair with an empty second text. Rows whose label
    is one of ``drop`` are left out.
    """
    for number, fields in enumerate(found):
        if not fields.dropped("label"):
            yield _record(source, fields, number)


def _record(source: Source, fields: Fields, number: int) -> Row:
    text_b = fields.text("text_b") if fields.has("text_b") else None
    row = _row(source, fields.name(number), fields.text("text_a"), text_b, fields.label("label"))
    return row | ({"group": str(fields.value("group"))} if fields.has("group") else {})

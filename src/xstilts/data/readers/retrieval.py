"""Parallel sentences to find: Tatoeba's line-aligned pairs and BUCC's corpora with a list of gold pairs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from xstilts.data.readers.lines import Row, Source, Unique, columns, filled, lines
from xstilts.data.readers.records import Fields
from xstilts.data.rows.purity import text_hash
from xstilts.errors import DataError


def tatoeba(source: Source) -> Iterator[Row]:
    """Yield the foreign sentences in file order, then the English ones sorted on their stripped text (stable).

    XTREME sorts the English side to hide the alignment; the submission gives, for each sorted English sentence, the
    0-based line of the foreign file.
    """
    foreign_path, english_path = source.files
    foreign, english = _stripped(foreign_path), _stripped(english_path)
    if len(foreign) != len(english):
        raise DataError(english_path, f"{len(english)} lines", f"{len(foreign)}, as in {foreign_path.name}")
    # The English sentence is the unit of resampling: a sixth of them are in several languages.
    for index, text in enumerate(foreign):
        yield _row(source, f"{source.language}-{index}", text_hash(english[index]), "foreign", text, [f"en-{index}"])
    for index, text in sorted(enumerate(english), key=lambda item: item[1]):
        yield _row(source, f"en-{index}", text_hash(text), "english", text, [f"{source.language}-{index}"])


def _stripped(path: Path) -> list[str]:
    return [filled(path, row, line, "sentence") for row, line in enumerate(lines(path), start=1)]


def bucc(source: Source) -> Iterator[Row]:
    """Yield the foreign, then the English sentences (``id TAB sentence``), matched by the gold pairs ``id TAB id``."""
    foreign_path, english_path, gold_path = source.files
    foreign, english = _numbered(foreign_path), _numbered(english_path)
    matches: dict[str, list[str]] = defaultdict(list)
    for row, line in enumerate(lines(gold_path), start=1):
        pair = columns(gold_path, row, line, 2)
        for name, known, path in zip(pair, (foreign, english), (foreign_path, english_path), strict=True):
            if name not in known:
                raise DataError(gold_path, f"the id {name!r}", f"an id of {path.name}", row)
        matches[pair[0]].append(pair[1])
        matches[pair[1]].append(pair[0])
    for name, text in foreign.items():
        yield _row(source, name, name, "foreign", text, matches.get(name, []))
    for name, text in english.items():
        # The pair is the unit of resampling: the English side carries the id of its foreign sentence.
        yield _row(source, name, matches.get(name, [name])[0], "english", text, matches.get(name, []))


def _numbered(path: Path) -> dict[str, str]:
    unique, found = Unique(), {}
    for row, line in enumerate(lines(path), start=1):
        name, text = columns(path, row, line, 2)
        found[unique(path, row, name)] = filled(path, row, text, "sentence")
    return found


def _row(source: Source, name: str, group: str, side: str, text: str, matches: list[str]) -> Row:
    language = source.language if side == "foreign" else "en"
    return {"id": name, "language": language, "group": group, "side": side, "text": text, "matches": matches}


def records(source: Source, found: Iterable[Fields]) -> Iterator[Row]:
    """Yield the two sides of records with ``text``, ``english`` (its translation) and ``id``.

    As in Tatoeba the English side is sorted, so that its order says nothing.
    """
    pairs = [(fields.name(number), fields.text("text"), fields.text("english")) for number, fields in enumerate(found)]
    for name, text, _ in pairs:
        yield _row(source, f"{source.language}-{name}", name, "foreign", text, [f"en-{name}"])
    for name, _, text in sorted(pairs, key=lambda pair: pair[2]):
        yield _row(source, f"en-{name}", name, "english", text, [f"{source.language}-{name}"])

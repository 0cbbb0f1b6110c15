"""Words and tags: XTREME's UDPOS files, CCG supertags, and PAN-X from its folders or archives."""

import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from xstilts.data.readers.lines import Row, Source, check_unpacked, columns, decode, lines, read, split_lines
from xstilts.data.readers.records import Fields
from xstilts.data.rows.purity import text_hash
from xstilts.errors import DataError

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")  # columns


def word_tags(source: Source) -> Iterator[Row]:
    """Yield one row a sentence of a file of ``word TAB tag`` lines with a blank line between sentences.

    A test file may hold the words alone: its tags are None. A sentence may have any length.
    """
    (path,) = source.files
    found = lines(path)
    tagged = source.split != "test" or "\t" in next(line for line in found if line)
    for index, (first, sentence) in enumerate(_sentences(found)):
        words = [columns(path, first + offset, line, 2 if tagged else 1) for offset, line in enumerate(sentence)]
        for offset, (word, *tag) in enumerate(words):
            if not word.strip():
                raise DataError(path, "an empty word", "a word before the tab", first + offset)
            _check_tag(source, path, first + offset, [source.data.label_names.get(one, one) for one in tag])
        tags = [source.data.label_names.get(word[1], word[1]) for word in words] if tagged else None
        yield _row(source, index, [word[0] for word in words], tags)


def panx(source: Source) -> Iterator[Row]:
    """Yield one row a sentence of a PAN-X split: ``language:word TAB tag`` lines, blank lines between sentences.

    The split lies in a folder or as a member of that language's ``.tar.gz``. As XTREME reads it: the word is what
    follows the first colon, and a line whose word has no colon before it is left out.
    """
    (path,) = source.files
    content = _member(path, source.split) if path.name.endswith(".tar.gz") else read(path)
    index = 0
    for first, sentence in _sentences(split_lines(decode(path, content))):
        tokens, tags = [], []
        for offset, line in enumerate(sentence):
            word, tag = columns(path, first + offset, line, 2)
            _check_tag(source, path, first + offset, [tag])
            if ":" in word:
                tokens.append(word.split(":", 1)[1].strip())
                tags.append(tag)
        if tokens:
            yield _row(source, index, tokens, tags)
            index += 1


def _sentences(found: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield (1-based line of the first word, the lines) of each run of lines that are not blank."""
    sentence: list[str] = []
    for number, line in enumerate([*found, ""], start=1):
        if line.strip():
            sentence.append(line)
        elif sentence:
            yield number - len(sentence), sentence
            sentence = []


def _check_tag(source: Source, path: Path, row: int, tag: list[str]) -> None:
    if tag and not tag[0].strip():
        raise DataError(path, "an empty tag", "a tag after the tab", row)
    if tag and source.data.labels and tag[0] not in source.data.labels:
        raise DataError(path, f"the tag {tag[0]!r}", f"one of {' '.join(source.data.labels)}", row)


def _member(path: Path, name: str) -> bytes:
    """Return the member of a ``.tar.gz`` whose last path component is ``name``; nothing is unpacked to disk."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                check_unpacked(path, member.name, member.size)
                handle = archive.extractfile(member) if member.name.rsplit("/", 1)[-1] == name else None
                if handle is not None:
                    return handle.read()
    except (EOFError, tarfile.TarError, zlib.error, OSError) as error:
        raise DataError(path, f"a broken archive ({error})", "a whole .tar.gz") from None
    raise DataError(path, f"no member {name!r}", "train, dev and test in the archive")


def _row(source: Source, index: int, tokens: list[str], tags: list[str] | None) -> Row:
    group = text_hash(" ".join(tokens))
    return {"id": str(index), "language": source.language, "group": group, "tokens": tokens, "tags": tags}


def conllu(source: Source) -> Iterator[Row]:
    """Yield the sentences of CoNLL-U files: syntactic words and the tags of the column that ``fields`` names as tags.

    Lines of multiword tokens (``1-2``) and empty nodes (``1.1``) are left out, as their words have lines of their own.
    """
    column = CONLLU.index(source.data.fields.get("tags", "upos"))
    index = 0
    for path in source.files:
        for first, sentence in _sentences(lines(path)):
            numbered = [(first + offset, line) for offset, line in enumerate(sentence) if not line.startswith("#")]
            cells = [(row, columns(path, row, line, len(CONLLU))) for row, line in numbered]
            words = [(row, found) for row, found in cells if found[0].isdigit()]
            if not words:
                continue
            tags = [source.data.label_names.get(found[column], found[column]) for _, found in words]
            for (row, _), tag in zip(words, tags, strict=True):
                _check_tag(source, path, row, [tag])
            yield _row(source, index, [found[1] for _, found in words], tags)
            index += 1


def records(source: Source, found: Iterable[Fields]) -> Iterator[Row]:
    """Yield the rows of records with ``tokens`` and ``tags`` (lists, or texts of words), ``id``, ``group``."""
    for number, fields in enumerate(found):
        yield _record(source, fields, number)


def _record(source: Source, fields: Fields, number: int) -> Row:
    tokens, tags = [str(token) for token in fields.values("tokens", words=True)], None
    if not tokens or not all(token.strip() for token in tokens):
        raise fields.error("an empty word" if tokens else "no words", "a word or more")
    if fields.has("tags") and not fields.lacks("tags") and fields.value("tags"):
        tags = [source.data.label_names.get(str(tag), str(tag)) for tag in fields.values("tags", words=True)]
        if len(tags) != len(tokens):
            raise fields.error(f"{len(tags)} tags for {len(tokens)} words", "a tag for each word")
        for tag in tags:
            _check_tag(source, fields.path, fields.row, [tag])
    row = _row(source, number, tokens, tags) | {"id": fields.name(number)}
    return row | ({"group": str(fields.value("group"))} if fields.has("group") else {})

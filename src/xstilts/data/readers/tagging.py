"""Words and tags: XTREME's UDPOS files, CCG supertags, and PAN-X from its folders or archives."""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from xstilts.data.purity import text_hash
from xstilts.data.readers.lines import Row, Source, columns, decode, lines, read, split_lines
from xstilts.errors import DataError


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
            _check_tag(source, path, first + offset, tag)
        tags = [word[1] for word in words] if tagged else None
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
                handle = archive.extractfile(member) if member.name.rsplit("/", 1)[-1] == name else None
                if handle is not None:
                    return handle.read()
    except (EOFError, tarfile.TarError, zlib.error, OSError) as error:
        raise DataError(path, f"a broken archive ({error})", "a whole .tar.gz") from None
    raise DataError(path, f"no member {name!r}", "train, dev and test in the archive")


def _row(source: Source, index: int, tokens: list[str], tags: list[str] | None) -> Row:
    group = text_hash(" ".join(tokens))
    return {"id": str(index), "language": source.language, "group": group, "tokens": tokens, "tags": tags}

"""Raw text from Wikipedia: as many sentences of a language as are wanted, out of the first of its files on the Hub.

The repository holds a dump of every Wikipedia as parquet, a row an article (``id url title text``), in files of the
same number of articles. What is wanted is a small part of most: the footer of the first file is read, then the texts of
one row group after the other until there are enough sentences.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.data.fetching.download import FIRST_PAUSE
from xstilts.data.fetching.hub import Say
from xstilts.data.fetching.lock import Pin, matches
from xstilts.data.fetching.ranges import RangedFile
from xstilts.data.fetching.sentences import paragraphs
from xstilts.errors import DataError
from xstilts.files import read_json

REPOSITORY = "wikimedia/wikipedia"
DUMP = "20231101"
# Of a mirror's raw text: the paper's (v1, section 2.3 and appendix A.1).
# fmt: off
LANGUAGES = ("af", "ar", "bg", "bn", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "he", "hi", "hu", "id", "it",
             "ja", "jv", "ka", "kk", "ko", "ml", "mr", "ms", "my", "nl", "pt", "ru", "sw", "ta", "te", "th", "tl", "tr",
             "ur", "vi", "yo", "zh")
# fmt: on
SENTENCES, ALPHA = 2_000_000, 0.3
COLUMNS = ("id", "url", "title", "text")
PLACE = "text/wikipedia/{language}.txt"  # below a mirror
SIZES = "text/wikipedia/sizes.json"  # {language: bytes of all its files on the Hub}
MARGIN = 1.05  # on the share of a language: a few paragraphs are evaluated, and left out later
BYTES_A_SENTENCE = 120  # in the files, before anything was read: XQuAD's passages as parquet take 117, in ten languages
BYTES_OF_FOOTER = 100_000  # of a file (assumed)


def first_file(language: str) -> str:
    """Return the pattern of the file that a language is read from."""
    return f"{DUMP}.{language}/train-00000-of-*.parquet"


def all_files(language: str) -> str:
    """Return the pattern of all files of a language: their bytes say how large it is."""
    return f"{DUMP}.{language}/train-*.parquet"


def sized(languages: Iterable[str]) -> list[str]:
    """Return the patterns of which the pin has the bytes."""
    return [pattern for code in languages for pattern in (first_file(code), all_files(code))]


def languages_of(pin: Pin) -> list[str]:
    """Return the languages that a pin of the repository has."""
    return [pattern.split("/")[0].partition(".")[2] for pattern in pin.sizes if pattern.endswith("/train-*.parquet")]


def sizes_of(pin: Pin | None, languages: Iterable[str]) -> dict[str, int]:
    """Return {language: bytes of all its files} of the languages that are pinned."""
    return {code: pin.sizes[all_files(code)] for code in languages if pin and pin.sizes.get(all_files(code))}


def part(pin: Pin | None, language: str) -> dict[str, Any] | None:
    """Return what a pin says of a language's first file, None when nothing."""
    pattern = first_file(language)
    name = next((path for path in (pin.files if pin else ()) if matches(path, pattern)), None)
    if pin is None or name is None or pattern not in pin.sizes:
        return None
    return {"commit": pin.commit, "name": name, "sha256": pin.files[name], "bytes": pin.sizes[pattern]}


def expected_bytes(share: int, whole: int | None) -> int:
    """Return how many bytes a share should take of a file of ``whole`` bytes, None: of unknown size."""
    expected = BYTES_OF_FOOTER + math.ceil(share * MARGIN) * BYTES_A_SENTENCE
    return expected if whole is None else min(expected, whole)


@dataclass(frozen=True)
class Text:
    """The sentences of a language by paragraph, and what they took."""

    paragraphs: list[list[str]]
    articles: int
    row_groups: list[int]  # read, of
    used: int  # bytes that were read of the file
    came: int  # bytes that came over the network for it now
    whole: int  # bytes of the file

    @property
    def sentences(self) -> int:
        """The number of sentences."""
        return sum(map(len, self.paragraphs))


def fetch(
    language: str, share: int, found: Mapping[str, Any], store: Path, say: Say, first_pause: float = FIRST_PAUSE
) -> Text:
    """Fetch the sentences of a language, ``share`` and a margin or all of its first file; no sentence comes twice.

    Args:
        language: its code.
        share: how many sentences are wanted.
        found: what the pin says of the file; see ``part``.
        store: a folder for the parts of it, which stay there: the next call goes on where this one ended.
        say: takes lines for a person.
        first_pause: seconds before a failed request is tried again; see ``download``.

    Raises:
        PinMismatch: the file is another one than was pinned. DataError: it is not such a table. DownloadError: it
        cannot be read. UserError: a full disk.
    """
    pin = Pin(REPOSITORY, found["commit"], {found["name"]: found["sha256"]})
    file = RangedFile(pin, found["name"], found["bytes"], store, say, first_pause)
    wanted, seen = math.ceil(share * MARGIN), set[str]()
    kept: list[list[str]] = []
    articles = read = 0
    table = _table(file)
    for texts in _row_groups(table, file):
        articles, read = articles + len(texts), read + 1
        for text in texts:
            for paragraph in paragraphs(text, language):
                new = [one for one in dict.fromkeys(paragraph) if one not in seen]
                seen.update(new)
                kept += [new] if new else []
        if len(seen) >= wanted:
            break
    groups = [read, table.metadata.num_row_groups]
    made = Text(kept, articles, groups, file.used, file.came, file.bytes)
    say(
        f"{REPOSITORY}/{found['name']}: {made.sentences:,} sentences of {articles:,} articles; {file.used:,} of "
        f"{file.bytes:,} bytes in {groups[0]} of {groups[1]} row groups, {file.came:,} of them fetched now"
    )
    return made


def _table(file: RangedFile) -> Any:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        table = ParquetFile(file, pre_buffer=False)
    except ArrowException as error:
        raise _refused(file, str(error).splitlines()[0], "a parquet file") from None
    kinds = {str(kind).removeprefix("large_") for kind in table.schema_arrow.types}
    if tuple(table.schema_arrow.names) != COLUMNS or kinds != {"string"}:
        raise _refused(file, f"columns {table.schema_arrow.names}", f"{' '.join(COLUMNS)}, all of them texts")
    counted = sum(table.metadata.row_group(place).num_rows for place in range(table.metadata.num_row_groups))
    if counted != table.metadata.num_rows:
        raise _refused(file, f"{counted:,} rows in its row groups", f"{table.metadata.num_rows:,}, as its footer says")
    return table


def _row_groups(table: Any, file: RangedFile) -> Iterator[list[str]]:
    """Yield the texts of each row group, checked against what the footer says of it: rows, empty places, bounds."""
    from pyarrow import ArrowException

    for place in range(table.metadata.num_row_groups):
        group = table.metadata.row_group(place)
        known = group.column(COLUMNS.index("text")).statistics
        try:
            texts = table.read_row_group(place, columns=["text"]).column("text").to_pylist()
        except (ArrowException, UnicodeDecodeError, OSError) as error:
            raise _refused(file, f"row group {place}: {str(error).splitlines()[0]}", "texts") from None
        if len(texts) != group.num_rows or None in texts:
            raise _refused(file, f"{len(texts)} texts in row group {place}", f"{group.num_rows}, as its footer says")
        if any("\0" in text for text in texts):
            raise _refused(file, f"row group {place}: zero bytes", "texts")
        if known is not None and known.has_min_max:
            bounds = min(one.encode() for one in texts), max(one.encode() for one in texts)
            if bounds != (known.min.encode(), known.max.encode()):
                raise _refused(file, f"other texts in row group {place}", "the first and last that its footer names")
        yield texts


def _refused(file: RangedFile, found: str, expected: str) -> DataError:
    file.forget()  # what lies here may be damaged: the next call fetches it anew
    return DataError(f"{REPOSITORY}/{file.name}", found, expected)


def sizes_in(mirror: Path, languages: Iterable[str]) -> dict[str, int]:
    """Return {language: bytes of all its files} of what was fetched into a mirror."""
    path = mirror / SIZES
    if not path.is_file():
        return {}
    try:
        found = {code: int(count) for code, count in read_json(path).items()}
    except (AttributeError, TypeError, ValueError):
        raise DataError(path, "content that `xstilts mirror` does not write", "{language: bytes}") from None
    there = (code for code in languages if (mirror / PLACE.format(language=code)).is_file())
    return {code: found[code] for code in there if found.get(code, 0) > 0}


def write(place: Path, text: Text) -> None:
    """Write a sentence a line, and a blank line between paragraphs."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place, "w", encoding="utf-8", newline="\n") as handle:
        for number, paragraph in enumerate(text.paragraphs):
            handle.write(("\n" if number else "") + "".join(f"{one}\n" for one in paragraph))

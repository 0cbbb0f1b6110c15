"""From a downloaded archive to files in the mirror's layout.

A member's own path never decides where anything is written: the catalogue names the places, and only regular files are
read. So no archive can write outside the mirror.
"""

import io
import json
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from xstilts.data.fetching.universal_dependencies import build
from xstilts.data.fetching.upstream import Archive
from xstilts.data.readers.lines import check_header, check_unpacked, columns, decode, split_lines
from xstilts.data.registry import language_names
from xstilts.errors import DataError, MissingData, UserError
from xstilts.files import read_json

ENCRYPTED = 1  # flag of a zip's member
TREEBANK = re.compile(r"([a-z]{2,3})_\w+-ud-(train|dev|test)\.conllu")


def unpack(archive: Archive, path: Path, languages: tuple[str, ...], output: Path) -> list[str]:
    """Write what a mirror needs of ``archive``, which lies at ``path``, below ``output`` in the mirror's layout.

    Args:
        archive: its entry in the catalogue.
        path: the downloaded file.
        languages: the languages to unpack it for.
        output: a folder that becomes (a part of) a mirror.

    Returns:
        A line for each thing that should be in the archive and is not.

    Raises:
        DataError: a broken archive, or content of another format than is known.
    """
    try:
        return CONVERSIONS[archive.convert](archive, path, languages, output)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(path, f"a broken archive ({error})", "a whole one") from None
    except OSError as error:
        if error.errno is None:  # of a decompressor, not of the disk
            raise DataError(path, f"a broken archive ({error})", "a whole one") from None
        raise UserError(f"{output}: cannot write: {error.strerror}") from None


def _copy(archive: Archive, path: Path, languages: tuple[str, ...], output: Path) -> list[str]:
    with open(path, "rb") as handle:
        _save(handle, output / archive.to / archive.name)
    return []


def _members(archive: Archive, path: Path, languages: tuple[str, ...], output: Path) -> list[str]:
    wanted = {
        ending.format(language=language): place.format(language=language)
        for ending, place in archive.members.items()
        for language in languages
    }
    found = []
    for ending, opened in _chosen(path, wanted):
        found.append(ending)
        with opened() as handle:
            _save(handle, output / wanted[ending])
    return _missing(archive, wanted, found)


def _qqp(archive: Archive, path: Path, languages: tuple[str, ...], output: Path) -> list[str]:
    """GLUE's files; rows with fewer columns than the header are no examples (the published sizes are without them)."""
    endings = ("train.tsv", "dev.tsv")
    found = _lines(path, endings)
    for name, rows in found.items():
        tabs = rows[0].count("\t")
        _write_lines(output / archive.to / name, [row for row in rows if row.count("\t") >= tabs])
    return _missing(archive, endings, found)


def _xnli(archive: Archive, path: Path, languages: tuple[str, ...], output: Path) -> list[str]:
    """A file for each split and language, and one file of test labels: the rows are the same pairs in each language."""
    files = {"xnli.dev.tsv": "dev", "xnli.test.tsv": "test"}
    tables = _tables(path, files, ("language", "gold_label", "sentence1", "sentence2", "pairID"))
    missing = _missing(archive, files, tables)
    for name, rows in tables.items():
        by_language = defaultdict(list)
        for row in rows:
            by_language[row["language"]].append(row)
        keys = [(row["pairID"], row["gold_label"]) for row in next(iter(by_language.values()))]
        split, names = files[name], ("sentence1", "sentence2")
        for language in languages:
            found = by_language.get(language, [])
            if not found:
                missing.append(f"{name} of {archive.name} has no rows in {language}")
                continue
            if [(row["pairID"], row["gold_label"]) for row in found] != keys:
                expected = f"those of {rows[0]['language']}, in order"
                raise DataError(path / name, f"other pairs or labels in {language}", expected)
            place = output / archive.to / f"{split}-{language}.tsv"
            _write_rows(place, found, names if split == "test" else (*names, "gold_label"))
        if split == "test":
            _write_lines(output / archive.to / "test-labels.tsv", [label for _, label in keys])
    return missing


def _pawsx(archive: Archive, path: Path, languages: tuple[str, ...], output: Path) -> list[str]:
    """English train, and dev and test of each language with the test labels apart; translated train stays behind."""
    files = {f"{language}/{split}_2k.tsv": (split, language) for language in languages for split in ("dev", "test")}
    files["en/train.tsv"] = "train", "en"
    tables = _tables(path, files, ("sentence1", "sentence2", "label"))
    for name, rows in tables.items():
        split, language = files[name]
        texts = ("sentence1", "sentence2")
        place = output / archive.to / f"{split}-{language}.tsv"
        _write_rows(place, rows, texts if split == "test" else (*texts, "label"))
        if split == "test":
            _write_rows(place.with_name(f"test-labels.{language}.tsv"), rows, ("label",))
    return _missing(archive, files, tables)


def _treebanks(archive: Archive, path: Path, languages: tuple[str, ...], output: Path) -> list[str]:
    """XTREME's word and tag files, from the treebanks of each language."""
    missing = []
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".treebanks-") as folder:
        for name, opened in _files(path):
            file = name.rsplit("/", 1)[-1]
            match = TREEBANK.fullmatch(file)
            if match and match[1] in languages:
                with opened() as handle:
                    _save(handle, Path(folder) / match[1] / file)
        for language in languages:
            try:
                build(Path(folder) / language, language, output / archive.to)
            except MissingData:
                missing.append(f"{archive.name} has no treebank {language}_*")
            except DataError as error:  # one bad file does not cost the languages after it
                missing.append(str(error).replace(f"{folder}/", f"{archive.name}: "))
    return missing


def _by_language(archive: Archive, path: Path, languages: tuple[str, ...], output: Path) -> list[str]:
    """A file for each language of a TyDi QA file, whose question ids begin with the language's English name."""
    document = read_json(path)
    missing = []
    for language in languages:
        kept = _questions_of(document, language_names(language)["name"] + "-")
        if not kept["data"]:
            missing.append(f"{archive.name} has no questions in {language}")
            continue
        _write_lines(output / archive.to.format(language=language), [json.dumps(kept, ensure_ascii=False)])
    return missing


def _questions_of(document: dict[str, Any], prefix: str) -> dict[str, Any]:
    articles = []
    for article in document["data"]:
        paragraphs = []
        for paragraph in article["paragraphs"]:
            questions = [question for question in paragraph["qas"] if question["id"].startswith(prefix)]
            if questions:
                paragraphs.append({**paragraph, "qas": questions})
        if paragraphs:
            articles.append({**article, "paragraphs": paragraphs})
    return {**document, "data": articles}


Conversion = Callable[[Archive, Path, tuple[str, ...], Path], list[str]]
CONVERSIONS: dict[str, Conversion] = {
    "copy": _copy,
    "members": _members,
    "qqp": _qqp,
    "xnli": _xnli,
    "pawsx": _pawsx,
    "treebanks": _treebanks,
    "by_language": _by_language,
}


def _files(path: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield (name, how to open it) of each regular file in a zip or tar archive."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as zipped:
            for entry in zipped.infolist():
                if not entry.is_dir():
                    if entry.flag_bits & ENCRYPTED:
                        raise DataError(path, f"{entry.filename} encrypted", "an archive without a password")
                    check_unpacked(path, entry.filename, entry.file_size)
                    yield entry.filename, partial(zipped.open, entry)
    else:
        with tarfile.open(path) as tarred:
            for member in tarred:
                if member.isfile():
                    check_unpacked(path, member.name, member.size)
                    yield member.name, partial(tarred.extractfile, member)


def _chosen(path: Path, endings: Iterable[str]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield (ending, how to open it) of the members whose paths end with one of ``endings``; one member for each."""
    found: set[str] = set()
    for name, opened in _files(path):
        parts = name.split("/")
        tails = {"/".join(parts[start:]) for start in range(len(parts))}
        for ending in tails & set(endings):
            if ending in found:
                raise DataError(path, f"two members that end with {ending}", "one")
            found.add(ending)
            yield ending, opened


def _missing(archive: Archive, endings: Iterable[str], found: Collection[str]) -> list[str]:
    return [f"{archive.name} has no {ending}" for ending in endings if ending not in found]


def _lines(path: Path, endings: Iterable[str]) -> dict[str, list[str]]:
    found = {}
    for ending, opened in _chosen(path, endings):
        with opened() as handle:
            found[ending] = split_lines(decode(path / ending, handle.read()))
    return found


def _tables(path: Path, endings: Iterable[str], names: tuple[str, ...]) -> dict[str, list[dict[str, str]]]:
    """Return {ending: rows by the names of their columns} of tab-separated members without quoting."""
    tables = {}
    for ending, (first, *rows) in _lines(path, endings).items():
        header = first.split("\t")
        check_header(path / ending, header, names)
        cells = (columns(path / ending, number, row, len(header)) for number, row in enumerate(rows, start=2))
        tables[ending] = [dict(zip(header, values, strict=True)) for values in cells]
    return tables


def _write_rows(path: Path, rows: list[dict[str, str]], names: tuple[str, ...]) -> None:
    _write_lines(path, ["\t".join(row[name].strip() for name in names) for row in rows])


def _write_lines(path: Path, rows: list[str]) -> None:
    _save(io.BytesIO("".join(f"{row}\n" for row in rows).encode()), path)


def _save(handle: IO[bytes], place: Path) -> None:
    """Write a file of a folder in the making; it is made durable when it moves into the mirror."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place, "wb") as output:
        shutil.copyfileobj(handle, output, 1 << 20)

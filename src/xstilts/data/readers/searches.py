"""Records of three files: queries, candidates, and gold pairs of both by their ids; the user's own dual encoders'.

A candidate's id in a row has its language before it where each language has a file of candidates: an id is then one
candidate, or with ``parallel`` the translations of one, which are all right.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from xstilts.data.readers.lines import Row, Source, Unique
from xstilts.data.readers.records import FORMATS, Fields
from xstilts.errors import DataError


@dataclass(frozen=True)
class _Candidate:
    """A candidate as it is searched, and where it stands."""

    id: str
    text: str
    path: Path
    row: int


def records(source: Source, found: Iterable[Fields]) -> Iterator[Row]:
    """Yield the candidates of records with ``id`` and ``text``."""
    unique = Unique()
    for fields in found:
        name = _searched(source.language, unique(fields.path, fields.row, _value(fields, "id")))
        yield {"id": name, "language": source.language, "group": name, "text": fields.text("text")}


def queries(source: Source) -> Iterator[Row]:
    """Yield queries with ``id``, ``text`` and ``group``; their targets are the candidates that gold pairs name.

    A split without gold pairs has no targets.

    Raises:
        DataError: also for a pair that names no query or no candidate, and for a query without a pair.
    """
    known = _candidates(source)
    for fields, name, own in _asked(source):
        targets = []
        for pair in own:
            named = _value(pair, "candidate")
            if named not in known:
                raise pair.error(f"the candidate {named!r}", f"an id of {_files(source, 'candidates')}")
            targets += [one.id for one in known[named]]
        yield _row(source, fields, name) | {"text": fields.text("text"), "targets": targets}


def pairs(source: Source) -> Iterator[Row]:
    """Yield a row a gold pair: a query and the text of its candidate, which is English as the query is.

    In dev, where pairs choose a checkpoint, those with candidates in other languages are left out.

    Raises:
        DataError: also for a training pair that names no query or no English candidate.
    """
    known = _candidates(source)
    for fields, name, own in _asked(source):
        for pair in own:
            named = _value(pair, "candidate")
            if named not in known and source.split == "train":
                files = _files(source, "candidates")
                raise pair.error(f"the candidate {named!r}", f"an id of {files}: nothing but English is trained on")
            for one in known.get(named, ()):
                row = _row(source, fields, name)
                yield row | {"id": f"{name}/{named}", "query": fields.text("text"), "target": one.text}


def _row(source: Source, fields: Fields, name: str) -> Row:
    """Return what queries and pairs have in common; a query is a unit of resampling unless a group is named."""
    group = _value(fields, "group") if fields.has("group") else name
    return {"id": name, "language": source.language, "group": group}


def _candidates(source: Source) -> dict[str, list[_Candidate]]:
    """Return the candidates that each id stands for: one, unless they are translations of one another."""
    found: dict[str, list[_Candidate]] = {}
    for part in _parts(source, "candidates"):
        empty = True
        for fields in _read(part):
            empty = False
            name = _value(fields, "id")
            one = _Candidate(_searched(part.language, name), fields.text("text"), fields.path, fields.row)
            same = found.setdefault(name, [])
            if same and not (source.data.parallel and one.id not in {other.id for other in same}):
                first = f"{same[0].path.name}:{same[0].row}"
                raise fields.error(f"the id {name!r} of {first}", "an id for each candidate of all files")
            same.append(one)
        if empty:
            raise DataError(part.files[0], "no rows", "one candidate at least")
    return found


def _asked(source: Source) -> Iterator[tuple[Fields, str, list[Fields]]]:
    """Yield each query with its id and its gold pairs, of which it has one at least where there are any."""
    unique, own = Unique(), dict[str, tuple[Fields, list[Fields]]]()
    for part in _parts(source, "queries"):
        for fields in _read(part):
            own[unique(fields.path, fields.row, _value(fields, "id"))] = (fields, [])
    twice, gold = Unique("pair"), _parts(source, "gold")
    for part in gold:
        for fields in _read(part):
            query = _value(fields, "query")
            if query not in own:
                raise fields.error(f"the query {query!r}", f"an id of {_files(source, 'queries')}")
            twice(fields.path, fields.row, f"{query} {_value(fields, 'candidate')}")
            own[query][1].append(fields)
    for name, (fields, found) in own.items():
        if gold and not found:
            raise fields.error(f"the query {name!r} without a gold pair", f"one at least in {_files(source, 'gold')}")
        yield fields, name, found


def _parts(source: Source, kind: str) -> list[Source]:
    """Return the files of one kind, each by itself, candidates with their language."""
    data, told = source.data, source.data.fields
    read = replace(data, reader=told[kind]["reader"], fields=told[kind]["fields"])
    named = zip(source.files, told["files"][source.split], strict=True)
    return [Source(read, code, source.split, (path,)) for path, (its, code) in named if its == kind]


def _files(source: Source, kind: str) -> str:
    return ", ".join(part.files[0].name for part in _parts(source, kind))


def _read(part: Source) -> Iterator[Fields]:
    return (Fields(part, *record) for record in FORMATS[part.data.reader](part))


def _value(fields: Fields, field: str) -> str:
    return str(fields.value(field))


def _searched(language: str, name: str) -> str:
    return name if language == "all" else f"{language}-{name}"

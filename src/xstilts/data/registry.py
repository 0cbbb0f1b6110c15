"""The registry of data sets as frozen records, read from datasets.yaml, and the files of one data set in one origin."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from xstilts.errors import ConfigError, DataError
from xstilts.tasks import PRIVATE_USE, outside, registry

SPLITS = ("train", "dev", "test")
UNREAD = ("name", "languages", "licence", "rows", "folder", "translated")  # what the format of a data set is not
TRANSLATION = "-translated"  # what the name of a training set in another language adds to the English one's


@dataclass(frozen=True)
class DataSet:
    """One data set: its format, its files below an origin, its labels and its upstream sizes (see datasets.yaml)."""

    name: str
    family: str
    reader: str
    languages: tuple[str, ...]
    splits: Mapping[str, tuple[tuple[str, ...], ...]]
    licence: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    label_names: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    rows: Mapping[str, int | Mapping[str, int]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    fallback: str | None = None
    parallel: bool = False
    parallel_if_generated: bool = False
    own_ids: bool = False
    cut: str | None = None  # the split that train and dev are cut from where there is no training file
    distinct: bool = False  # no file may stand for two splits
    together: bool = False  # a language is read with the files of all others
    union: bool = False
    misplaced: int = 0  # passages that may be left out because their answers do not stand at their offsets
    absent: str | None = None
    folder: str | None = None  # where its files lie, if not below the run's origin: those of a user's own data set
    translated: tuple[tuple[str, ...], ...] = ()  # published translations of train, beside files of the own format

    @property
    def format(self) -> dict[str, Any]:
        """What decides which rows are read from which files: all but the licence, the sizes and the languages."""
        return {k: v for k, v in vars(self).items() if k not in UNREAD}

    @property
    def is_translation(self) -> bool:
        """Whether this is the translated training split of another data set."""
        return self.name.endswith(TRANSLATION)

    def has_language(self, code: str) -> bool:
        """Say whether the data set may hold ``code``; generated (private-use) languages are known to every target."""
        return code in self.languages or (self.languages != ("en",) and PRIVATE_USE.fullmatch(code) is not None)

    def expected_rows(self, split: str, language: str) -> int | None:
        """Return the upstream number of rows (retrieval: gold pairs) of a split in a language.

        0: there is no such split upstream; None: the number is not known.
        """
        sizes = self.rows.get(split)
        return sizes.get(language) if isinstance(sizes, Mapping) else sizes

    def upstream_splits(self, language: str) -> tuple[str, ...]:
        """Return the splits that the data set has upstream in a language; train counts in English only."""
        return tuple(
            split
            for split in SPLITS
            if split in self.splits
            and (split != "train" or language == "en")
            and self.expected_rows(split, language) != 0
        )


def _known() -> dict[str, DataSet]:
    """Return the data sets of the registry and the user's own."""
    stamped = outside.stamps()
    return _with_own(stamped) if stamped else _registry()[0]


@cache
def _with_own(stamped: outside.Stamps) -> dict[str, DataSet]:
    return _registry()[0] | {one.name: one for name, entry in outside.entries().items() for one in _own(name, entry)}


def _own(name: str, entry: outside.Entry) -> tuple[DataSet, ...]:
    target = outside.task_of(name, entry)["target"]
    labels = registry()[1][target].labels if target in registry()[1] else ()
    whole = DataSet(name=name, **outside.data_set_of(name, entry, () if isinstance(labels, str) else labels))
    return _searching(whole, entry) if entry.get("candidates") else (whole,)


def _searching(whole: DataSet, entry: outside.Entry) -> tuple[DataSet, ...]:
    """Return the queries of an entry, the candidates that they search, and its pairs to train on.

    Queries and pairs are read from files of three kinds: ``fields`` has reader and fields of each kind, and says of
    which kind each file of a split is, and of candidates in which language.
    """
    kinds = {"queries": entry, "gold": entry["gold"], "candidates": entry["candidates"]}
    formats: dict[str, dict[str, Any]] = {
        kind: {"reader": one.get("reader") or whole.reader, "fields": outside.fields_of(one)}
        for kind, one in kinds.items()
    }
    pool = outside.listed(entry["candidates"]["files"])
    spoken = whole.languages if "{" in pool[0] else ("all",)
    candidates = replace(whole, name=whole.name + outside.CANDIDATES, languages=spoken, splits={"test": (pool,)})
    candidates = replace(candidates, parallel=False, **formats["candidates"])
    searched = [(one, code) for code in spoken for files in paths(candidates, code, "test") for one in files]
    english = [(one, code) for one, code in searched if code in ("en", "all")]
    taught = [(one, "en") for one in outside.listed(entry["candidates"].get("train") or ())]

    def read(reader: str, files: Mapping[str, list[tuple[str, str]]]) -> DataSet:
        parts = {
            split: [
                *((one, "queries", "") for one in outside.splits_of(entry)[split]),
                *((one, "gold", "") for one in outside.listed(entry["gold"]["files"].get(split, ()))),
                *((one, "candidates", code) for one, code in its),
            ]
            for split, its in files.items()
        }
        return replace(
            whole,
            reader=reader,
            splits={split: (tuple(one for one, *_ in found),) for split, found in parts.items()},
            fields=formats | {"files": {split: [tuple(kind) for _, *kind in found] for split, found in parts.items()}},
        )

    evaluated = read("queries", dict.fromkeys(outside.evaluated_splits(entry), searched))
    learned = {"train": taught or english, "dev": english}
    trained = read("pairs", {split: its for split, its in learned.items() if split in whole.splits})
    return evaluated, candidates, replace(trained, name=whole.name + outside.PAIRS, languages=("en",))


@cache
def _registry() -> tuple[dict[str, DataSet], dict[str, dict[str, str]]]:
    raw = yaml.load((Path(__file__).parent / "datasets.yaml").read_bytes(), yaml.CSafeLoader)
    return {name: DataSet(name=name, **_frozen(entry)) for name, entry in raw["datasets"].items()}, raw["languages"]


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    return tuple(_frozen(inner) for inner in value) if isinstance(value, list) else value


def names() -> tuple[str, ...]:
    """Return the names of all data sets in the order of the registry."""
    return tuple(_known())


def own_data_sets(name: str) -> tuple[DataSet, ...]:
    """Return the data sets of an entry of the user's own: one, or of queries that search candidates three."""
    return _own(name, outside.entries()[name])


def shipped_names() -> tuple[str, ...]:
    """Return the names of the package's own data sets."""
    return tuple(_registry()[0])


def language_codes() -> tuple[str, ...]:
    """Return the codes whose names in upstream files are known."""
    return tuple(_registry()[1])


def dataset(name: str, language: str | None = None) -> DataSet:
    """Return a data set by name; ConfigError lists the known ones, or its languages if ``language`` is none of them."""
    known = _known()
    base = name.removesuffix(TRANSLATION)
    if base not in known:
        raise ConfigError(f"unknown data set {name!r}; known: {' '.join(known)}")
    found = known[base] if base == name else _translation(known[base])
    if language is not None and not found.has_language(language):
        raise ConfigError(f"data set {name} has no language {language!r}; known: {' '.join(found.languages)}")
    return found


def _translation(base: DataSet) -> DataSet:
    """Return the training split of a data set in other languages: files as upstream names them, in folders of theirs.

    They lie in ``intermediate/translated/NAME/LANGUAGE/`` with the names that the English ones have below their own
    folder, or as published translations are named.
    """
    folder = f"intermediate/translated/{base.name}/{{language}}"
    train = () if base.folder else base.splits.get("train", ())  # the user's own are translated here, or not at all
    own = [tuple(f"{folder}/{pattern.split('/', 2)[2]}" for pattern in files) for files in train]
    published = [tuple(f"{folder}/{pattern}" for pattern in files) for files in base.translated]
    return replace(
        base,
        name=base.name + TRANSLATION,
        languages=tuple(code for code in _registry()[1] if code != "en"),
        splits={"train": (*own, *published)},
        rows={},
        required=(),
        fallback=None,
        parallel=False,
        own_ids=False,
        cut=None,
        distinct=False,
        together=False,
        absent=None,
        folder=None,
    )


def language_names(code: str) -> dict[str, str]:
    """Return what the file patterns call a language: language, iso3, and where they exist flores and name."""
    if PRIVATE_USE.fullmatch(code):
        return {"language": code, "iso3": code}
    return {"language": code, **_registry()[1].get(code, {})}


def paths(data: DataSet, language: str, split: str) -> list[tuple[str, ...]]:
    """Return the alternatives of a split with the language filled in; one that names what it lacks is left out."""
    values = language_names(language)
    alternatives = data.splits.get(split, ())
    return [
        tuple(pattern.format(**values) for pattern in files)
        for files in alternatives
        if all(set(re.findall(r"{(\w+)}", pattern)) <= set(values) for pattern in files)
    ]


def locate(data: DataSet, language: str, split: str, origin: Path) -> tuple[str, ...]:
    """Return the files of a split below ``origin`` as relative paths, () when there are none.

    The first complete alternative counts (all files that are there for a union). Where there is no training file, those
    of the split that train is cut from count. DataError when an alternative has some of its files and no alternative is
    complete.
    """
    found = _located(data, language, split, origin)
    if not found and split == "train" and data.cut and language == "en":
        return _located(data, language, data.cut, origin)
    if not data.together or not found:
        return found
    others = [
        path.relative_to(origin).as_posix() for path in origin.glob(data.splits[split][0][0].format(language="*"))
    ]
    return (*found, *sorted(set(others) - set(found)))


def _located(data: DataSet, language: str, split: str, origin: Path) -> tuple[str, ...]:
    alternatives = paths(data, language, split)
    if data.union:
        return tuple(name for files in alternatives for name in files if (origin / name).is_file())
    for files in alternatives:
        if all((origin / name).is_file() for name in files):
            return files
    patterns = {pattern for files in data.splits.get(split, ()) for pattern in files}
    for files in alternatives:
        # A file shared by all languages (XNLI's test labels) says nothing about this one.
        own = [name for name in files if name not in patterns] or files
        there = [name for name in own if (origin / name).is_file()]
        if there:
            missing = next(name for name in files if not (origin / name).is_file())
            raise DataError(origin / missing, "no such file", f"it beside {there[0]}")
    return ()


def holds(data: DataSet, language: str, origin: Path) -> bool:
    """Say whether an origin has every split that a data set has upstream in a language."""
    try:
        return all(_located(data, language, split, origin) for split in data.upstream_splits(language))
    except DataError:  # an alternative with some of its files only
        return False

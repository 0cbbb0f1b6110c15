"""The registry of data sets as frozen records, read from registry.yaml, and the files of one data set in one origin."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from xstilts.errors import ConfigError, DataError
from xstilts.tasks import PRIVATE_USE

SPLITS = ("train", "dev", "test")
TRANSLATION = "-translated"  # what the name of a training set in another language adds to the English one's


@dataclass(frozen=True)
class DataSet:
    """One data set: its format, its files below an origin, its labels and its upstream sizes (see registry.yaml)."""

    name: str
    family: str
    reader: str
    languages: tuple[str, ...]
    splits: Mapping[str, tuple[tuple[str, ...], ...]]
    licence: str
    fields: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    label_names: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    rows: Mapping[str, int | Mapping[str, int]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    fallback: str | None = None
    parallel: bool = False
    own_ids: bool = False
    union: bool = False
    absent: str | None = None
    translated: tuple[tuple[str, ...], ...] = ()  # published translations of train, beside files of the own format

    @property
    def format(self) -> dict[str, Any]:
        """What decides which rows are read from which files: all but the licence, the sizes and the languages."""
        return {k: v for k, v in vars(self).items() if k not in ("name", "languages", "licence", "rows", "translated")}

    @property
    def is_translation(self) -> bool:
        """Whether this is the translated training split of another data set."""
        return self.name.endswith(TRANSLATION)

    def has_language(self, code: str) -> bool:
        """Say whether the data set may hold ``code``; generated (private-use) languages are known to every target."""
        return code in self.languages or (self.languages != ("en",) and PRIVATE_USE.fullmatch(code) is not None)

    def expected_rows(self, split: str, language: str) -> int | None:
        """Return the upstream number of rows (retrieval: gold pairs) of a split in a language, None when not known."""
        sizes = self.rows.get(split)
        return sizes.get(language) if isinstance(sizes, Mapping) else sizes

    def upstream_splits(self, language: str) -> tuple[str, ...]:
        """Return the splits that the data set has upstream in a language; train counts in English only."""
        return tuple(
            split
            for split in SPLITS
            if split in self.splits
            and (split != "train" or language == "en")
            and (split not in self.rows or self.expected_rows(split, language) is not None)
        )


@cache
def _registry() -> tuple[dict[str, DataSet], dict[str, dict[str, str]]]:
    raw = yaml.load((Path(__file__).parent / "registry.yaml").read_bytes(), yaml.CSafeLoader)
    return {name: DataSet(name=name, **_frozen(entry)) for name, entry in raw["datasets"].items()}, raw["languages"]


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    return tuple(_frozen(inner) for inner in value) if isinstance(value, list) else value


def names() -> tuple[str, ...]:
    """Return the names of all data sets in the order of the registry."""
    return tuple(_registry()[0])


def dataset(name: str, language: str | None = None) -> DataSet:
    """Return a data set by name; ConfigError lists the known ones, or its languages if ``language`` is none of them."""
    known = _registry()[0]
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
    own = [tuple(f"{folder}/{pattern.split('/', 2)[2]}" for pattern in files) for files in base.splits.get("train", ())]
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
        absent=None,
    )


def language_names(code: str) -> dict[str, str]:
    """Return what the file patterns call a language: language, iso3, and where they exist flores and name."""
    if PRIVATE_USE.fullmatch(code):
        return {"language": code, "iso3": code}
    return {"language": code, **_registry()[1][code]}


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

    The first complete alternative counts (all files that are there for a union). DataError when an alternative has some
    of its files and no alternative is complete.
    """
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
        return all(locate(data, language, split, origin) for split in data.upstream_splits(language))
    except DataError:  # an alternative with some of its files only
        return False

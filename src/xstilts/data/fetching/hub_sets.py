"""Which data sets lie on the Hub, in which files, and how their tables are written out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from xstilts.data.fetching.lock import Pin, matches
from xstilts.data.registry import SPLITS, dataset, language_names, paths
from xstilts.tasks import outside


@dataclass(frozen=True)
class HubSet:
    """Where a data set lies on the Hub and how its tables are written out (see hub.yaml)."""

    repository: str
    form: str
    splits: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, str] = field(default_factory=dict)
    revision: str | None = None
    after_archives: bool = False


def load() -> dict[str, HubSet]:
    """Return {data set: its place on the Hub}, the user's own data sets last."""
    own = {name: entry for name, entry in outside.entries().items() if "hub" in entry}
    return _shipped() | {name: HubSet(**outside.hub_set_of(entry)) for name, entry in own.items()}


@cache
def _shipped() -> dict[str, HubSet]:
    raw = yaml.load(Path(__file__).with_name("hub.yaml").read_bytes(), yaml.CSafeLoader)
    return {name: HubSet(**entry) for name, entry in raw.items()}


def places(name: str, entry: HubSet, languages: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return (language, pattern of paths in the repository, file to write) for each file of a data set."""
    found = []
    for language in languages:
        for split in SPLITS:
            if split == "train" and language != "en":
                continue
            patterns = [pattern.format(**language_names(language)) for pattern in entry.splits.get(split, ())]
            if patterns:  # files that the patterns do not give (labels apart) come last in the registry
                files = paths(dataset(name), language, split)[0]
                found += [(language, pattern, file) for pattern, file in zip(patterns, files, strict=False)]
    return found


def patterns(name: str, entry: HubSet) -> list[str]:
    """Return the patterns of all files that a data set reads from its repository."""
    return list(dict.fromkeys(pattern for _, pattern, _ in places(name, entry, dataset(name).languages)))


def part(name: str, entry: HubSet, pin: Pin) -> Pin | None:
    """Return a repository's pin with the files of this data set only, None when one of its patterns has none."""
    wanted = patterns(name, entry)
    files = {path: known for path, known in pin.files.items() if any(matches(path, one) for one in wanted)}
    whole = all(any(matches(path, one) for path in files) for one in wanted)
    return Pin(pin.repository, pin.commit, files) if whole else None

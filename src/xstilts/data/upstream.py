"""The upstream archives of the data sets as frozen records, read from upstream.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import yaml

Catalogue = dict[str, "tuple[Archive, ...]"]


@dataclass(frozen=True)
class Archive:
    """One file to download, and what becomes of it (see upstream.yaml)."""

    url: str
    bytes: int | None = None
    sha256: str | None = None
    convert: str = "copy"
    to: str = ""
    members: Mapping[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name at the end of the URL."""
        return urlsplit(self.url).path.rsplit("/", 1)[-1]

    @property
    def host(self) -> str:
        """The host that serves it."""
        return urlsplit(self.url).netloc


@cache
def load() -> Catalogue:
    """Return {data set: its archives}."""
    raw = yaml.load(Path(__file__).with_name("upstream.yaml").read_bytes(), yaml.CSafeLoader)
    return {
        name: tuple(Archive(**{**entry, "languages": tuple(entry.get("languages", ()))}) for entry in entries)
        for name, entries in raw.items()
    }

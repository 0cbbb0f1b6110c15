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
    """One file to download, and what becomes of it (see upstream.yaml); ``also``: other addresses of the same file."""

    url: str
    also: tuple[str, ...] = ()
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
        return host(self.url)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it is to be had, in the order in which they are tried."""
        return (self.url, *self.also)


def host(url: str) -> str:
    """Return the host of an address."""
    return urlsplit(url).netloc


@cache
def load() -> Catalogue:
    """Return {data set: its archives}."""
    raw = yaml.load(Path(__file__).with_name("upstream.yaml").read_bytes(), yaml.CSafeLoader)
    return {
        name: tuple(
            Archive(**{**entry, **{k: tuple(entry.get(k, ())) for k in ("also", "languages")}}) for entry in entries
        )
        for name, entries in raw.items()
    }

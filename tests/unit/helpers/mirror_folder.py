"""A mirror that `xstilts mirror` fills from tiny archives, and what lies in it."""

import hashlib
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from upstream_server import Server

from xstilts.data.fetching.mirror import Held, fill
from xstilts.data.fetching.upstream import Catalogue


def got(folder: Path, catalogue: Catalogue, *wanted: str) -> dict[str, Held]:
    """Fill a mirror with the wanted data sets, by default all of the catalogue."""
    return fill(folder, wanted or tuple(catalogue), catalogue, first_pause=0.001)


def files(folder: Path) -> set[str]:
    """Return the data files below a mirror."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith((".", "mirror.json"))
    }


def pack(server: Server, catalogue: Catalogue, name: str, content: bytes) -> Catalogue:
    """Serve another content for a data set's only archive, and pin it."""
    (archive,) = catalogue[name]
    server.files[urlsplit(archive.url).path] = content
    return {name: (replace(archive, bytes=len(content), sha256=hashlib.sha256(content).hexdigest()),)}

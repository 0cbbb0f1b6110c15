"""A public data set as an artifact of the workflow: from the Hub, else from its upstream archives."""

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from xstilts.artifacts import RECEIPT, Manifest, Product, read_manifest
from xstilts.console import say
from xstilts.data.fetching import hub_sets, hub_tables
from xstilts.data.fetching.archives import bring, clear, move, needed, read_back
from xstilts.data.fetching.download import FIRST_PAUSE, DownloadError
from xstilts.data.fetching.lock import LOCK, Pin
from xstilts.data.fetching.upstream import Archive
from xstilts.data.job import FILES, short
from xstilts.data.registry import dataset
from xstilts.errors import DataError

ARCHIVES = ".archives"  # downloads of a data set that is not complete yet
HUB = "hub"  # those of the Hub, below it
Bring = Callable[[list[str], Path], list[str]]  # (languages, where to write the readers' files) -> what is missing


def download_dataset(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Bring a data set from the Hub, and from its upstream archives what the Hub does not give.

    A language counts when the readers can read all its splits and find upstream's numbers of rows; any other is left
    out as a whole. What cannot be had is a product with the reasons, which the data set's jobs carry to the tables.

    Raises:
        PinMismatch: a file has another hash than was pinned. UserError: a full disk.
    """
    settings = spec["settings"]
    data = dataset(settings["dataset"])
    left, missing, found_in = list(settings["languages"]), list[str](), dict[str, str]()
    kept = folder / FILES
    shutil.rmtree(kept, ignore_errors=True)
    for way, fetch in _ways(settings, folder / ARCHIVES):
        if not left:
            break
        with tempfile.TemporaryDirectory(dir=folder, prefix=".unpacked-") as made:
            origin = Path(made) / "mirror"
            origin.mkdir()
            beside = data.languages if data.together else ("en",) if data.parallel else ()
            asked = [*left, *(code for code in beside if code in data.languages and code not in left)]
            reasons = fetch(asked, origin)
            files, rows = read_back(data.name, left, origin, Path(made) / "rows", reasons)
            for name in files:
                move(origin / name, kept / way / name)
        found_in.update((code, way) for code in rows)
        left = [code for code in left if code not in rows]
        missing = [*missing, *reasons]
        for line in reasons:
            say(line)
    if not left and (folder / ARCHIVES).is_dir():
        shutil.rmtree(folder / ARCHIVES / HUB, ignore_errors=True)
        clear(folder / ARCHIVES)  # a copy that somebody put there stays
    names = sorted(path.relative_to(folder).as_posix() for path in kept.rglob("*") if path.is_file())
    reason = short(missing) if left else None
    results = {"from": found_in, "left": left, "missing": missing if left else [], "reason": reason}
    return Product(names, results, None if found_in else reason, relied_on=("from", "reason"))


def _ways(settings: dict[str, Any], store: Path) -> Iterator[tuple[str, Bring]]:
    """Yield (name, way) of each way to the data set, in order."""
    name, gone = settings["dataset"], set[str]()

    def from_hub(languages: list[str], origin: Path) -> list[str]:
        entry = hub_sets.load()[name]
        if settings["hub"]["pin"] is None:
            return [f"{entry.repository} is not pinned in {LOCK}: `make lock` did not find what it is read from"]
        pin = Pin(**settings["hub"]["pin"])
        return hub_tables.bring(name, entry, pin, languages, store / HUB, origin, say, FIRST_PAUSE)

    def from_archives(languages: list[str], origin: Path) -> list[str]:
        missing: list[str] = []
        store.mkdir(parents=True, exist_ok=True)
        for archive in needed(name, [Archive(**entry) for entry in settings["archives"]], languages):
            try:
                missing += bring(archive, store, languages, origin, gone, say, FIRST_PAUSE)[1]
            except (DownloadError, DataError) as error:
                missing.append(str(error))
        return missing

    ways = [("hub", from_hub)] if settings["hub"] else []
    ways += [("archives", from_archives)] if settings["archives"] else []
    yield from reversed(ways) if settings["hub"] and settings["hub"]["after_archives"] else ways


def lacks_something(manifest: Path, languages: Collection[str] | None = None) -> bool:
    """Say whether a finished download could not have all that it asked for: the next run tries it again.

    With ``languages``, those that the run reads, whether it lacks one of these.
    """
    try:
        found = read_manifest(manifest).results
    except DataError:
        return False  # none, or none that counts
    return bool(found["missing"]) and (languages is None or not set(languages).isdisjoint(found["left"]))


def try_again(manifest: Path) -> None:
    """Take away what says that a download is done when something could not be had."""
    if lacks_something(manifest):
        (manifest.parent / RECEIPT).unlink(missing_ok=True)
        manifest.unlink()

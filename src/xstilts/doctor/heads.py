"""What the hosts say of the files that the run would fetch, by one header each: is it there, and as it was pinned?"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from xstilts.data.fetching import hub, hub_sets, lock, upstream, wikipedia
from xstilts.data.fetching.download import DownloadError, HostGone, head
from xstilts.data.fetching.hub import Kind
from xstilts.data.fetching.lock import Pin
from xstilts.data.fetching.public import ARCHIVES
from xstilts.data.fetching.upstream import Archive
from xstilts.doctor.findings import Finding, ok, problem, warning
from xstilts.graph.jobs import Jobs
from xstilts.modeling.fetch import WANTED

AT_ONCE = 8  # connections


def heads(jobs: Jobs) -> list[Finding]:
    """Compare what the hosts say of every file of the run with the pins.

    What differs from its pin is a problem: the job that fetches it stops. What does not answer is a warning: the run
    takes another place, or leaves the cells empty.
    """
    sets, catalogue = hub_sets.load(), upstream.load()
    asked: list[Callable[[], list[Finding]]] = []
    gone: set[str] = set()
    for name in jobs.hub_data():
        entry = sets[name]
        pin = lock.pinned(entry.repository)
        part = hub_sets.part(name, entry, pin) if pin else None
        wanted = hub_sets.patterns(name, entry)
        asked.append(partial(_repository, name, entry.repository, "dataset", part, wanted, entry.revision, gone))
    if texts := jobs.fetched_texts():
        pin, wanted = lock.pinned(wikipedia.REPOSITORY), [wikipedia.first_file(code) for code in texts]
        files = {name: digest for name, digest in pin.files.items() if _fits(name, wanted)} if pin else {}
        part = Pin(wikipedia.REPOSITORY, pin.commit, files) if pin and len(files) == len(texts) else None
        asked.append(partial(_repository, "text", wikipedia.REPOSITORY, "dataset", part, wanted, None, gone))
    for name in jobs.hub_models():
        asked.append(partial(_repository, name, name, "model", lock.pinned(name), ["config.json"], None, gone))
    for name in jobs.downloads():
        store = jobs.download(name).parent / ARCHIVES
        asked += [partial(_archive, name, archive, store, gone) for archive in catalogue.get(name, ())]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [finding for found in pool.map(lambda ask: ask(), asked) for finding in found]


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(lock.matches(name, one) for one in patterns)


def _repository(
    name: str, repository: str, kind: Kind, pin: Pin | None, wanted: list[str], revision: str | None, gone: set[str]
) -> list[Finding]:
    """Ask for each file of a repository at its pin; without a pin, whether the repository has what is read from it."""
    said = name if name == repository else f"{name}: {repository}"
    if hub.__name__ in gone:
        return [warning(f"{said}: not asked, as the Hub did not answer")]
    try:
        if pin is None:
            optional = WANTED if kind == "model" else ()
            found = hub.resolve(repository, kind, wanted, revision, optional=optional)
            return [warning(f"{said}: {len(found.files)} files at {found.commit[:12]}, not pinned ({lock.LOCK})")]
        return _compared(said, pin, kind, pin.files)
    except DownloadError as error:
        if isinstance(error, HostGone):
            gone.add(hub.__name__)
        return [warning(str(error) if name == repository else f"{name}: {error}")]


def _compared(said: str, pin: Pin, kind: Kind, names: Iterable[str]) -> list[Finding]:
    differ, size, silent = [], 0, 0
    for name in names:
        header = hub.head(pin, kind, name)
        size, silent = size + (header.size or 0), silent + (header.sha256 is None)
        if header.sha256 not in (None, pin.files[name]):
            found = f"found SHA-256 {header.sha256}; expected {pin.files[name]}, as pinned"
            differ.append(problem(f"{said}: {name}: {found}"))
    small = f", {silent} of them without a hash in their header" if silent else ""
    whole = f"{said}: {len(pin.files)} files, {size:,} bytes, as pinned at {pin.commit[:12]}{small}"
    return differ or [ok(whole)]


def _archive(name: str, archive: Archive, store: Path, gone: set[str]) -> list[Finding]:
    """Ask each address of an archive; one that is as pinned is enough, and without one a copy in ``store`` is."""
    good, other = [], []
    for url in archive.addresses:
        host = upstream.host(url)
        if host in gone:
            other.append(f"{name}: {url}: not asked, as {host} did not answer")
            continue
        try:
            size = head(url)
        except HostGone as error:
            gone.add(host)
            other.append(f"{name}: {error}")
            continue
        except DownloadError as error:
            other.append(f"{name}: {error}")
            continue
        if size is not None and archive.bytes not in (None, size):
            other.append(f"{name}: {url}: found {size:,} bytes; expected {archive.bytes:,}, as pinned")
        else:
            said = f"{size:,} bytes" if size is not None else "a file of unknown size"
            good.append(f"{name}: {url}: {said}{', as pinned' if size is not None and archive.bytes else ''}")
    if not good and archive.sha256:
        place = store / archive.name
        other.append(f"{name}: a copy of {archive.name} with SHA-256 {archive.sha256} is used where it lies at {place}")
    changed = not good and any("as pinned" in line for line in other)
    return [*map(ok, good), *map(problem if changed else warning, other)]

"""What a mirror and a run's store share: an upstream archive brought in, and its files read back before they count."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from xstilts.data.fetching.download import DownloadError, HostGone, download
from xstilts.data.fetching.unpack import unpack
from xstilts.data.fetching.upstream import Archive, host
from xstilts.data.prepare import check_upstream, prepare
from xstilts.data.registry import SPLITS, dataset, paths
from xstilts.errors import DataError, PinMismatch, UserError
from xstilts.families.facts import facts

Say = Callable[[str], None]

FETCHED = ".fetched"  # names the archives in a folder that were not put there by hand


def needed(name: str, archives: Iterable[Archive], languages: Iterable[str]) -> list[Archive]:
    """Return the archives of a data set that have something for these languages."""
    data = dataset(name)
    files = {file for code in languages for split in SPLITS for files in paths(data, code, split) for file in files}
    found = [archive for archive in archives if not archive.languages or set(archive.languages) & set(languages)]
    return [archive for archive in found if archive.convert != "copy" or archive.to + archive.name in files]


def bring(
    archive: Archive,
    store: Path,
    languages: Iterable[str],
    origin: Path,
    gone: set[str],
    say: Say,
    first_pause: float,
) -> tuple[str, list[str]]:
    """Fetch an archive to ``store`` and write the readers' files of these languages below ``origin``.

    Its addresses are tried in order until one gives the file that is pinned. ``gone`` collects the hosts that do not
    answer, whose other archives are not tried.

    Returns:
        The archive's SHA-256, and a line for each thing that it should hold and does not.

    Raises:
        DownloadError: it cannot be had. PinMismatch: it has changed. DataError: its content is of another format.
    """
    path = store / archive.name
    found = _fetch(archive, path, gone, say, first_pause)
    wanted = tuple(code for code in languages if not archive.languages or code in archive.languages)
    return found, unpack(archive, path, wanted, origin)


def _fetch(archive: Archive, path: Path, gone: set[str], say: Say, first_pause: float) -> str:
    """Return the SHA-256 of the archive at ``path``, fetched from the first address that has it."""
    failures: list[UserError] = []
    for url in archive.addresses:
        if host(url) in gone and not path.is_file():
            failures.append(HostGone(f"{url}: not tried, as {host(url)} did not answer"))
            continue
        say(url + (f" ({archive.bytes / 1e6:,.1f} MB)" if archive.bytes else ""))
        put_there = path.is_file()
        try:
            found = download(url, path, archive.bytes, archive.sha256, say, first_pause)
            if not put_there:
                with open(path.with_name(FETCHED), "a", encoding="utf-8") as fetched:
                    fetched.write(f"{path.name}\n")
            return found
        except HostGone as error:
            gone.add(host(url))
            failures.append(error)
        except (DownloadError, PinMismatch) as error:
            failures.append(error)
    if archive.sha256:
        say(f"a copy of {archive.name} with SHA-256 {archive.sha256} is used where it lies at {path}")
    changed = [error for error in failures if isinstance(error, PinMismatch)]
    raise changed[0] if changed else failures[-1]


def read_back(
    name: str, languages: Iterable[str], origin: Path, output: Path, missing: list[str]
) -> tuple[dict[str, str], dict[str, Mapping[str, int]]]:
    """Read the files below ``origin`` as a run does, and check the numbers of rows.

    Args:
        name: the data set.
        languages: the languages to look for.
        origin: the readers' files.
        output: a folder for the rows.
        missing: takes a line for each language that does not pass.

    Returns:
        {path: SHA-256} of the files that readers read and {language: {split: rows, or gold pairs}}, for the languages
        that pass.
    """
    files: dict[str, str] = {}
    rows: dict[str, Mapping[str, int]] = {}
    data = dataset(name)
    for language in languages:
        try:
            prepared = prepare(name, language, origin, output)
            check_upstream(name, language, prepared)
        except DataError as error:
            missing.append(str(error).replace(f"{origin}/", ""))
            continue
        lacking = [split for split in data.upstream_splits(language) if split not in prepared["rows"]]
        if lacking and prepared["rows"]:
            missing.append(f"{name} in {language}: without its {' and '.join(lacking)} split: not taken")
        elif prepared["rows"]:
            files.update(prepared["files"])
            rows[language] = prepared["labelled" if facts(data.family).paired else "rows"]
    return files, rows


def move(source: Path, place: Path) -> None:
    """Move a file that was just made to where it counts, durably and in one step."""
    with open(source, "rb+") as handle:
        os.fsync(handle.fileno())
    place.parent.mkdir(parents=True, exist_ok=True)
    source.replace(place)


def clear(store: Path) -> None:
    """Remove the archives that were fetched, and none that somebody put there."""
    fetched = store / FETCHED
    for name in fetched.read_text(encoding="utf-8").splitlines() if fetched.is_file() else ():
        (store / name).unlink(missing_ok=True)
    fetched.unlink(missing_ok=True)
    for part in store.glob("*.part"):
        part.unlink()
    if not any(store.iterdir()):
        store.rmdir()

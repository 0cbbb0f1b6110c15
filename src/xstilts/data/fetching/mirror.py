"""A mirror folder from the upstream archives: fetched, put into the layout of the readers, and checked by them."""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from xstilts.data.fetching.archives import bring, clear, move, needed, read_back
from xstilts.data.fetching.download import FIRST_PAUSE, DownloadError
from xstilts.data.fetching.mirror_record import Held, Say, record, recorded
from xstilts.data.fetching.mirror_text import TEXT, fill_text
from xstilts.data.fetching.upstream import Archive, Catalogue
from xstilts.data.registry import SPLITS, dataset, paths
from xstilts.errors import DataError, PinMismatch
from xstilts.files import sha256
from xstilts.locks import only_writer

ARCHIVES = ".archives"  # downloads of data sets that are not complete yet; a file put there by hand is used


def fill(
    folder: Path,
    wanted: Iterable[str],
    catalogue: Catalogue,
    say: Say = lambda line: None,
    first_pause: float = FIRST_PAUSE,
) -> dict[str, Held]:
    """Fetch what ``folder`` does not hold yet of the data sets, and return what it holds then.

    A data set's files are made and read in a folder of their own; those of the languages whose rows pass the readers
    and have the upstream numbers are moved in, each in one step. What cannot be had or does not pass stays out, with
    the reason. A data set that is complete, by the hashes in ``mirror.json``, is not fetched again; one of which the
    folder has files from elsewhere is left alone.

    Args:
        folder: the mirror; made when it is not there.
        wanted: names of data sets; one that is not in the catalogue is only looked for.
        catalogue: where they come from.
        say: takes the lines that tell a person what is going on.
        first_pause: seconds before a failed request is tried again; see ``download``.

    Raises:
        ConfigError: an unknown data set. UserError: the disk is full.
    """
    chosen = [dataset(name).name for name in wanted]
    held, gone = {}, set[str]()
    with only_writer(folder):
        for left in (folder / ARCHIVES).glob("unpacked-*"):  # by a process that was killed
            shutil.rmtree(left)
        for name in chosen:
            held[name] = look(folder, name)
            if name == TEXT:
                held[name] = fill_text(folder, folder / ARCHIVES / name, held[name], say, first_pause)
            elif not held[name].own and name in catalogue and not _is_complete(folder, held[name], catalogue[name]):
                held[name] = _fetch(folder, name, catalogue[name], held[name], gone, say, first_pause)
        if (folder / ARCHIVES).is_dir() and not any((folder / ARCHIVES).iterdir()):
            (folder / ARCHIVES).rmdir()
    return held


def look(folder: Path, name: str) -> Held:
    """Return what the mirror's record says of a data set, and which files of it come from elsewhere.

    Two data sets may be read from the same files (LAReQA's questions and its sentences).
    """
    records = recorded(folder)
    held = records.get(name, Held())
    known = {place for one in records.values() for place in one.files}
    data = dataset(name)
    places = {
        place
        for language in data.languages
        for split in SPLITS
        for alternative in paths(data, language, split)
        for place in alternative
    }
    own = (place for place in places if place not in known and (folder / place).is_file())
    return replace(held, own=tuple(sorted(own)))


def _is_complete(folder: Path, held: Held, archives: tuple[Archive, ...]) -> bool:
    return (
        not held.missing
        and held.archives.keys() == {archive.url for archive in archives}
        and all(archive.sha256 in (None, held.archives[archive.url]) for archive in archives)
        and all((folder / name).is_file() and sha256(folder / name) == found for name, found in held.files.items())
    )


def _fetch(
    folder: Path, name: str, archives: tuple[Archive, ...], before: Held, gone: set[str], say: Say, first_pause: float
) -> Held:
    """Fetch, unpack, check and move in one data set; ``gone`` collects the hosts that do not answer."""
    store, languages = folder / ARCHIVES / name, dataset(name).languages
    store.mkdir(parents=True, exist_ok=True)
    found: dict[str, str] = {}
    missing: list[str] = []
    with tempfile.TemporaryDirectory(dir=folder / ARCHIVES, prefix="unpacked-") as made:
        origin = Path(made) / "mirror"
        origin.mkdir()
        for archive in needed(name, archives, languages):
            try:
                found[archive.url], lacking = bring(archive, store, languages, origin, gone, say, first_pause)
                missing += lacking
            except (DownloadError, DataError, PinMismatch) as error:
                missing.append(str(error))
        say(f"{name}: reading")
        files, rows = read_back(name, languages, origin, Path(made) / "rows", missing)
        if missing:  # what an earlier call got stays
            files, rows = {**before.files, **files}, {**before.rows, **rows}
        held = Held(found, files, rows, tuple(missing))
        record(folder, name, held)  # first: a file that is moved in is never one that nobody knows
        for place in files:
            if (origin / place).is_file():
                move(origin / place, folder / place)
    others = {place for other, one in recorded(folder).items() if other != name for place in one.files}
    for place in before.files.keys() - files.keys() - others:
        if (folder / place).is_file() and sha256(folder / place) == before.files[place]:  # else it is not from here
            (folder / place).unlink()
    if not missing:
        clear(store)
    return held

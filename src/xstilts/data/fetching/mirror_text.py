"""The raw text of a mirror: a share of each language's Wikipedia, fetched as a run fetches it."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from xstilts.data.fetching import hub, lock, wikipedia
from xstilts.data.fetching.archives import move
from xstilts.data.fetching.download import DownloadError, HostGone
from xstilts.data.fetching.lock import Pin
from xstilts.data.fetching.mirror_record import Held, Say, record
from xstilts.errors import DataError, PinMismatch
from xstilts.families.shares import shares
from xstilts.files import sha256, write_json

TEXT = "text"
PACKAGES = "raw text needs further packages: pip install '.[text]' in a checkout"


def fill_text(folder: Path, store: Path, before: Held, say: Say, first_pause: float) -> Held:
    """Fetch the raw text of each language of which a mirror has none of Wikipedia; return what it holds then.

    A language is there whole or not at all, with its hash in the record. Files from elsewhere are left alone.

    Args:
        folder: the mirror.
        store: a folder for parts of files, and for the pin, which an interrupted call is gone on with.
        before: what the record says.
        say: takes lines for a person.
        first_pause: seconds before a failed request is tried again; see ``download``.
    """
    places = {code: wikipedia.PLACE.format(language=code) for code in wikipedia.LANGUAGES}
    whole = {place: found for place, found in before.files.items() if _is_whole(folder / place, found)}
    damaged = before.files.keys() - whole.keys()
    wanted = [code for code, place in places.items() if place in damaged or not (folder / place).is_file()]
    held, missing = replace(before, files=whole, missing=()), list[str]()
    try:
        pin = _pin(store, say, first_pause) if wanted else None
        for code in wanted:
            assert pin is not None
            try:
                held = _fetch(folder, store, pin, code, held, say, first_pause)
            except HostGone:
                raise
            except (DownloadError, DataError, PinMismatch) as error:
                missing.append(f"{TEXT} in {code}: {error}")
    except ImportError as error:
        missing.append(f"{error}: {PACKAGES}")
    except DownloadError as error:
        missing.append(str(error))
    if wanted:
        held = replace(held, missing=tuple(missing))
        record(folder, TEXT, held)
        if not missing:
            shutil.rmtree(store)
    return held


def _fetch(folder: Path, store: Path, pin: Pin, language: str, held: Held, say: Say, first_pause: float) -> Held:
    sizes = wikipedia.sizes_of(pin, wikipedia.LANGUAGES)
    share = shares(sizes, wikipedia.ALPHA, wikipedia.SENTENCES)[language]
    file = wikipedia.part(pin, language)
    assert file is not None
    text = wikipedia.fetch(language, share, file, store, say, first_pause)
    if text.sentences < share:
        say(f"{TEXT} in {language}: {text.sentences:,} sentences, of a share of {share:,}: some will be drawn again")
    place = wikipedia.PLACE.format(language=language)
    with tempfile.TemporaryDirectory(dir=store, prefix="unpacked-") as made:
        beside = Path(made) / "text"
        wikipedia.write(beside, text)
        held = replace(
            held,
            archives={**held.archives, f"{pin.repository}/{file['name']} at {pin.commit}": file["sha256"]},
            files={**held.files, place: sha256(beside)},
            rows={**held.rows, language: {"train": text.sentences}},
        )
        record(folder, TEXT, held)  # first: a file that is moved in is never one that nobody knows
        there = wikipedia.sizes_in(folder, wikipedia.LANGUAGES)
        write_json(folder / wikipedia.SIZES, {**there, language: sizes[language]})
        move(beside, folder / place)
    shutil.rmtree(store / file["sha256"], ignore_errors=True)
    return held


def _pin(store: Path, say: Say, first_pause: float) -> Pin:
    """Return the pin of the checkout's lock file where there is one, else of an earlier call, else one that is made."""
    store.mkdir(parents=True, exist_ok=True)
    for path in (lock.LOCK, store / lock.LOCK.name):
        pin = lock.pinned(wikipedia.REPOSITORY, path)
        if pin and all(wikipedia.part(pin, code) for code in wikipedia.LANGUAGES):
            return pin
    wanted, sized = [wikipedia.first_file(code) for code in wikipedia.LANGUAGES], wikipedia.sized(wikipedia.LANGUAGES)
    pin = hub.resolve(wikipedia.REPOSITORY, "dataset", wanted, None, say, first_pause, sized=sized)
    lock.write({pin.repository: pin}, store / lock.LOCK.name)
    return pin


def _is_whole(path: Path, digest: str) -> bool:
    return path.is_file() and sha256(path) == digest

"""`xstilts lock [--data NAME ...] [--text LANGUAGE ...] [--model REPOSITORY ...]`: pin what runs read from the Hub."""

import argparse
from dataclasses import dataclass

from xstilts.console import say
from xstilts.data.fetching import hub_sets, lock, wikipedia
from xstilts.data.fetching.download import DownloadError
from xstilts.data.fetching.hub import Kind, resolve
from xstilts.data.fetching.lock import Pin
from xstilts.data.registry import dataset
from xstilts.errors import ConfigError
from xstilts.modeling.fetch import WANTED


@dataclass(frozen=True)
class Wanted:
    """What a repository is read for."""

    repository: str
    kind: Kind
    files: tuple[str, ...]  # patterns: each must have a file
    revision: str | None = None
    sized: tuple[str, ...] = ()  # patterns of which the bytes are pinned

    def is_in(self, pin: Pin) -> bool:
        """Say whether a pin has all of it."""
        has_files = all(any(lock.matches(name, one) for name in pin.files) for one in self.files)
        return has_files and all(one in pin.sizes for one in self.sized)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    known = " ".join(hub_sets.load())
    parser.add_argument("--data", nargs="*", metavar="NAME", help=f"data sets, of: {known}")
    parser.add_argument("--text", nargs="*", default=[], metavar="LANGUAGE", help="languages of raw text")
    parser.add_argument("--model", nargs="*", default=[], metavar="REPOSITORY", help="encoders")
    parser.add_argument(
        "--renew", action="store_true", help="pin anew what is pinned already: jobs that read it run again"
    )


def run(options: argparse.Namespace) -> int:
    """Pin what is not pinned yet and write the lock file; 1 when something cannot be pinned."""
    with lock.only_one():
        return _pin(options)


def _pin(options: argparse.Namespace) -> int:
    pins, asked, failed = lock.read(), set[str](), 0
    for wanted in _wanted(options):
        repository = wanted.repository
        old, files, sized, revision = pins.get(repository), [*wanted.files], [*wanted.sized], wanted.revision
        if old and (repository in asked or not options.renew):
            if not old.is_of(revision):
                say(f"not pinned: {lock.other_revision(old, revision)}")
                failed += 1
                continue
            if wanted.is_in(old):
                continue
            revision = old.commit  # two data sets of one repository
        elif old:
            files = list(dict.fromkeys([*files, *_pinned_beside(old)]))  # they move together
            sized = list(dict.fromkeys([*sized, *old.sizes]))
        optional = WANTED if wanted.kind == "model" else ()
        try:
            new = resolve(repository, wanted.kind, files, revision, say, optional=optional, sized=sized)
        except DownloadError as error:
            say(f"not pinned: {error}")
            failed += 1
            continue
        if old and old.commit == new.commit:
            new = Pin(repository, new.commit, {**old.files, **new.files}, {**old.sizes, **new.sizes})
        elif old:
            say(f"{repository}: was pinned at {old.commit}")
        say(f"{repository}: pinned at {new.commit}, {len(new.files)} files")
        own = old.revision if old and revision == old.commit else wanted.revision
        files_of, sizes = dict(sorted(new.files.items())), dict(sorted(new.sizes.items()))
        pins[repository] = Pin(repository, new.commit, files_of, sizes, own)
        asked.add(repository)
        lock.write(pins)
    if (
        not lock.LOCK.is_file()
    ):  # without the Hub a run takes what the archives have: it asks only that pinning was tried
        lock.write(pins)
    return 1 if failed else 0


def _pinned_beside(old: Pin) -> list[str]:
    """Return the patterns of files that a repository's pin holds: of all data sets, of all languages of raw text."""
    sets = {name: entry for name, entry in hub_sets.load().items() if entry.repository == old.repository}
    held = [name for name, entry in sets.items() if hub_sets.part(name, entry, old)]
    texts = [wikipedia.first_file(code) for code in wikipedia.languages_of(old)]
    return [pattern for name in held for pattern in hub_sets.patterns(name, sets[name])] + texts


def _wanted(options: argparse.Namespace) -> list[Wanted]:
    """Return everything to pin; without arguments all data sets, but not the raw text. A list may be empty."""
    sets, found = hub_sets.load(), list[Wanted]()
    everything = options.data is None and not options.model and not options.text
    for name in sets if everything else options.data or []:
        if name not in sets:
            raise ConfigError(f"data set {name!r} is not read from the Hub; known: {' '.join(sets)}")
        files = tuple(hub_sets.patterns(name, sets[name]))
        found.append(Wanted(sets[name].repository, "dataset", files, sets[name].revision))
    if options.text:
        codes = [code for code in options.text if dataset("text", code)]
        files = tuple(map(wikipedia.first_file, codes))
        found.append(Wanted(wikipedia.REPOSITORY, "dataset", files, sized=tuple(wikipedia.sized(codes))))
    return [*found, *(Wanted(name, "model", ("config.json",)) for name in options.model)]

"""`xstilts lock [--data NAME ...] [--model REPOSITORY ...]`: pin what runs read from the Hugging Face Hub."""

import argparse
import sys

from xstilts.data import hub_tables, lock
from xstilts.data.download import DownloadError
from xstilts.data.hub import Kind, resolve
from xstilts.data.lock import Pin
from xstilts.errors import ConfigError
from xstilts.modeling.fetch import WANTED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    known = " ".join(hub_tables.load())
    parser.add_argument("--data", nargs="*", default=[], metavar="NAME", help=f"data sets, of: {known}")
    parser.add_argument("--model", nargs="*", default=[], metavar="REPOSITORY", help="encoders")
    parser.add_argument(
        "--renew", action="store_true", help="pin anew what is pinned already: jobs that read it run again"
    )


def run(options: argparse.Namespace) -> int:
    """Pin what is not pinned yet and write the lock file; 1 when something cannot be pinned."""
    pins, asked, failed = lock.read(), set[str](), 0
    for repository, kind, wanted, revision in _wanted(options):
        old = pins.get(repository)
        if old and (repository in asked or not options.renew):
            if all(any(lock.matches(name, one) for name in old.files) for one in wanted):
                continue
            revision = old.commit  # two data sets of one repository
        elif old:
            wanted = list(dict.fromkeys([*wanted, *_pinned_beside(old)]))  # they move together
        try:
            new = resolve(repository, kind, wanted, revision, _say, optional=WANTED if kind == "model" else ())
        except DownloadError as error:
            _say(f"not pinned: {error}")
            failed += 1
            continue
        files = {**old.files, **new.files} if old and old.commit == new.commit else new.files
        if old and old.commit != new.commit:
            _say(f"{repository}: was pinned at {old.commit}")
        _say(f"{repository}: pinned at {new.commit}, {len(files)} files")
        pins[repository] = Pin(repository, new.commit, dict(sorted(files.items())))
        asked.add(repository)
        lock.write(pins)
    return 1 if failed else 0


def _pinned_beside(old: Pin) -> list[str]:
    """Return the patterns of files of all data sets that a repository's pin holds."""
    sets = {name: entry for name, entry in hub_tables.load().items() if entry.repository == old.repository}
    held = [name for name, entry in sets.items() if hub_tables.part(name, entry, old)]
    return [pattern for name in held for pattern in hub_tables.patterns(name, sets[name])]


def _wanted(options: argparse.Namespace) -> list[tuple[str, Kind, list[str], str | None]]:
    """Return (repository, kind, patterns of files, revision) of everything to pin; without arguments all data sets."""
    sets, found = hub_tables.load(), list[tuple[str, Kind, list[str], str | None]]()
    for name in options.data or ([] if options.model else sets):
        if name not in sets:
            raise ConfigError(f"data set {name!r} is not read from the Hub; known: {' '.join(sets)}")
        found.append((sets[name].repository, "dataset", hub_tables.patterns(name, sets[name]), sets[name].revision))
    return [*found, *((name, "model", ["config.json"], None) for name in options.model)]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

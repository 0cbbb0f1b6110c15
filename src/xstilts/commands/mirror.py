"""`xstilts mirror DIR [--only DATASET ...] [--list]`: fill a folder with the data sets from upstream."""

import argparse
from pathlib import Path

from xstilts.console import say
from xstilts.data.fetching import wikipedia
from xstilts.data.fetching.mirror import ARCHIVES, fill, look
from xstilts.data.fetching.mirror_record import RECORD, Held
from xstilts.data.fetching.mirror_text import TEXT
from xstilts.data.fetching.upstream import Catalogue, load
from xstilts.data.registry import dataset, names
from xstilts.errors import UserError

SHOWN_REASONS = 3  # a data set of many files on a host that is gone has a reason for each
NO_ARCHIVE = {
    "ccg": "a licensee makes intermediate/ccg/{train,dev}.tsv with `xstilts ccgbank`",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="the mirror; what it holds already is not fetched again"
    )
    parser.add_argument("--only", nargs="+", metavar="DATASET", help=f"some of: {' '.join(names())}")
    parser.add_argument("--list", action="store_true", help="say what there is and what would be fetched; no network")


def run(options: argparse.Namespace) -> int:
    """Fill the folder and print the table; 1 when something that has an archive is not there."""
    if options.folder.exists() and not options.folder.is_dir():
        raise UserError(f"{options.folder}: is a file; expected a folder")
    wanted = [dataset(name).name for name in options.only or names()]
    catalogue = load()
    if options.list:
        print(listing({name: look(options.folder, name) for name in wanted}, catalogue))
        return 0
    held = fill(options.folder, wanted, catalogue, say)
    print(table(held))
    failed = [name for name, found in held.items() if found.missing]
    if failed:
        print(
            f"\nnot complete: {' '.join(failed)}. The same command goes on where this one ended; all reasons are in\n"
            f"{options.folder / RECORD}. An archive that you have from elsewhere can be put into\n"
            f"{options.folder / ARCHIVES}/DATASET under its upstream name: it is checked and used."
        )
    return 1 if failed else 0


def table(held: dict[str, Held]) -> str:
    """Return a line a data set (files, languages, rows or gold pairs, licence), below it why anything is missing."""
    wide = _width(held)
    lines = [f"{'data set':{wide}}{'files':>7}{'languages':>11}{'rows':>12}  licence"]
    for name, found in held.items():
        rows = sum(sum(splits.values()) for splits in found.rows.values())
        counts = (
            f"{len(found.files):>7}{len(found.rows):>11}{rows:>12,}" if found.files else f"{'-':>7}{'-':>11}{'-':>12}"
        )
        lines.append(f"{name:{wide}}{counts}  {dataset(name).licence}")
        lines += [f"{'':12}{reason}" for reason in _reasons(name, found)]
    return "\n".join(lines)


def listing(held: dict[str, Held], catalogue: Catalogue) -> str:
    """Return a line a data set: whether the folder has it, what there is to download, from where, the licence."""
    wide = _width(held)
    lines = [f"{'data set':{wide}}{'state':13}{'MB':>8}  {'from':32}licence"]
    for name, found in held.items():
        state = (
            "own files"
            if found.own and not found.files
            else "incomplete"
            if found.missing
            else "there"
            if found.files
            else "not there"
        )
        archives = catalogue.get(name, ())
        if name == TEXT:
            lines.append(f"{name:{wide}}{state:13}{text_megabytes():>8}  {'huggingface.co':32}{dataset(name).licence}")
            lines.append(f"{'':12}parts of files; {len(wikipedia.LANGUAGES)} languages, 2 million sentences in all")
            continue
        size = f"{sum(archive.bytes or 0 for archive in archives) / 1e6:,.1f}" if archives else "-"
        unknown = "+" if any(archive.bytes is None for archive in archives) else ""
        hosts = " ".join(dict.fromkeys(archive.host for archive in archives)) or "-"
        lines.append(f"{name:{wide}}{state:13}{size + unknown:>8}  {hosts:32}{dataset(name).licence}")
        lines += [f"{'':12}{reason}" for reason in _reasons(name, found)]
    return "\n".join(lines)


def _width(held: dict[str, Held]) -> int:
    """Return how wide the column of names is: a space behind the longest."""
    return max(9, *map(len, held)) + 1


def text_megabytes() -> str:
    """Return about how many megabytes the raw text of all languages takes, before anything of it is known."""
    even = wikipedia.SENTENCES // len(wikipedia.LANGUAGES)
    return f"~{len(wikipedia.LANGUAGES) * wikipedia.expected_bytes(even, None) / 1e6:,.0f}"


def _reasons(name: str, found: Held) -> list[str]:
    if found.own and name != TEXT:
        return [f"{len(found.own)} files from elsewhere ({found.own[0]}, ...): left alone"]
    if name in NO_ARCHIVE:
        return [reason for reason in (dataset(name).absent, NO_ARCHIVE[name]) if reason]
    more = len(found.missing) - SHOWN_REASONS
    return [*found.missing[:SHOWN_REASONS], *([f"and {more} more"] if more > 0 else [])]

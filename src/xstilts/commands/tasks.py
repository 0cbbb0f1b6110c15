"""`xstilts tasks [FILE ...]`: what can be evaluated and trained on, and how a task of one's own is written."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from xstilts.config.outside import check_files
from xstilts.data.fetching.hub_sets import load as hub_sets
from xstilts.data.prepare import prepare
from xstilts.data.readers.records import FORMATS
from xstilts.data.registry import language_codes, own_data_sets
from xstilts.errors import UserError
from xstilts.families.facts import facts
from xstilts.families.modules import FAMILIES
from xstilts.tasks import outside, registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("files", nargs="*", help="YAML files with tasks of your own, which are checked and listed too")


def run(options: argparse.Namespace) -> int:
    """Print the lists."""
    own = check_files(options.files)
    outside.name_files(tuple(map(str, own)))
    tasks, training = registry()
    print("Tasks (name, family, trained on, metrics, splits, languages)")
    _table(
        (task.name, task.family, task.target, "/".join(task.metrics), "/".join(task.splits), " ".join(task.languages))
        for task in tasks.values()
    )
    print("\nTraining sets (name, family, data sets, labels): sources and targets")
    _table(
        (one.name, one.family, "+".join(one.parts), one.labels if isinstance(one.labels, str) else " ".join(one.labels))
        for one in training.values()
    )
    print("\nFamilies of a task of your own (name, readers, fields: needed; possible, scorers: metrics)")
    _table(
        (
            name,
            " ".join((*FORMATS, *known.formats)),
            f"{' '.join(known.fields[0])}; {' '.join(known.fields[1])}",
            ", ".join(f"{scorer}: {' '.join(metrics)}" for scorer, metrics in known.metrics.items()),
        )
        for name in FAMILIES
        if (known := facts(name)).prediction and known.fields[0]
    )
    problems: list[str] = []
    if names := [name for entries in own.values() for name in entries]:
        print("\nData of your own (name, language, rows by split)")
        _table([*_counted(names, problems)] or [("none that can be read", "", "")])
    print(f"\nLanguages that the package's data have: {' '.join(language_codes())}; qaa to qtz are generated ones")
    for line in problems:
        print(f"error: {line}", file=sys.stderr)
    return 2 if problems else 0


def _counted(names: Iterable[str], problems: list[str]) -> Iterator[tuple[str, str, str]]:
    """Read all files of data sets; yield (name, language, rows), and gather what is wrong with those that cannot be."""
    for one in (data for name in names for data in own_data_sets(name)):
        if one.name in hub_sets():
            yield one.name, " ".join(one.languages), "on the Hub: read when it runs"
            continue
        for language in one.languages:
            try:
                with TemporaryDirectory() as folder:
                    found = prepare(one.name, language, Path(str(one.folder)), Path(folder))
            except UserError as error:
                problems.append(str(error))
                continue
            counts = [
                f"{split} {rows:,}" + (f" ({labelled:,} with labels)" if labelled < rows else "")
                for split, rows in found["rows"].items()
                for labelled in [found["labelled"][split]]
            ]
            yield one.name, language, ", ".join(counts) or str(found["reason"])


def _table(rows: Iterable[tuple[str, ...]]) -> None:
    lines = list(rows)
    width = [max(len(line[column]) for line in lines) for column in range(len(lines[0]) - 1)]
    for *cells, last in lines:
        print("  " + "  ".join(f"{cell:<{size}}" for cell, size in zip(cells, width, strict=True)) + f"  {last}")

"""`xstilts tasks [FILE ...]`: what can be evaluated and trained on, and how a task of one's own is written."""

import argparse
from collections.abc import Iterable

from xstilts.config.outside import check_files
from xstilts.data.readers.records import FORMATS
from xstilts.data.registry import language_codes
from xstilts.families.facts import facts
from xstilts.families.modules import FAMILIES
from xstilts.tasks import outside, registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("files", nargs="*", help="YAML files with tasks of your own, which are checked and listed too")


def run(options: argparse.Namespace) -> int:
    """Print the lists."""
    outside.name_files(tuple(map(str, check_files(options.files))))
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
    print(f"\nLanguages that the package's data have: {' '.join(language_codes())}; qaa to qtz are generated ones")
    return 0


def _table(rows: Iterable[tuple[str, ...]]) -> None:
    lines = list(rows)
    width = [max(len(line[column]) for line in lines) for column in range(len(lines[0]) - 1)]
    for *cells, last in lines:
        print("  " + "  ".join(f"{cell:<{size}}" for cell, size in zip(cells, width, strict=True)) + f"  {last}")

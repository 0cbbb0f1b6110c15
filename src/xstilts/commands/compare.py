"""`xstilts compare A B GOLD [--benchmark xtreme_r] [--json FILE]`: two systems' predictions, with paired p values."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from xstilts.files import write_json
from xstilts.tasks.benchmark import BENCHMARKS, XTREME, benchmark
from xstilts.xtreme.compare import compare_folders, table
from xstilts.xtreme.folders import opened


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("a", type=Path, metavar="A", help="the first system's predictions (TASK/test-LANGUAGE files)")
    parser.add_argument("b", type=Path, metavar="B", help="the second system's predictions")
    parser.add_argument("gold", type=Path, metavar="GOLD", help="folder with the gold files under the same names")
    parser.add_argument("--benchmark", choices=tuple(BENCHMARKS), default=XTREME.name, help="whose tasks and languages")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")


def run(options: argparse.Namespace) -> int:
    """Print each task's two scores, their difference B minus A, its interval and its p value; notes go to stderr."""
    with opened(options.a) as a, opened(options.b) as b, opened(options.gold) as gold:
        found = compare_folders(a, b, gold, benchmark=benchmark(options.benchmark))
    print(table(found.rows))
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    if options.json:
        write_json(options.json, [asdict(row) for row in found.rows])
    return 0

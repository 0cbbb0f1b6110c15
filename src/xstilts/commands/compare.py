"""`xstilts compare A B GOLD [--json FILE]`: two systems' predictions, with paired p values."""

import argparse
from dataclasses import asdict
from pathlib import Path

from xstilts.files import write_json
from xstilts.scoring.comparison import compare_folders, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("a", type=Path, metavar="A", help="the first system's predictions (TASK/test-LANGUAGE files)")
    parser.add_argument("b", type=Path, metavar="B", help="the second system's predictions")
    parser.add_argument("gold", type=Path, metavar="GOLD", help="folder with the gold files under the same names")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")


def run(options: argparse.Namespace) -> int:
    """Print each task's two scores, their difference B minus A, its interval and its p value."""
    rows = compare_folders(options.a, options.b, options.gold)
    print(table(rows))
    if options.json:
        write_json(options.json, [asdict(row) for row in rows])
    return 0

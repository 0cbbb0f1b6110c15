"""`xstilts size FILE`: how gains depend on the size of the model, from a table of gains or from a run's scores."""

import argparse
import csv
import math
from pathlib import Path

from xstilts.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a table of gains, or with --model a run's scores.csv")
    parser.add_argument(
        "--model", action="append", default=[], metavar="NAME=BILLIONS", help="a model of the run and its parameters"
    )
    parser.add_argument("--source", default="mnli", help="whose gain it is (default: mnli)")
    parser.add_argument("--minus", default="none", help="over which source (default: none)")
    parser.add_argument("--title", default="Gain by size", help="of the page")


def run(options: argparse.Namespace) -> int:
    """Print the page."""
    from xstilts.studies.covered import remarks_on
    from xstilts.studies.gains import read_scores, read_series
    from xstilts.studies.series import page

    if not options.model:
        print(page(options.title, read_series(options.file)), end="")
        return 0
    sizes: dict[str, float] = {}
    for entry in options.model:
        name, _, billions = entry.partition("=")
        try:
            size = float(billions)
        except ValueError:
            size = 0.0
        if not 0 < size < math.inf:
            raise UserError(f"--model {entry}: expected NAME=BILLIONS, a number above 0, such as large=0.56")
        if name in sizes or size in sizes.values():
            raise UserError(f"--model {entry}: found the model or its size twice; expected each once")
        sizes[name] = size
    series = read_scores(options.file, sizes, options.source, options.minus)
    with options.file.open(encoding="utf-8", newline="") as file:
        rows = [row | {"value": row["value"] or None} for row in csv.DictReader(file)]
    read = [row for row in rows if row["source"] in (options.source, options.minus)]
    print(page(options.title, series, remarks_on(read, sizes, [one.name for one in series])), end="")
    return 0

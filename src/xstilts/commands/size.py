"""`xstilts size FILE`: how gains depend on the size of the model, from a table of gains or from a run's scores."""

import argparse
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
    from xstilts.studies.series import page, read_scores, read_series

    if not options.model:
        print(page(options.title, read_series(options.file)), end="")
        return 0
    sizes = {}
    for entry in options.model:
        name, _, billions = entry.partition("=")
        try:
            sizes[name] = float(billions)
        except ValueError:
            raise UserError(f"--model {entry}: found no number; expected NAME=BILLIONS, such as large=0.56") from None
    print(page(options.title, read_scores(options.file, sizes, options.source, options.minus)), end="")
    return 0

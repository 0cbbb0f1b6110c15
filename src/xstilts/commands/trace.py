"""`xstilts trace`: a number of a table, followed back to predictions, checkpoint, data, settings and machine."""

import argparse
import os
import sys
from pathlib import Path

from xstilts.planning.trace import trace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `xstilts trace`."""
    parser.add_argument(
        "table", type=Path, help="results/RUN/tables/main.csv (or .md, .tex), scores.csv, languages/..."
    )
    parser.add_argument(
        "--row", required=True, help="the row's first field; where several have it: fields, with commas"
    )
    parser.add_argument("--column", required=True, help="the column's name")


def run(options: argparse.Namespace) -> int:
    """Print the way back, hashes checked; the status is 1 when a file on it is not what was made."""
    table = options.table.resolve()
    top = next((folder.parent for folder in table.parents if folder.name == "results"), Path.cwd())
    os.chdir(top)  # manifests name their inputs from the folder of the Snakefile
    text, problems = trace(table.relative_to(top) if table.is_relative_to(top) else table, options.row, options.column)
    sys.stdout.write(text)
    for problem in problems:
        print(f"not as it was made: {problem}", file=sys.stderr)
    return 1 if problems else 0

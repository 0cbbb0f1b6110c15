"""`xstilts verify-baseline [RUN_FOLDER]`: the untrained encoder's retrieval scores beside the authors' numbers."""

import argparse
from pathlib import Path

from xstilts.reporting.encoder_check import compare, read_expected, table
from xstilts.xtreme.submission import only_folder

EXPECTED = Path("resources/published/by_language/xlmr_large_retrieval.csv")
TOLERANCE = 0.3  # points


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run", type=Path, nargs="?", default=Path("results/baseline"), metavar="RUN_FOLDER")
    parser.add_argument("--model", metavar="NAME", help="needed when the run has several models")
    parser.add_argument("--expected", type=Path, default=EXPECTED, metavar="CSV", help="task, language, split, value")
    parser.add_argument("--within", type=float, default=TOLERANCE, metavar="POINTS", help="largest difference allowed")


def run(options: argparse.Namespace) -> int:
    """Print ours, theirs, difference and verdict of each language; 1 when one of them is outside or missing."""
    scores = options.run / "scores"
    rows = compare(
        scores / only_folder(scores, options.model, "model") / "none" / "none",
        read_expected(options.expected),
        options.within,
    )
    print(table(rows, options.within))
    return 0 if all(row.verdict == "inside" for row in rows) else 1

"""`xstilts verify-small [RUN_FOLDER]`: a small encoder's zero-shot scores beside those that its authors published."""

import argparse
from pathlib import Path

from xstilts.reporting.encoder_check import compare_means, read_expected, table
from xstilts.xtreme.submission import only_folder

EXPECTED = Path("resources/published/by_language/mminilmv2.csv")
TOLERANCE = 1.5  # points: one seed, and a checkpoint chosen on English alone (assumed)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run", type=Path, nargs="?", default=Path("results/verify-small"), metavar="RUN_FOLDER")
    parser.add_argument("--model", metavar="NAME", help="needed when the run has several models")
    parser.add_argument("--expected", type=Path, default=EXPECTED, metavar="CSV", help="model, task, split, value")
    parser.add_argument("--within", type=float, default=TOLERANCE, metavar="POINTS", help="largest difference allowed")


def run(options: argparse.Namespace) -> int:
    """Print ours, theirs, difference and verdict of each mean; 1 when one of them is outside or missing."""
    scores = options.run / "scores"
    model = only_folder(scores, options.model, "model")
    rows = compare_means(scores / model / "none", read_expected(options.expected, model), options.within)
    print(table(rows, options.within))
    return 0 if all(row.verdict == "inside" for row in rows) else 1

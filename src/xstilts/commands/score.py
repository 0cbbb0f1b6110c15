"""`xstilts score PREDICTIONS GOLD [--json FILE]`: the official scores of a submission folder."""

import argparse
import sys
from pathlib import Path

from xstilts.files import write_json
from xstilts.scoring.benchmark import report, score_folders, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("predictions", type=Path, help="folder with TASK/test-LANGUAGE.tsv (.json for QA)")
    parser.add_argument("gold", type=Path, help="folder with the gold files under the same names")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all scores there, keyed as the official code")


def run(options: argparse.Namespace) -> int:
    """Print the table; notes about missing answers and languages go to stderr."""
    result = score_folders(options.predictions, options.gold)
    content = report(result)
    print(table(content))
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    if options.json:
        write_json(options.json, content)
    return 0

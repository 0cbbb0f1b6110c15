"""`xstilts score PREDICTIONS GOLD [--benchmark xtreme_r] [--json FILE]`: the official scores of a submission."""

import argparse
import sys
from pathlib import Path

from xstilts.files import write_json
from xstilts.tasks.benchmark import BENCHMARKS, XTREME, benchmark
from xstilts.xtreme.evaluate import report, score_folders, table
from xstilts.xtreme.folders import opened


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("predictions", type=Path, help="folder or zip with TASK/test-LANGUAGE.tsv (.json for QA)")
    parser.add_argument("gold", type=Path, help="folder or zip with the gold files under the same names")
    parser.add_argument("--benchmark", choices=tuple(BENCHMARKS), default=XTREME.name, help="whose tasks and languages")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all scores there, keyed as the official code")


def run(options: argparse.Namespace) -> int:
    """Print the table; notes about missing answers and languages go to stderr."""
    with opened(options.predictions) as predictions, opened(options.gold) as gold:
        result = score_folders(predictions, gold, benchmark(options.benchmark))
    content = report(result)
    print(table(content, result.benchmark))
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    if options.json:
        write_json(options.json, content)
    return 0

"""`xstilts watch`: what a run does now, where, how far and how fast; what failed; whether anything moves."""

import argparse
import sys
import time
from pathlib import Path

from xstilts.planning.watch import all_done, look, picture

LONGEST = 1_000_000  # seconds or minutes
CLEAR = "\x1b[H\x1b[J"  # to the corner, and empty the screen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `xstilts watch`."""
    parser.add_argument("run", help="the run's name: its results stand in results/NAME")
    parser.add_argument("--once", action="store_true", help="print one picture and end")
    parser.add_argument("--every", type=_not_negative, default=5.0, metavar="SECONDS", help="how often to look (5)")
    parser.add_argument(
        "--stale", type=_not_negative, default=15.0, metavar="MINUTES", help="silence of a job to speak of (15)"
    )


def _not_negative(text: str) -> float:
    number = float(text)
    if not 0 <= number <= LONGEST:
        raise argparse.ArgumentTypeError(f"found {text}; expected a number from 0 to {LONGEST:,}")
    return number


def run(options: argparse.Namespace) -> int:
    """Print the picture, again and again until all is done or the user has seen enough."""
    try:
        while True:
            seen = look(Path("results"), options.run)
            text = picture(seen, options.run, options.stale)
            sys.stdout.write(text if options.once else CLEAR + text)
            sys.stdout.flush()
            if options.once or all_done(seen):
                return 0
            time.sleep(options.every)
    except KeyboardInterrupt:
        return 0

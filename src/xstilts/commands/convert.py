"""`xstilts convert REPO-OR-FOLDER DEST`: an encoder with pickled weights alone, as a folder that a run can use."""

import argparse
from pathlib import Path

from xstilts.console import say
from xstilts.modeling.convert import convert


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("place", metavar="REPO-OR-FOLDER", help="a repository of the Hub, or a folder with its files")
    parser.add_argument("dest", type=Path, metavar="DEST", help="the folder to make: `weights` of an encoder")
    parser.add_argument("--revision", metavar="REV", help="commit, tag or branch on the Hub (default: its main branch)")


def run(options: argparse.Namespace) -> int:
    """Convert, and print the SHA-256 of what was read and of what was written."""
    digests = convert(options.place, options.dest, options.revision, say)
    for name, digest in digests.items():
        print(f"{digest}  {name}")
    print(f"{options.dest}: write `weights: {options.dest}` in `encoders`")
    return 0

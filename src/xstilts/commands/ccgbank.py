"""`xstilts ccgbank FOLDER MIRROR`: supertags of a licensee's CCGbank, as the files that a run reads."""

import argparse
from pathlib import Path

from xstilts.data.fetching.ccgbank import convert


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="CCGbank (LDC2005T13) as it is on its disc")
    parser.add_argument("mirror", type=Path, metavar="MIRROR", help="the mirror that gets intermediate/ccg/*.tsv")


def run(options: argparse.Namespace) -> int:
    """Write the files and print their numbers of sentences."""
    for split, sentences in convert(options.folder, options.mirror).items():
        print(f"{split}: {sentences:,} sentences")
    return 0

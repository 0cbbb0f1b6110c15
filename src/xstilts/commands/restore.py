"""`xstilts restore FOLDER ...`: have models trained again whose weights were dropped."""

import argparse
from pathlib import Path

from xstilts.drop import forget


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="a model's folder, such as results/paper/models/xlm-roberta-large/mnli/squad/1",
    )


def run(options: argparse.Namespace) -> int:
    """Forget the models, and those that they were trained from if dropped; print what makes them again."""
    forgotten = [path for folder in options.folders for path in forget(folder / "manifest.json")]
    for path in dict.fromkeys(forgotten):
        print(f"{path.parent}: no longer counts as done")
    print("The workflow trains them again as soon as a job needs them, or at once, called with the run's --configfile:")
    print(f"snakemake {' '.join(str(folder / 'manifest.json') for folder in options.folders)}")
    return 0

"""`xstilts restore FOLDER ...`: have models trained again whose weights were dropped."""

import argparse
from contextlib import ExitStack
from pathlib import Path

from xstilts.drop import forget
from xstilts.graph.specs import no_run


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
    with ExitStack() as held:
        for here in dict.fromkeys(map(_run_of, options.folders)):
            if here is not None:
                held.enter_context(no_run(here))
        forgotten = [path for folder in options.folders for path in forget(folder / "manifest.json")]
    for path in dict.fromkeys(forgotten):
        print(f"{path.parent}: no longer counts as done")
    print("The workflow trains them again as soon as a job needs them, or at once, called with the run's --configfile:")
    print(f"snakemake {' '.join(str(folder / 'manifest.json') for folder in options.folders)}")
    return 0


def _run_of(folder: Path) -> Path | None:
    """Return the folder of the run that a model is of, None where it lies elsewhere; links stay as they are named."""
    return next((path for path in folder.absolute().parents if (path / "specs").is_dir()), None)

"""`xstilts untrim FOLDER DEST`: a model of a run with a trimmed vocabulary, put back into the whole one."""

import argparse
from pathlib import Path

from xstilts.artifacts import read_manifest
from xstilts.commands import new_folder
from xstilts.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="a model's folder, such as results/RUN/models/MODEL/mnli/none/1"
    )
    parser.add_argument("dest", type=Path, metavar="DEST", help="the folder to make")


def run(options: argparse.Namespace) -> int:
    """Write the model with the whole vocabulary and say what is in the folder."""
    from xstilts.files import copy_file
    from xstilts.modeling.adapted import CONFIG as ADAPTERS
    from xstilts.modeling.trim import PIECES, untrim

    trimmed = next((at for at in (options.folder, *options.folder.parents) if (at / PIECES).is_file()), None)
    if trimmed is None:
        raise UserError(
            f"{options.folder}: found no {PIECES} there or above; expected a model of a run whose encoder "
            "has `vocabulary: run`"
        )
    if (options.folder / ADAPTERS).is_file():
        raise UserError(
            f"{options.folder}: found {ADAPTERS}; expected a whole model (xstilts merge makes one, with the vocabulary "
            "of the run)"
        )
    with new_folder(options.dest) as dest:
        if (options.folder / "manifest.json").is_file():
            read_manifest(options.folder / "manifest.json").check()
        whole = Path(read_manifest(trimmed / "manifest.json").content["inputs"]["encoder"]["manifest"])
        names = untrim(options.folder, trimmed, whole.parent, dest)
        for name in ("head.json", "head.safetensors"):
            if (options.folder / name).is_file():
                copy_file(options.folder / name, dest / name)
                names.append(name)
    print(f"{options.dest}: {' '.join(names)}")
    return 0

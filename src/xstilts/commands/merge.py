"""`xstilts merge FOLDER DEST`: adapters of a run and the encoder below them as one plain Hugging Face folder."""

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
    """Check the adapters and what is below them, merge them, and say what is in the folder."""
    from xstilts.files import copy_file
    from xstilts.modeling.adapted import CONFIG, is_adapter, save_merged
    from xstilts.modeling.trim import PIECES

    if not is_adapter(options.folder):
        raise UserError(f"{options.folder}: found no {CONFIG}; expected a model that was trained by LoRA or IA3")
    made = read_manifest(options.folder / "manifest.json")
    made.check()
    inputs = made.content["inputs"]
    entry = inputs.get("below") or inputs["encoder"]
    below = read_manifest(Path(entry["manifest"]))
    if below.digest != entry["digest"]:
        raise UserError(
            f"{below.folder}: is not the encoder that {options.folder} was trained on: it was made anew since"
        )
    with new_folder(options.dest) as dest:
        below.check()
        names = save_merged(options.folder, below.folder, dest)
        for name in ("head.json", "head.safetensors"):
            if name in made.content["files"]:
                copy_file(options.folder / name, dest / name)
                names.append(name)
    print(f"{options.dest}: {' '.join(names)}")
    if any((at / PIECES).is_file() for at in (below.folder, *below.folder.parents)):
        print(
            "its vocabulary is that of the run's texts (vocabulary: run); other texts have pieces that it does not know"
        )
    return 0

"""Names of runs, encoders and sources: which may be given, and one for an encoder that lies anywhere.

``python -m xstilts.config.naming RUN ENCODER`` prints the settings by which ``make RUN`` runs an encoder of any name.
Two encoders never share a run: a folder's name has a digest of where it lies behind it, a repository's its owner before
it.
"""

import hashlib
import json
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
LONGEST_NAME = 100  # characters: names are parts of file names, which have 255 bytes at most
RESERVED = {  # what stands where names do: in results/, in a run's folder, beside a model's manifest
    *("bench", "checkpoints", "code", "encoders", "features", "figures", "indexes", "logs", "models", "none"),
    *("origins", "predictions", "pretrained", "scores", "specs", "store", "tables", "text"),
}
FILE = re.compile(r".*\.(json|jsonl|safetensors|txt|model|log|part)")


REPOSITORY = re.compile(r"([\w.-]+/)?[\w.-]+", re.ASCII)


def is_folder(place: str) -> bool:
    """Say whether a place can only be a folder: an identifier on the Hub is ``owner/name``, or ``name`` alone."""
    first, slash, rest = place.partition("/")
    return place.startswith((".", "/", "~")) or "/" in rest or (bool(slash) and Path(first).is_dir())


def check_names(run: str, recipe: str, models: Sequence[str], sources: Sequence[str]) -> None:
    """Check the names that a user gives; ValueError says which cannot be one."""
    for name in (run, recipe, *models, *sources):
        if not NAME.fullmatch(name):
            raise ValueError(f"name {name!r}: use lower-case letters, digits, dots and dashes")
        if len(name) > LONGEST_NAME:
            raise ValueError(f"name {name[:20]}...: found {len(name)} characters; expected at most {LONGEST_NAME}")
    for what, given in (("run", [run]), ("model", models), ("source", sources)):
        for name in given:
            if name in RESERVED or FILE.fullmatch(name):
                raise ValueError(f"{what}: the name {name!r} is that of a file or folder of the workflow's own")


def name_of(place: str) -> str:
    """Return a name for a folder or a repository of the Hub that YAML reads as a word, and no other place gets."""
    folder = Path(place).expanduser()
    if folder.is_dir():
        where = folder.resolve()
        return f"{_word(where.name)}-{hashlib.sha256(str(where).encode()).hexdigest()[:6]}"
    name = _word(place.replace("/", "--"))
    return name if isinstance(yaml.safe_load(name), str) else f"encoder-{name}"


def _word(text: str) -> str:
    return re.sub("[^a-z0-9._-]", "-", text.lower()).lstrip("._-")[:60] or "encoder"


def settings(run: str, place: str) -> list[str]:
    """Return the words of a command line, for ``snakemake --config``."""
    name = name_of(place)
    return [f"run={run}-{name}", f"models={name}", f"encoders={json.dumps({name: {'weights': place}})}"]


if __name__ == "__main__":
    print(name_of(sys.argv[2]) if sys.argv[1] == "--name" else shlex.join(settings(sys.argv[1], sys.argv[2])))

"""Where golden cases lie: made for this project in tests/golden, other people's data where settings point."""

import csv
import os
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "golden"


def setting(name: str) -> Path:
    """Return the folder an environment variable names; skip without the variable, fail when the folder is not there."""
    if not os.environ.get(name):
        pytest.skip(f"{name} is not set")
    folder = Path(os.environ[name])
    assert folder.is_dir(), f"{name} names {folder}, which is no folder"
    return folder


def cases(name: str) -> list[dict[str, str]]:
    with open(HERE / name, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def word_tags(path: Path) -> list[list[str]]:
    """Read `word<TAB>tag` (or one tag a line), a blank line between sentences."""
    sentences: list[list[str]] = [[]]
    for line in path.read_bytes().decode("utf-8").split("\n"):
        if line.strip():
            sentences[-1].append(line.split("\t")[-1].strip())
        else:
            sentences.append([])
    return [sentence for sentence in sentences if sentence]

"""One undisturbed run, which every disturbed one must end like."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "dag"))  # its checkout.py

from place import Place, new_place


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place with a finished run that wrote no checkpoint; a test works on a twin of it."""
    place = new_place(tmp_path_factory.mktemp("undisturbed") / "place")
    place.snakemake()
    assert not place.leftovers()
    return place

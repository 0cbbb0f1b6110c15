"""Which examples are shown to a model before or beside its questions: the first by a hash of a seed and their ids."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any


def by_hash(rows: Sequence[Mapping[str, Any]], seed: int) -> list[int]:
    """Return the places of rows in the order of a hash of seed and id, the same in every language and arm."""
    return sorted(range(len(rows)), key=lambda place: sha256(f"{seed}/{rows[place]['id']}".encode()).digest())

"""The scores file of one task in one language: one line of JSON, sealed by its own hash."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xstilts.artifacts import seal
from xstilts.errors import DataError
from xstilts.files import read_json, write_text


def write_scores(path: Path, scores: Mapping[str, Any]) -> None:
    """Write a scores file on one line (it holds long lists), whole or not at all."""
    sealed = {**scores, "seal": seal(dict(scores))}
    write_text(path, json.dumps(sealed, ensure_ascii=False, separators=(",", ":")) + "\n")


def read_scores(path: Path) -> dict[str, Any]:
    """Read a scores file; DataError when it is not what the score job wrote."""
    scores: dict[str, Any] = read_json(path)
    if not isinstance(scores, dict) or scores.get("seal") != seal(scores):
        raise DataError(path, "content that does not fit its seal (changed since it was made)", "scores as written")
    return scores

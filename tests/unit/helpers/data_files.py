"""Origins for the data tests: the real mirror where a setting points, and small folders written on the spot."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from xstilts.data.prepare import prepare
from xstilts.errors import DataError
from xstilts.files import read_jsonl

NLI_ROWS = {  # of the tiny NLI files by split, whatever their format
    "mnli": {"train": 3, "dev": 3},
    "snli": {"train": 3, "dev": 3, "test": 3},
    "anli": {"train": 9, "dev": 9},
}


def mirror() -> Path:
    """Return the unpacked mirror; skip without XSTILTS_MIRROR, fail when it names no folder."""
    if not os.environ.get("XSTILTS_MIRROR"):
        pytest.skip("XSTILTS_MIRROR is not set")
    folder = Path(os.environ["XSTILTS_MIRROR"])
    assert folder.is_dir(), f"XSTILTS_MIRROR names {folder}, which is no folder"
    return folder


def write(origin: Path, files: dict[str, str | bytes]) -> Path:
    """Write {path below origin: content} and return the origin."""
    for name, content in files.items():
        path = origin / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return origin


def check_named(dataset: str, language: str, files: dict[str, str | bytes], fragments: list[str], folder: Path) -> None:
    """Assert that bad files stop with one line that names what was found and expected, and leave nothing behind."""
    origin, output = write(folder / "origin", files), folder / "output"
    with pytest.raises(DataError) as error:
        prepare(dataset, language, origin, output)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(str(origin))
    assert "; expected " in message
    for fragment in fragments:
        assert fragment in message
    # Nothing half-written stays, not even the splits that were fine.
    assert not output.exists() or list(output.iterdir()) == []


def rows(dataset: str, language: str, origin: Path, output: Path) -> tuple[dict[str, Any], dict[str, list[dict]]]:
    """Prepare, and return what prepare said and the rows of each split that it wrote."""
    said = prepare(dataset, language, origin, output)
    return said, {path.stem: read_jsonl(path) for path in sorted(output.glob("*.jsonl"))}


def squad(*questions: dict[str, Any], context: str = "Ada wrote notes.", title: str | None = "Ada") -> str:
    """Return a SQuAD document of one passage; a question is {id, answers: [(text, start)], ...}."""
    asked = []
    for question in questions:
        answers = [{"text": text, "answer_start": start} for text, start in question.get("answers", [("Ada", 0)])]
        asked.append({"question": "Who?", **question, "answers": answers})
    article: dict[str, Any] = {"paragraphs": [{"context": context, "qas": asked}]}
    return json.dumps({"version": "1", "data": [article | ({"title": title} if title else {})]})


def nli(*pairs: tuple[str, str, str]) -> str:
    """Return JSON lines of (premise, hypothesis, label) with MultiNLI's keys."""
    keys = ("sentence1", "sentence2", "gold_label")
    return "".join(json.dumps(dict(zip(keys, pair, strict=True))) + "\n" for pair in pairs)

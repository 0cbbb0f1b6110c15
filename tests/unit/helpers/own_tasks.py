"""Two files with tasks of the user's own, runs that name them, and the rows that are made of their data."""

import json
from pathlib import Path
from typing import Any

import yaml

from xstilts.config.run import Run, load
from xstilts.data.prepare import prepare
from xstilts.data.registry import dataset

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
CAUSES = {
    "family": "multiple_choice",
    "reader": "jsonl",
    "files": {"train": "train.jsonl", "dev": "dev-{language}.jsonl"},
    "fields": {"prompt": "premise", "choices": ["first", "second"], "label": "right"},
    "languages": ["en", "qu"],
    "training": {"batch_size": 16, "epochs": 3},
}
PLACES = {
    "family": "span_qa",
    "reader": "squad",
    "files": {"test": "places-{language}.json"},
    "languages": ["qu"],
    "target": "squad",
}


def loaded(folder: Path, entries: dict[str, Any], **changes: Any) -> Run:
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(entries))
    return load(BASE | {"tasks": ["xnli", str(path)], "sources": ["none", "mnli"]} | changes)


def rows(folder: Path, name: str, language: str = "en") -> list[dict[str, Any]]:
    own = dataset(name).folder
    assert own is not None
    prepare(name, language, Path(own), folder / "made")
    return [json.loads(line) for line in (folder / "made/dev.jsonl").read_text().splitlines()]

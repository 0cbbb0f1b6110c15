"""Tasks and training sets of the user's own: YAML files outside the package, beside the registry.

A configuration names the files; jobs find them by the environment. Whoever names one has had it checked
(``config.outside``): here it is only read, with the standard library and a YAML parser, as scoring has no more.

One entry of a file is a data set and what is done with it: evaluated where it has a dev or test split, trained on where
it has a training split. An entry of queries that search candidates is three: the queries, what they search
(``NAME-candidates``), and pairs of both to train on (``NAME-train``).
"""

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from xstilts.families.facts import facts

VARIABLE = "XSTILTS_TASKS"
SPLITS = ("train", "dev", "test")
CANDIDATES, PAIRS = "-candidates", "-train"  # what an entry's name becomes in those of its further data sets

Entry = Mapping[str, Any]
Stamps = tuple[tuple[str, int], ...]


def name_files(paths: tuple[str, ...]) -> None:
    """Say for this process and its jobs which files there are."""
    os.environ[VARIABLE] = in_variable(paths)


def in_variable(paths: Sequence[str]) -> str:
    """Return the files' absolute paths as a process is told of them: in JSON, as a path may have any sign in it."""
    return json.dumps(list(paths))


def named_files() -> tuple[str, ...]:
    """Return the files that this process was told of."""
    return tuple(json.loads(os.environ.get(VARIABLE) or "[]"))


def stamps() -> Stamps:
    """Return (file, when it was written) of the files: what is made of them stays until one of them changes."""
    return tuple((path, Path(path).stat().st_mtime_ns) for path in named_files())


def entries() -> dict[str, Entry]:
    """Return every entry by name; ``folder`` in it is its file's, below which its data lie."""
    return _entries(stamps())


@cache
def _entries(stamped: Stamps) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for path, _ in stamped:
        raw = yaml.load(Path(path).read_bytes(), yaml.CSafeLoader)
        found |= {name: {**entry, "folder": str(Path(path).parent)} for name, entry in raw.items()}
    return found


def splits_of(entry: Entry) -> dict[str, tuple[str, ...]]:
    """Return the files (on the Hub the patterns) of each split that an entry has."""
    files = entry["hub"]["splits"] if "hub" in entry else entry["files"]
    return {split: listed(files[split]) for split in SPLITS if split in files}


def evaluated_splits(entry: Entry) -> tuple[str, ...]:
    """Return the splits that are evaluated: none of an entry that is only trained on."""
    return tuple(split for split in splits_of(entry) if split != "train") if entry.get("evaluate", True) else ()


def scoring_of(entry: Entry) -> tuple[str, ...]:
    """Return the modules of the scoring room: the entry's own choice, else what is usual in its family."""
    return listed(entry["scoring"]) if "scoring" in entry else facts(entry["family"]).scoring


def task_of(name: str, entry: Entry) -> dict[str, Any]:
    """Return an evaluated entry as the registry writes a task."""
    usual = facts(entry["family"]).metrics[scoring_of(entry)[0]]
    searched = {"candidates": name + CANDIDATES} if entry.get("candidates") else {}
    return searched | {
        "family": entry["family"],
        "dataset": name,
        "target": entry.get("target", "none" if facts(entry["family"]).head is None else name),
        "metrics": listed(entry["metrics"]) if "metrics" in entry else usual,
        "scoring": scoring_of(entry),
        "splits": evaluated_splits(entry),
        "languages": tuple(entry["languages"]),
        "parallel": entry.get("parallel", False),
    }


def training_set_of(name: str, entry: Entry) -> dict[str, Any]:
    """Return an entry with a training split as the registry writes a training set."""
    labels: tuple[str, ...] | str = tuple(map(str, entry.get("labels", ())))
    if not labels and facts(entry["family"]).loss == "tag":
        labels = "data"
    return {
        "family": entry["family"],
        "parts": (name + PAIRS if entry.get("candidates") else name,),
        "labels": labels,
        "no_answer": entry.get("no_answer", False),
        "by_token": entry.get("by_token", False),
    }


def data_set_of(name: str, entry: Entry, labels: tuple[str, ...]) -> dict[str, Any]:
    """Return an entry's data as the registry of data sets writes them; ``labels`` count where it states none."""
    files = {split: (names,) for split, names in splits_of(entry).items()}
    if "hub" in entry:  # whose tables are written as JSON lines
        files = {split: ((f"own/{name}/{split}-{{language}}.jsonl",),) for split in files}
    stated = tuple(map(str, entry.get("labels", ())))
    return {
        "family": entry["family"],
        "reader": "jsonl" if "hub" in entry else entry["reader"],
        "languages": tuple(entry["languages"]),
        "splits": files,
        "licence": entry.get("licence", "not stated"),
        "fields": {key: tuple(value) if isinstance(value, list) else value for key, value in fields_of(entry).items()},
        "labels": stated or labels,
        "label_names": {str(key): str(value) for key, value in entry.get("label_names", {}).items()},
        "drop": tuple(map(str, entry.get("drop", ()))),
        "parallel": entry.get("parallel", False),
        "folder": entry["folder"],
    }


def fields_of(entry: Entry) -> dict[str, Any]:
    """Return which field of a row is which column, or which columns: the field's own name where nothing is said."""
    return dict(entry.get("fields", {}))


def hub_set_of(entry: Entry) -> dict[str, Any]:
    """Return an entry's place on the Hub as the registry of those writes it."""
    named = [one for column in fields_of(entry).values() for one in listed(column)]
    return {
        "repository": entry["hub"]["repository"],
        "form": "records",
        "splits": splits_of(entry),
        "columns": {root: root for root in dict.fromkeys(one.partition(".")[0] for one in named)},
        "revision": entry["hub"].get("revision"),
    }


def listed(value: Any) -> tuple[Any, ...]:
    """Return one value or several as several."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)

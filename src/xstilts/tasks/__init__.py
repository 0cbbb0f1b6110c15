"""The registry of tasks and training sets as frozen records, read from registry.yaml."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from xstilts.errors import ConfigError

FAMILIES = ("classification", "multiple_choice", "tagging", "span_qa", "retrieval", "mlm")
PRIVATE_USE = re.compile(r"q[a-t][a-z]")


@dataclass(frozen=True)
class Task:
    """One evaluated task: its family, data set, training set, metrics, splits and languages.

    ``scoring`` names its modules in the scoring room: the scorer, and for answers the rules of the data set.
    """

    name: str
    family: str
    dataset: str
    target: str
    metrics: tuple[str, ...]
    scoring: tuple[str, ...]
    splits: tuple[str, ...]
    languages: tuple[str, ...]

    def has_language(self, code: str) -> bool:
        """Say whether the task can be scored in ``code``; retrieval pairs every language with English."""
        if PRIVATE_USE.fullmatch(code):
            return True
        return code in self.languages


@dataclass(frozen=True)
class TrainingSet:
    """One training set of the intermediate or target phase; ``parts`` are data sets under one head."""

    name: str
    family: str
    parts: tuple[str, ...]
    labels: tuple[str, ...] | str = ()
    no_answer: bool = False


@cache
def registry() -> tuple[dict[str, Task], dict[str, TrainingSet]]:
    """Return (tasks, training sets) by name, in the order of the file, which is the order of the paper's table."""
    raw = yaml.load((Path(__file__).parent / "registry.yaml").read_bytes(), yaml.CSafeLoader)
    tasks = {name: Task(name=name, **_frozen(entry)) for name, entry in raw["tasks"].items()}
    training = {name: TrainingSet(name=name, **_frozen(entry)) for name, entry in raw["training"].items()}
    return tasks, training


def _frozen(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}


def task(name: str) -> Task:
    """Return a task by name; ConfigError lists the known ones."""
    known = registry()[0]
    if name not in known:
        raise ConfigError(f"unknown task {name!r}; known: {' '.join(known)}")
    return known[name]


def training_set(name: str) -> TrainingSet:
    """Return a training set by name; ConfigError lists the known ones."""
    known = registry()[1]
    if name not in known:
        raise ConfigError(f"unknown training set {name!r}; known: {' '.join(known)}")
    return known[name]

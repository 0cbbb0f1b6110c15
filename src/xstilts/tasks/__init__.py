"""The registry of tasks and training sets as frozen records, read from registry.yaml."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from xstilts.errors import ConfigError
from xstilts.tasks import outside

PRIVATE_USE = re.compile(r"q[a-t][a-z]")


@dataclass(frozen=True)
class Task:
    """One evaluated task: its family, data set, training set, metrics, splits and languages.

    ``scoring`` names its modules in the scoring room: the scorer, and for answers the rules of the data set.
    ``candidates``: the data set whose rows, of all its languages, are what is searched.
    ``parallel``: its items are translations of one another, with the same ids in every language.
    """

    name: str
    family: str
    dataset: str
    target: str
    metrics: tuple[str, ...]
    scoring: tuple[str, ...]
    splits: tuple[str, ...]
    languages: tuple[str, ...]
    parallel: bool = False
    candidates: str | None = None
    own: bool = False  # the user's own, which has the languages that it names and no others


@dataclass(frozen=True)
class TrainingSet:
    """One training set of the intermediate or target phase; ``parts`` are data sets under one head.

    ``no_answer``: questions may have none (SQuAD 2.0); ``by_token``: tags are no spans (CCG); ``chain``: training sets
    that are trained on one after the other under one head, of which this is the whole and ``parts`` are the last one's.
    """

    name: str
    family: str
    parts: tuple[str, ...]
    labels: tuple[str, ...] | str = ()
    no_answer: bool = False
    by_token: bool = False
    chain: tuple[str, ...] = ()

    @property
    def links(self) -> tuple[str, ...]:
        """The training sets that it takes, in their order: itself alone where it is no chain."""
        return self.chain or (self.name,)


def registry() -> tuple[dict[str, Task], dict[str, TrainingSet]]:
    """Return (tasks, training sets) by name: in the order of the paper's table, then the user's own."""
    stamped = outside.stamps()
    return _with_own(stamped) if stamped else shipped()


@cache
def _with_own(stamped: outside.Stamps) -> tuple[dict[str, Task], dict[str, TrainingSet]]:
    (tasks, training), own = shipped(), outside.entries()
    training = training | {
        name: TrainingSet(name=name, **outside.training_set_of(name, entry))
        for name, entry in own.items()
        if "train" in outside.splits_of(entry)
    }
    tasks = tasks | {
        name: Task(name=name, own=True, **outside.task_of(name, entry))
        for name, entry in own.items()
        if outside.evaluated_splits(entry)
    }
    return tasks, training


@cache
def shipped() -> tuple[dict[str, Task], dict[str, TrainingSet]]:
    """Return (tasks, training sets) of the package."""
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

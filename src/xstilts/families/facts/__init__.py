"""What a family is to every stage: one frozen record a family, a module each, with the standard library alone.

A stage asks ``facts(family)`` and compares no names. The records do not stand in one file because the code of a job
covers its own family only: a changed record reruns what its family made, and a new family reruns nothing.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from xstilts.errors import ConfigError

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """One family. Modules are named below the package, as the registry names scorers; None: it has no such stage."""

    reader: str  # module of its upstream formats
    fields: tuple[
        tuple[str, ...], tuple[str, ...]
    ]  # of a record: those that it must have (none: no own tasks), may have
    labelled: Callable[[Row], bool]  # what makes a row one that can be scored or trained on
    formats: tuple[str, ...] = ()  # readers of that module for any data set, beside those of records
    training: str | None = None  # module that makes its training sets ready
    prediction: str | None = None  # module that predicts its tasks
    suffix: str = "tsv"  # of a prediction file
    head: Literal["sequence", "token", "pooled"] | None = None  # what its head scores; pooled: gives a direction
    outputs: int | None = None  # of the head; None: one a label
    head_dropout: bool = True
    grouped: bool = False  # the sequences of a row are choices, scored against each other
    contrasted: bool = False  # a row is a query and its candidate, scored against the candidates of other rows
    loss: str | None = None  # by its name in modeling.heads
    loss_over: Literal["units", "tokens"] = "units"  # what the loss of a batch is the mean over
    raw: bool = False  # text without labels: any language may train on it, and it chooses no checkpoint
    paired: bool = False  # rows have two sides, the other one English: English is no language of its own
    length: str | None = None  # whose token limit counts where it is not its own
    limits: Mapping[str, str] = field(default_factory=dict)  # further feature settings -> token limits
    translated: tuple[str, ...] = ()  # the fields of a training row that translate whole
    dev_metric: str | None = None  # module of the score that chooses a checkpoint
    dev_options: tuple[str, ...] = ()  # what that takes of a training set's entry in the registry
    metrics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by scorer, the usual one first
    scoring: tuple[str, ...] = ()  # what scores a task that names nothing
    baseline: str | None = None  # function of reporting.baselines.families: scores without an encoder


@cache
def facts(family: str) -> Facts:
    """Return the record of a family; ConfigError when there is no such family."""
    try:
        found: Facts = importlib.import_module(f"{__name__}.{family}").FACTS
    except ModuleNotFoundError:
        raise ConfigError(f"unknown family {family!r}; expected a module of xstilts.families.facts") from None
    return found

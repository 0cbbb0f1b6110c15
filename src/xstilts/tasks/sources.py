"""What the name of a source says: what it trains on, in which language, and whether raw text stands beside it.

=================  =====================================================================================
``none``           nothing: the pretrained encoder goes straight to the targets
``none-tuned``     the same, each target's learning rate chosen on English dev (``target.rates``)
``none@1e-05``     the same, every target with this learning rate; what ``none-tuned`` chooses among
``mnli``           a training set; ``multi`` and the names in ``intermediate.mixtures``: several
``mnli-de``        a training set translated into a language
``mnli+mlm``       with masked language modelling on raw text as a further task; after any of the above
``mnli-shuffled``  control: labels permuted
``mlm-en``         control: masked language modelling on English text alone
=================  =====================================================================================
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from xstilts.tasks import registry

Kind = Literal["none", "tuned", "trained", "control", "own"]
CONTROLS = ("mnli-shuffled", "mlm-en")
TRANSLATED = re.compile(r"([a-z0-9]+)-([a-z]{2,3})")
WITH_TEXT = "+mlm"
BLOCKS = ("", "Without MLM", "With MLM", "Translated into {}", "Own checkpoints", "Controls")  # of the main table


@dataclass(frozen=True)
class Source:
    """A source: ``base`` is a training set, a mixture, or for the other kinds the name itself."""

    name: str
    kind: Kind
    base: str
    language: str = "en"  # of the labelled data
    mlm: bool = False
    rate: float | None = None  # of every target's training

    @property
    def may_be_best(self) -> bool:
        """Whether the best source for a task may be this one: an intermediate training in English, no control."""
        return self.kind in ("trained", "own") and self.language == "en"

    @property
    def place(self) -> tuple[int, str]:
        """Where the source stands in the main table: number of its block, and the language of a translated one."""
        if self.kind != "trained":
            return {"none": 0, "tuned": 0, "own": 4, "control": 5}[self.kind], ""
        return (3, self.language) if self.language != "en" else (2 if self.mlm else 1, "")

    @property
    def block(self) -> str:
        """The heading of its block in the main table, "" for the rows that have none."""
        number, language = self.place
        return BLOCKS[number].format(language)


def parse(name: str, mixtures: Collection[str] = ("multi",)) -> Source | None:
    """Return what a name stands for, None when it is no name of a source.

    Args:
        name: as a configuration has it.
        mixtures: names of mixtures of several training sets.
    """
    if name == "none":
        return Source(name, "none", name)
    if name == "none-tuned":
        return Source(name, "tuned", name)
    if name.startswith("none@"):
        rate = _rate(name.removeprefix("none@"))
        return None if rate is None else Source(at_rate(rate), "none", "none", rate=rate)
    if name in CONTROLS:
        return Source(name, "control", name)
    base, language, mlm = name.removesuffix(WITH_TEXT), "en", name.endswith(WITH_TEXT)
    known = registry()[1]
    if base not in (*known, *mixtures) and (found := TRANSLATED.fullmatch(base)):
        base, language = found.groups()
        if base not in known or language == "en":
            return None
    return Source(name, "trained", base, language, mlm) if base in (*known, *mixtures) else None


def starts_pretrained(name: str) -> bool:
    """Say whether the target phase after a source starts from the pretrained encoder."""
    found = parse(name)
    return found is not None and found.kind in ("none", "tuned")


def at_rate(rate: float) -> str:
    """Return the name of source ``none`` with a learning rate of its own in the target phase."""
    return f"none@{rate:g}"


def _rate(text: str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if 0 < rate < 1 else None

"""What the name of a source says: what it trains on, in which language, and whether raw text stands beside it.

=================  =====================================================================================
``none``           nothing: the pretrained encoder goes straight to the targets
``none-tuned``     the same, each target's learning rate chosen on English dev (``target.rates``)
``none@1e-05``     the same, every target with this learning rate; what ``none-tuned`` chooses among
``mnli-tuned``     any source that is trained on, with each target's learning rate chosen in the same way among
                   ``mnli@1e-05`` and so on; in studies alone
``mnli``           a training set; ``multi`` and the names in ``intermediate.mixtures``: several
``none-longer``    the same, with as many further steps on every target as MNLI has in the intermediate phase
``none-averaged``  the same, a target's weights the mean of those at its last evaluations (``optimisation.averaged``)
``mnli-de``        a training set translated into a language
``mnli-many``      a training set in a group of languages, ``intermediate.groups``, each example in one of them; in
                   studies alone, as are ``mnli-many-matched``, the same with as many real tokens as the set has in
                   English, and ``mnli-many-full``, each example in each of them
``mnli+mlm``       with masked language modelling on raw text as a further task; after any of the above
``mnli-then-squad``  one after the other: from what came of the first, training on the second
``mnli-shuffled``  control: labels permuted
``mlm-en``         control: masked language modelling on English text alone
``mnli+lora``      a training set, or ``none``, with adapters in both phases (``methods``); in studies alone
``mnli+5shots``    after ``mnli`` and the target, 5 examples of each language from its dev set; in studies alone
``5shots``         these examples alone, from the pretrained encoder
``in-context-4``   no training: the run's ``decoder`` reads 4 English examples before each question; in studies alone
=================  =====================================================================================
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from xstilts.tasks import registry

Kind = Literal["none", "tuned", "trained", "control", "own", "shots", "context"]
CONTROLS = ("mnli-shuffled", "mlm-en")
TRANSLATED = re.compile(r"([a-z0-9]+)-([a-z]{2,3})")
GROUPED = re.compile(r"([a-z0-9]+)-([a-z]{4,})(?:-(matched|full))?")
LONGER, AVERAGED = "none-longer", "none-averaged"
TUNED = "-tuned"
ADAPTED = re.compile(r"(.+)\+(lora|ia3|bottleneck)")
SHOTS = re.compile(r"(?:(.+)\+)?([1-9][0-9]*)shots")
CONTEXT = re.compile(r"in-context-(0|[1-9][0-9]*)")
THEN = "-then-"
WITH_TEXT = "+mlm"
BLOCKS = ("", "Without MLM", "With MLM", "Translated into {}", "Own checkpoints", "Controls")  # of the main table


@dataclass(frozen=True)
class Source:
    """A source: ``base`` is a training set, a mixture, or for the other kinds the name itself."""

    name: str
    kind: Kind
    base: str
    language: str = "en"  # of the labelled data, or a group of languages
    mlm: bool = False
    rate: float | None = None  # of every target's training
    before: str = ""  # the source that it goes on from; all else is of the last one
    tuned: bool = False  # whether the learning rate of every target is chosen
    amount: str = ""  # of a group of languages: as many examples as in English, or `matched` or `full`
    method: str = ""  # the kind of adapters that train, instead of what the encoder says
    shots: int = 0  # examples of a language, after the target's training after source `base` ("": none); in context
    earlier: tuple[int, str] = (0, "")  # the place of the source that it goes on from

    @property
    def in_studies_alone(self) -> bool:
        """Whether it stands in no main table: another method, examples of the languages, another model."""
        return bool(self.method) or self.kind in ("shots", "context")

    @property
    def may_be_best(self) -> bool:
        """Whether the best source for a task may be this one: an intermediate training in English, no control."""
        return self.kind in ("trained", "own") and self.language == "en" and not self.before and not self.method

    @property
    def root(self) -> str:
        """The source whose encoder the targets start from: itself, where only their learning rate is another's."""
        return self.name.partition("@")[0].removesuffix(TUNED) if self.tuned or self.rate else self.name

    @property
    def place(self) -> tuple[int, str]:
        """Where the source stands in the main table: number of its block, and the language of a translated one."""
        if self.kind != "trained":
            return {"none": 0, "tuned": 0, "own": 4}.get(self.kind, 5), ""
        own = (3, self.language) if self.language != "en" else (2 if self.mlm else 1, "")
        return max(own, self.earlier)  # a chain through raw text or translated data stands with these

    @property
    def block(self) -> str:
        """The heading of its block in the main table, "" for the rows that have none."""
        number, language = self.place
        return BLOCKS[number].format(language)


def parse(name: str, mixtures: Collection[str] = ("multi",), groups: Collection[str] = ()) -> Source | None:
    """Return what a name stands for, None when it is no name of a source.

    Args:
        name: as a configuration has it.
        mixtures: names of mixtures of several training sets.
        groups: names of groups of languages.
    """
    if found := CONTEXT.fullmatch(name):
        return Source(name, "context", "", shots=int(found[1]))
    if found := SHOTS.fullmatch(name):
        follows = parse(found[1], mixtures, groups) if found[1] else None
        fits = follows is not None and follows.kind in ("none", "trained") and not follows.tuned
        return Source(name, "shots", found[1] or "", shots=int(found[2])) if fits or not found[1] else None
    if (rated := _other_rate(name, mixtures, groups)) is not None:
        return rated
    first, then, last = name.rpartition(THEN)
    if then:
        before, after = parse(first, mixtures, groups), parse(last, mixtures, groups)
        if before is None or after is None or not before.kind == after.kind == "trained":
            return None
        if before.tuned or before.rate or after.tuned or after.rate:  # which are of targets
            return None
        if before.method or after.method:  # a chain's links would have to agree
            return None
        return replace(after, name=name, before=before.name, earlier=before.place)
    if found := ADAPTED.fullmatch(name):
        plain = parse(found[1], mixtures, groups)
        fits = plain is not None and plain.kind in ("none", "trained")
        fits = fits and not (plain and (plain.method or plain.before or plain.tuned or plain.rate))
        return replace(plain, name=name, method=found[2]) if plain is not None and fits else None
    if name in ("none", LONGER, AVERAGED):
        return Source(name, "none", "none")
    if name == "none-tuned":
        return Source(name, "tuned", name, tuned=True)
    if name.startswith("none@"):
        rate = _rate(name.removeprefix("none@"))
        return None if rate is None else Source(at_rate(rate), "none", "none", rate=rate)
    if name in CONTROLS:
        return Source(name, "control", name)
    amount: str | None = None
    base, language, mlm = name.removesuffix(WITH_TEXT), "en", name.endswith(WITH_TEXT)
    known = [one for one, entry in registry()[1].items() if not entry.chain]  # a chain is a target's
    if base not in (*known, *mixtures) and (found := TRANSLATED.fullmatch(base)):
        base, language = found.groups()
        if base not in known or language == "en":
            return None
    elif base not in (*known, *mixtures) and (found := GROUPED.fullmatch(base)) and found[2] in groups:
        base, language, amount = found.groups()
    grouped = language in groups
    if base not in (known if grouped else (*known, *mixtures)):
        return None
    return Source(name, "trained", base, language, mlm, amount=amount or "")


def _other_rate(name: str, mixtures: Collection[str], groups: Collection[str]) -> Source | None:
    """Return what a name says whose source is trained on, with another learning rate on its targets."""
    first, at, rate = name.rpartition("@")
    found = parse(first if at else name.removesuffix(TUNED), mixtures, groups) if at or name.endswith(TUNED) else None
    if found is None or found.kind != "trained" or found.tuned or found.rate:
        return None
    if not at:
        return replace(found, name=name, tuned=True)
    own = _rate(rate)
    return replace(found, name=at_rate(own, first), rate=own) if own else None


def starts_pretrained(name: str) -> bool:
    """Say whether the target phase after a source starts from the pretrained encoder."""
    if SHOTS.fullmatch(name) or CONTEXT.fullmatch(name):
        return True
    found = parse(name)
    return found is not None and found.kind in ("none", "tuned")


def at_rate(rate: float, source: str = "none") -> str:
    """Return the name of a source with a learning rate of its own in the target phase."""
    return f"{source}@{rate:g}"


def _rate(text: str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if 0 < rate < 1 else None

"""Clauses without a language: what a sentence says, before it is told in one."""

from dataclasses import dataclass

from xstilts.world.names import Entity


@dataclass(frozen=True)
class Noun:
    """A noun phrase; ``mass`` nouns take neither article nor plural, ``definite`` chooses "the"."""

    lemma: str
    colour: str = ""
    count: int = 0
    definite: bool = False
    mass: bool = False


@dataclass(frozen=True)
class Time:
    """When: ``kind`` is day ("on Monday"), season ("in the autumn") or year ("in 1874")."""

    kind: str
    value: str


Phrase = Entity | Noun | Time


@dataclass(frozen=True)
class Clause:
    """One clause: a verb and its phrases, before any language.

    ``verb`` is a lemma key without its prefix, or "be" (``state`` holds the adjective, ``object`` the kind). ``case``
    is the case of the object ("" for a direct one). ``front`` names the adjunct that comes first (time, place). ``ask``
    names the phrase that is asked for, ``which`` asks by "which town" and not by "where". ``marker``: how the
    clause goes on from what was said (indeed, rather, moreover). ``generic``: no tense.
    """

    verb: str
    subject: Phrase
    object: Phrase | None = None
    case: str = ""
    place: Phrase | None = None
    companion: Phrase | None = None
    time: Time | None = None
    adverb: str = ""
    state: str = ""
    front: str = ""
    ask: str = ""
    which: str = ""
    marker: str = ""
    generic: bool = False


@dataclass(frozen=True)
class Joined:
    """Two clauses and the conjunction between them (and, but, so, because)."""

    first: Clause
    conjunction: str
    second: Clause


@dataclass(frozen=True)
class Why:
    """The question why a clause without object happened."""

    clause: Clause


Sentence = Clause | Joined | Why
Line = list[Sentence]

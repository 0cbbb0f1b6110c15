"""Events of the world, which templates may tell them where, and when one statement follows from others.

In this world a person does each kind of thing once. So a second statement about the same person and the same kind of
event either says no more than the first (entailed), gives another value to one of its slots (contradicted), or speaks
of a slot that the first leaves open (neutral).
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from xstilts.world.clauses import Clause, Noun, Phrase, Time
from xstilts.world.lexicon import ADVERBS, ANIMALS, COLOURS, DAYS, FOODS, PREDICATES, SEASONS, THINGS
from xstilts.world.names import Entity, Names


@dataclass(frozen=True)
class Event:
    """Who did what, to what, and optionally where, with whom and when."""

    predicate: str
    subject: Entity
    object: Phrase
    place: Entity | None = None
    companion: Entity | None = None
    time: Time | None = None

    def slots(self) -> dict[str, Any]:
        """Return what the event says, slot by slot."""
        said: dict[str, Any] = {}
        if isinstance(self.object, Noun):
            said["object"] = self.object.lemma
            if self.object.colour:
                said["colour"] = self.object.colour
            if self.object.count:
                said["count"] = self.object.count
        else:
            said["object"] = self.object
        if self.place is not None:
            said["place"] = self.place
        if self.companion is not None:
            said["companion"] = self.companion
        if self.time is not None:
            said["time " + self.time.kind] = self.time.value
        return said


def relation(premise: Iterable[Event], hypothesis: Event) -> str:
    """Say whether the premise's events entail or contradict the hypothesis, or neither (module docstring)."""
    said = hypothesis.slots()
    for event in premise:
        if (event.subject, event.predicate) != (hypothesis.subject, hypothesis.predicate):
            continue
        known = event.slots()
        if any(known[slot] != value for slot, value in said.items() if slot in known):
            return "contradiction"
        if said.keys() <= known.keys():
            return "entailment"
    return "neutral"


def sample_object(rng: random.Random, names: Names, predicate: str) -> Phrase:
    """Draw an object that fits a predicate."""
    kind = PREDICATES[predicate].object
    if kind == "person":
        return names.person(rng)
    if kind == "town":
        return names.place(rng)
    if kind == "organisation":
        return names.organisation(rng)
    if kind == "food":
        return Noun(rng.choice(FOODS), mass=True)
    lemma = rng.choice(tuple(THINGS if kind == "thing" else ANIMALS))
    return Noun(
        lemma,
        colour=rng.choice(COLOURS) if rng.random() < 0.6 else "",
        count=rng.randrange(2, 10) if rng.random() < 0.5 else 0,
    )


def sample_time(rng: random.Random) -> Time:
    """Draw a day, a season or a year."""
    kind = rng.choice(("day", "season", "year"))
    if kind == "year":
        return Time(kind, str(rng.randrange(1850, 1910)))
    return Time(kind, rng.choice(DAYS if kind == "day" else SEASONS))


def sample_event(
    rng: random.Random, names: Names, predicate: str = "", subject: Entity | None = None, adjuncts: float = 0.5
) -> Event:
    """Draw an event; each of place (or companion, where the object is a town) and time is there with ``adjuncts``."""
    predicate = predicate or rng.choice(tuple(PREDICATES))
    event = Event(predicate, subject or names.person(rng), sample_object(rng, names, predicate))
    if rng.random() < adjuncts:
        event = with_place(rng, names, event)
    if rng.random() < adjuncts:
        event = replace(event, time=sample_time(rng))
    return event


def with_place(rng: random.Random, names: Names, event: Event) -> Event:
    """Give the event a place, or a companion where its object is a place already."""
    if PREDICATES[event.predicate].object == "town":
        return replace(event, companion=names.person(rng))
    return replace(event, place=names.place(rng))


def alter(rng: random.Random, names: Names, event: Event, slot: str) -> Event:
    """Give one slot of the event another value."""
    while True:
        if slot in ("object", "colour", "count") and isinstance(event.object, Noun):
            other = sample_object(rng, names, event.predicate)
            assert isinstance(other, Noun)
            if slot == "object":
                changed = replace(event, object=replace(event.object, lemma=other.lemma))
            elif slot == "colour":
                changed = replace(event, object=replace(event.object, colour=rng.choice(COLOURS)))
            else:
                changed = replace(event, object=replace(event.object, count=rng.randrange(2, 10)))
        elif slot == "object":
            changed = replace(event, object=sample_object(rng, names, event.predicate))
        elif slot == "place":
            changed = replace(event, place=names.place(rng))
        elif slot == "companion":
            changed = replace(event, companion=names.person(rng))
        else:
            time = sample_time(rng)
            if event.time is None or time.kind != event.time.kind:
                continue
            changed = replace(event, time=time)
        if changed.slots() != event.slots():
            return changed


def drop(event: Event, slot: str) -> Event:
    """Leave one slot of the event unsaid (not its object)."""
    if slot in ("colour", "count"):
        assert isinstance(event.object, Noun)
        noun = replace(event.object, colour="") if slot == "colour" else replace(event.object, count=0)
        return replace(event, object=noun)
    if slot == "place":
        return replace(event, place=None)
    return replace(event, companion=None) if slot == "companion" else replace(event, time=None)


Template = tuple[int, str]  # which of the two verbs; which adjunct comes first, or which question is asked


@cache
def templates(predicate: str, shape: tuple[str, ...], evaluation: bool) -> tuple[Template, ...]:
    """Return the templates in which a predicate of this shape is told.

    The shape is the adjuncts of a statement (place, companion, time), of which one may come first, or ("ask", role)
    with the two forms of a question. Of all combinations of verb and order a fixed half tells evaluation data only,
    the other half training data and raw text only.
    """
    forms = ["", *(adjunct for adjunct in shape if adjunct in ("time", "place"))]
    if shape[0:1] == ("ask",):
        forms = [""] if shape[1] == "count" else ["", "which"]
    found = [(verb, form) for verb in (0, 1) for form in forms]
    random.Random(f"templates:{predicate}:{shape}").shuffle(found)
    half = len(found) // 2
    return tuple(found[:half] if evaluation else found[half:])


def _templates_of(event: Event, evaluation: bool) -> tuple[Template, ...]:
    adjuncts = tuple(slot for slot in ("place", "companion", "time") if getattr(event, slot) is not None)
    return templates(event.predicate, adjuncts, evaluation)


def verbs_of(event: Event, evaluation: bool) -> set[int]:
    """Return which of an event's two verbs the allowed templates have."""
    return {verb for verb, _ in _templates_of(event, evaluation)}


def tell(
    rng: random.Random,
    event: Event,
    evaluation: bool,
    adverb: float = 0.0,
    other_than: Clause | None = None,
    by: int | None = None,
) -> Clause:
    """Tell an event in one of the allowed templates (another one than that clause's where there is one).

    ``adverb`` is the probability of an adverb; ``by`` one of ``verbs_of`` the event.
    """
    allowed = [template for template in _templates_of(event, evaluation) if by in (None, template[0])]
    verb, front = rng.choice(_without(allowed, event.predicate, other_than) or allowed)
    return Clause(
        verb=f"{event.predicate}.{verb}",
        subject=event.subject,
        object=event.object,
        case=PREDICATES[event.predicate].case,
        place=event.place,
        companion=event.companion,
        time=event.time,
        adverb=rng.choice(ADVERBS) if rng.random() < adverb else "",
        front=front,
    )


def _without(allowed: Sequence[Template], predicate: str, told: Clause | None) -> list[Template]:
    """Return the templates that differ from the one of ``told``."""
    if told is None:
        return list(allowed)
    return [t for t in allowed if (f"{predicate}.{t[0]}", t[1]) != (told.verb, (told.which and "which") or told.front)]


def askable(event: Event) -> list[str]:
    """Return the roles that a question can ask for."""
    roles = ["subject", "object"]
    if isinstance(event.object, Noun) and event.object.count:
        roles.append("count")
    roles += [role for role in ("place", "time") if getattr(event, role) is not None]
    return roles


def answer_kind(event: Event, role: str) -> str:
    """Return what kind of answer a role holds: person, town, organisation, thing, animal, food, count, day, year ..."""
    if role == "count":
        return role
    if role == "time":
        assert event.time is not None
        return event.time.kind
    if role == "object":
        return PREDICATES[event.predicate].object
    return "person" if role == "subject" else "town"


WHICH = {
    "person": "person", "town": "town", "organisation": "organisation", "thing": "tool", "animal": "animal",
    "food": "food", "day": "day", "year": "year", "season": "season",
}  # fmt: skip


def ask(rng: random.Random, event: Event, role: str, evaluation: bool, other_than: Clause | None = None) -> Clause:
    """Ask for one role of an event in one of the allowed templates; place and time are left out unless asked for."""
    allowed = templates(event.predicate, ("ask", role), evaluation)
    verb, form = rng.choice(_without(allowed, event.predicate, other_than) or allowed)
    bare = event
    if role != "place" and PREDICATES[event.predicate].object != "town":
        bare = replace(bare, place=None)
    if role != "time":
        bare = replace(bare, time=None)
    return Clause(
        verb=f"{event.predicate}.{verb}",
        subject=event.subject,
        object=event.object,
        case=PREDICATES[event.predicate].case,
        place=bare.place,
        time=bare.time,
        ask=role,
        which=WHICH[answer_kind(event, role)] if form else "",
    )

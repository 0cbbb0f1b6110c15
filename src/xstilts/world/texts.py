"""Lines of text before any language: single events, short passages, dialogues, stories and what everyone knows."""

import random
from dataclasses import replace

from xstilts.world.clauses import Clause, Joined, Line, Noun, Sentence, Why
from xstilts.world.facts import ask, askable, drop, sample_event, tell
from xstilts.world.grammar import join, sentence
from xstilts.world.languages import Language
from xstilts.world.lexicon import ADVERBS, ANIMALS, FOODS, PREDICATES, STATES, THINGS, USES
from xstilts.world.names import Entity, Names
from xstilts.world.statements import LABELS, inference, same_meaning

PEOPLE = Noun("people", mass=True)


def told(language: Language, line: Line) -> str:
    """Write a line in a language."""
    return join(language, [sentence(language, item) for item in line])


def act(rng: random.Random, base: str, who: Entity) -> Clause:
    """Someone does something without an object, sometimes somehow."""
    return Clause(base, who, adverb=rng.choice(ADVERBS) if rng.random() < 0.3 else "")


def be(who: Entity, state: str) -> Clause:
    """Someone is in a state."""
    return Clause("be", who, state=state)


def with_thing(rng: random.Random, names: Names, noun: str, who: Entity, evaluation: bool) -> Clause:
    """Someone gets or carries a thing."""
    event = sample_event(rng, names, rng.choice(("buy", "discover", "carry")), who, adjuncts=0.3)
    assert isinstance(event.object, Noun)
    return tell(rng, replace(event, object=replace(event.object, lemma=noun, count=0)), evaluation)


def knowledge(rng: random.Random) -> Line:
    """Something that everyone knows: where a thing is kept, what it is for, what it is."""
    kept = ANIMALS | THINGS
    choice = rng.randrange(3)
    if choice == 0:
        noun = rng.choice(tuple(kept))
        return [Clause("keep.0", PEOPLE, Noun(noun), place=Noun(kept[noun], definite=True), generic=True)]
    if choice == 1:
        tool = rng.choice(tuple(USES))
        return [Clause(USES[tool][1], PEOPLE, companion=Noun(tool), generic=True)]
    table, kind = rng.choice(((ANIMALS, "animal"), (THINGS, "tool"), (FOODS, "food")))
    mass = kind == "food"
    return [Clause("be", Noun(rng.choice(tuple(table)), mass=mass), Noun(kind, mass=mass), generic=True)]


def passage(rng: random.Random, names: Names, evaluation: bool, count: int) -> Line:
    """Events of one or two people; often one of them is told again with less."""
    people = [names.person(rng) for _ in range(rng.randrange(1, 3))]
    events = [sample_event(rng, names, subject=rng.choice(people)) for _ in range(count)]
    if rng.random() < 0.6:
        again = rng.choice(events)
        events.append(drop(again, rng.choice(("place", "companion", "time"))))
    return [tell(rng, event, evaluation, adverb=0.15) for event in events]


def dialogue(rng: random.Random, names: Names) -> Line:
    """A few events that are easily confused, a question about one of them and its answer."""
    people = [names.person(rng) for _ in range(2)]
    predicates = rng.sample(tuple(PREDICATES), 2)
    pairs = rng.sample([(who, what) for who in people for what in predicates], rng.randrange(1, 4))
    events = [sample_event(rng, names, what, who, adjuncts=0.45) for who, what in pairs]
    event = rng.choice(events)
    role = rng.choice(askable(event))
    answer = replace(event, time=event.time if role == "time" else None)
    told_first = [tell(rng, each, False) for each in events]
    return [*told_first, ask(rng, event, role, False), tell(rng, answer, False)]


MARKERS = {
    "entailment": "indeed", "contradiction": "rather", "neutral": "moreover", "1": "indeed", "0": "rather",
}  # fmt: skip


def discourse(rng: random.Random, names: Names) -> Line:
    """Something is said, then confirmed (indeed), corrected (rather) or added to (moreover)."""
    if rng.random() < 0.7:
        pair = inference(rng, names, rng.choice(LABELS), False, rng.randrange(2))
    else:
        pair = same_meaning(rng, names, rng.choice(("0", "1")), False)
    marker, (then,) = MARKERS[pair.label], pair.second
    if isinstance(then, Joined):
        return [*pair.first, replace(then, first=replace(then.first, marker=marker))]
    assert isinstance(then, Clause)
    return [*pair.first, replace(then, marker=marker)]


def story(rng: random.Random, names: Names, evaluation: bool) -> Line:
    """A thing and what is done with it, or a state and what it leads to."""
    who = names.person(rng)
    if rng.random() < 0.5:
        noun = rng.choice(tuple(USES))
        first, second = with_thing(rng, names, noun, who, evaluation), act(rng, USES[noun][1], who)
        return [Joined(first, "and", second)] if rng.random() < 0.5 else [first, second]
    state = rng.choice(tuple(STATES))
    cause, action = be(who, state), act(rng, STATES[state][1], who)
    choice = rng.randrange(4)
    if choice == 0:
        return [Joined(cause, "so", action)]
    if choice == 1:
        return [Joined(action, "because", cause)]
    if choice == 2:
        return [cause, action]
    return [action, Why(replace(action, adverb="")), Joined(replace(action, adverb=""), "because", cause)]


def line(rng: random.Random, names: Names) -> Line:
    """Draw a line of raw text."""
    draw = rng.random()
    if draw < 0.25:
        return [tell(rng, sample_event(rng, names), False, adverb=0.15)]
    if draw < 0.38:
        return passage(rng, names, False, rng.randrange(2, 4))
    if draw < 0.6:
        return dialogue(rng, names)
    if draw < 0.84:
        return discourse(rng, names)
    return story(rng, names, False) if draw < 0.94 else knowledge(rng)


def tagged(rng: random.Random, names: Names, evaluation: bool) -> Sentence:
    """Draw one sentence of any kind, for tagging."""
    draw = rng.random()
    if draw < 0.55:
        return tell(rng, sample_event(rng, names, adjuncts=0.6), evaluation, adverb=0.2)
    if draw < 0.7:
        event = sample_event(rng, names, adjuncts=0.6)
        return ask(rng, event, rng.choice(askable(event)), evaluation)
    if draw < 0.85:
        first, second = sample_event(rng, names, adjuncts=0.2), sample_event(rng, names, adjuncts=0.2)
        return Joined(tell(rng, first, evaluation), rng.choice(("and", "but")), tell(rng, second, evaluation))
    return story(rng, names, evaluation)[0]

"""Pairs of statements or questions: inference (MNLI, SNLI, ANLI, XNLI), same question (QQP), same meaning (PAWS-X)."""

import random
from dataclasses import dataclass, replace

from xstilts.world.clauses import Joined, Line, Noun
from xstilts.world.facts import (
    Event,
    alter,
    ask,
    askable,
    drop,
    relation,
    sample_event,
    sample_time,
    tell,
    with_place,
)
from xstilts.world.lexicon import PREDICATES
from xstilts.world.names import Names

LABELS = ("contradiction", "entailment", "neutral")


@dataclass(frozen=True)
class Pair:
    """Two texts and their relation; ``facts`` are the events behind an inference pair (premise, then hypothesis)."""

    first: Line
    second: Line
    label: str
    facts: tuple[tuple[Event, ...], Event] | None = None


def inference(rng: random.Random, names: Names, label: str, evaluation: bool, extra: int) -> Pair:
    """Draw an inference pair with a label, its premise of one event and up to ``extra`` others.

    The hypothesis is drawn before the label is looked at, so it tells nothing about it.
    """
    hypothesis = sample_event(rng, names, adjuncts=0.35)
    while True:
        base = inference_event(rng, names, hypothesis, label)
        slots = hypothesis.slots()
        where = base.place or base.companion or slots.get("place") or slots.get("companion")
        if where is None and rng.random() < 0.4:
            base = with_place(rng, names, base)
        if base.time is None and rng.random() < 0.4 and hypothesis.time is None:
            base = replace(base, time=sample_time(rng))
        events = [base]
        for _ in range(rng.randrange(extra + 1)):
            who = hypothesis.subject if rng.random() < 0.5 else names.person(rng)
            predicate = rng.choice([name for name in PREDICATES if name not in {e.predicate for e in events}])
            if predicate != hypothesis.predicate:
                events.append(sample_event(rng, names, predicate, who, adjuncts=0.35))
        rng.shuffle(events)
        if relation(events, hypothesis) == label:
            return Pair(
                [tell(rng, event, evaluation, adverb=0.1) for event in events],
                [tell(rng, hypothesis, evaluation)],
                label,
                (tuple(events), hypothesis),
            )


def inference_event(rng: random.Random, names: Names, hypothesis: Event, label: str) -> Event:
    """Return the event of the premise that decides the label."""
    slots = list(hypothesis.slots())
    if label == "entailment":
        return hypothesis
    if label == "contradiction":
        return alter(rng, names, hypothesis, rng.choice(slots))
    optional = [slot for slot in slots if slot != "object"]
    draw = rng.random()
    if optional and draw < 0.35:
        return drop(hypothesis, rng.choice(optional))
    if draw < 0.55:
        return replace(hypothesis, subject=names.person(rng))
    kind = PREDICATES[hypothesis.predicate].object
    same = [name for name, p in PREDICATES.items() if name != hypothesis.predicate and p.object == kind]
    if same and rng.random() < 0.5:
        return replace(hypothesis, predicate=rng.choice(same))
    other = rng.choice([name for name in PREDICATES if name != hypothesis.predicate])
    return sample_event(rng, names, other, hypothesis.subject, adjuncts=0.35)


def same_question(rng: random.Random, names: Names, label: str, evaluation: bool) -> Pair:
    """Draw two questions that are the same one ("1") or differ in what they ask or about whom or what ("0")."""
    event = sample_event(rng, names, adjuncts=0.6)
    roles = [role for role in askable(event) if role != "count"]
    role = rng.choice(roles)
    first = ask(rng, event, role, evaluation)
    if label == "1":
        return Pair([first], [ask(rng, event, role, evaluation, first)], label)
    other, other_role = event, role
    draw = rng.random()
    if draw < 0.35:
        other_role = rng.choice([each for each in roles if each != role])
    elif draw < 0.7 or role != "subject":
        kind = PREDICATES[event.predicate].object
        near = [name for name, p in PREDICATES.items() if name != event.predicate and p.object == kind]
        other = replace(event, predicate=rng.choice(near or [event.predicate]))
        if not near:
            changed = replace(event, subject=names.person(rng))
            other = alter(rng, names, event, "object") if role == "subject" else changed
    else:
        other = alter(rng, names, event, "object")
    return Pair([first], [ask(rng, other, other_role, evaluation, first)], label)


def same_meaning(rng: random.Random, names: Names, label: str, evaluation: bool) -> Pair:
    """Draw two statements of nearly the same words that say the same ("1") or not ("0": swapped, or a word changed)."""
    if rng.random() < 0.5:
        predicate = rng.choice([name for name, p in PREDICATES.items() if p.object == "person"])
        first = sample_event(rng, names, predicate, adjuncts=0.7)
        second = first
        if label == "0":
            if rng.random() < 0.5:
                assert not isinstance(first.object, Noun)
                second = replace(first, subject=first.object, object=first.subject)  # type: ignore[arg-type]
            else:
                second = alter(rng, names, first, rng.choice(list(first.slots())))
        clause = tell(rng, first, evaluation)
        return Pair([clause], [tell(rng, second, evaluation, other_than=clause)], label)
    events = [sample_event(rng, names, adjuncts=0.3) for _ in range(2)]
    others = list(events)
    if label == "0":
        if rng.random() < 0.5:
            others = [
                replace(events[0], subject=events[1].subject),
                replace(events[1], subject=events[0].subject),
            ]
        else:
            place = rng.randrange(2)
            others[place] = alter(rng, names, events[place], rng.choice(list(events[place].slots())))
    clauses = [tell(rng, event, evaluation) for event in events]
    again = [tell(rng, event, evaluation, other_than=clause) for event, clause in zip(others, clauses, strict=True)]
    if rng.random() < 0.5:
        again.reverse()
    return Pair([Joined(clauses[0], "and", clauses[1])], [Joined(again[0], "and", again[1])], label)


def balanced(rng: random.Random, labels: tuple[str, ...], count: int) -> list[str]:
    """Return ``count`` labels in random order, each as often as the others (up to one)."""
    drawn = [labels[place % len(labels)] for place in range(count)]
    rng.shuffle(drawn)
    return drawn

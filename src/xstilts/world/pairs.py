"""Pairs of the data sets of inference and of same meaning, which words in common do not solve.

What one text of a pair says is drawn first, and then for each label another text, so that all of them have as many
words in common with the first one and as many of their own. The label that was asked for then picks one of them. So
neither text alone tells the label, and no count or share of common words does: it takes who did what, and which verbs
mean the same. In most pairs (PLAIN) one word differs and decides: a small encoder learns these. The rest have more
events or more that differs.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial

from xstilts.world.clauses import Clause, Joined, Line, Noun, Time
from xstilts.world.facts import Event, alter, relation, sample_event, tell, verbs_of
from xstilts.world.lexicon import PREDICATES
from xstilts.world.names import Entity, Names
from xstilts.world.statements import LABELS, Pair, inference_event

PLAIN = 0.7  # the share of pairs that one word decides, which an encoder of a million weights can learn
TRIES = 12  # texts drawn for each label before another first text is drawn
NO_NEW_WORD = 0.35  # the share of pairs in which the second text has no word that the first lacks; else it has one
Counts = tuple[int, ...]
LABELS_OF = {label: labels for labels in (LABELS, ("0", "1")) for label in labels}


def words_in_order(clauses: Iterable[Clause]) -> list[object]:
    """Return the content words of clauses, told in any language: verbs, words of names, nouns, colours, numbers."""
    found: list[object] = []
    for clause in clauses:
        parts = [clause.subject, clause.verb, clause.object, clause.place, clause.companion, clause.time]
        if clause.front:
            parts.insert(0, parts.pop(3 if clause.front == "place" else 5))
        for part in parts:
            if isinstance(part, Entity):
                found += [*part.words, *([part.head] if part.head else [])]
            elif isinstance(part, Noun):
                found += [word for word in (part.count, part.colour, part.lemma) if word]
            elif part is not None:
                found.append(part.value if isinstance(part, Time) else part)
    return found


def words_of(clauses: Iterable[Clause]) -> set[object]:
    """Return the different content words of clauses."""
    return set(words_in_order(clauses))


def in_same_order(first: Sequence[object], second: Sequence[object]) -> int:
    """Return how many words two texts have in the same order: their longest common subsequence."""
    shorter, begin, end = min(len(first), len(second)), 0, 0
    while begin < shorter and first[begin] == second[begin]:
        begin += 1
    while end < shorter - begin and first[-1 - end] == second[-1 - end]:
        end += 1
    inner = second[begin : len(second) - end]
    best = [0] * (len(inner) + 1)
    for word in first[begin : len(first) - end]:
        row = [0]
        for place, each in enumerate(inner):
            row.append(best[place] + 1 if word == each else max(best[place + 1], row[place]))
        best = row
    return begin + best[-1] + end


def _matched(
    rng: random.Random, label: str, new: int, draw: Callable[[str], tuple[Counts, Pair] | None]
) -> Pair | None:
    """Draw pairs of each label until all labels have one of the same counts, and return the label's.

    ``draw`` gives a pair of a label and its counts, first of them its number of new words; None where it failed.
    """
    drawn: dict[str, dict[Counts, Pair]] = {each: {} for each in LABELS_OF[label]}
    for tried in range(TRIES):
        for each, found in drawn.items():
            one = draw(each)
            if one is not None and one[0][0] == new:
                found.setdefault(*one)
        if tried >= 3 and not all(drawn.values()):
            return None
        shared = set.intersection(*(set(found) for found in drawn.values()))
        if shared:
            return drawn[label][rng.choice(sorted(shared))]
    return None


@cache
def _near(predicate: str) -> tuple[str, ...]:
    """Return the other predicates whose objects are of the same kind and case: one word makes one of the other."""
    kind = PREDICATES[predicate].object, PREDICATES[predicate].case
    return tuple(name for name, p in PREDICATES.items() if (p.object, p.case) == kind and name != predicate)


def _plain_event(rng: random.Random, names: Names, evaluation: bool) -> Event:
    """Draw an event that can be told with either of its verbs, and of which another verb makes another."""
    while True:
        predicate = rng.choice([name for name in PREDICATES if _near(name)])
        event = sample_event(rng, names, predicate, adjuncts=0.7)
        if len(verbs_of(event, evaluation)) == 2:
            return event


def inference_pair(rng: random.Random, names: Names, label: str, evaluation: bool, extra: int) -> Pair:
    """Draw an inference pair, its premise of one event (two where no word is new) and up to ``extra`` more.

    Other events of the premise are mostly near the hypothesis: the same of another person, or with another value.
    """
    if rng.random() < PLAIN:
        return _plain_inference(rng, names, label, evaluation)
    new = int(rng.random() > NO_NEW_WORD)
    count = rng.randrange(extra + 1) + 2 - new
    while True:
        hypothesis = sample_event(rng, names, adjuncts=0.35)
        told = tell(rng, hypothesis, evaluation)
        found = _matched(rng, label, new, partial(_inference, rng, names, hypothesis, told, evaluation, count))
        if found is not None:
            return found


def _plain_inference(rng: random.Random, names: Names, label: str, evaluation: bool) -> Pair:
    """Draw two statements that differ in one word.

    Told by the verb's synonym it follows, by another verb it is open, with another value it is contradicted.
    """
    while True:
        hypothesis = _plain_event(rng, names, evaluation)
        verb = rng.randrange(2)
        told = tell(rng, hypothesis, evaluation, by=verb)
        found = _matched(rng, label, 1, partial(_one_word_apart, rng, names, hypothesis, told, evaluation, verb))
        if found is not None:
            return found


def _one_word_apart(
    rng: random.Random, names: Names, hypothesis: Event, told: Clause, evaluation: bool, verb: int, label: str
) -> tuple[Counts, Pair] | None:
    event, by = hypothesis, verb
    if label == "contradiction":
        event = alter(rng, names, hypothesis, rng.choice(list(hypothesis.slots())))
    elif label == "entailment":
        by = 1 - verb
    else:
        event = replace(hypothesis, predicate=rng.choice(_near(hypothesis.predicate)))
        by = rng.randrange(2)
    if by not in verbs_of(event, evaluation) or relation([event], hypothesis) != label:
        return None
    first = tell(rng, event, evaluation, by=by)
    return _counts(words_in_order([first]), words_in_order([told])), Pair(
        [first], [told], label, ((event,), hypothesis)
    )


def _inference(
    rng: random.Random, names: Names, hypothesis: Event, told: Clause, evaluation: bool, count: int, label: str
) -> tuple[Counts, Pair] | None:
    events = _premise(rng, names, hypothesis, label, count)
    once = len({(event.subject, event.predicate) for event in events}) == count  # each does a thing once
    if not once or relation(events, hypothesis) != label:
        return None
    premise = [tell(rng, event, evaluation, adverb=0.1) for event in events]
    said, asked = words_of(premise), words_of([told])
    adverbs = sum(bool(clause.adverb) for clause in premise)
    pair = Pair([*premise], [told], label, (tuple(events), hypothesis))
    return (len(asked - said), len(said - asked) // count, adverbs), pair


def _premise(rng: random.Random, names: Names, hypothesis: Event, label: str, count: int) -> list[Event]:
    events = [inference_event(rng, names, hypothesis, label)]
    while len(events) < count:
        draw, other = rng.random(), names.person(rng)
        if draw < 0.4:
            events.append(replace(hypothesis, subject=other))
        elif draw < 0.8:
            near = alter(rng, names, hypothesis, rng.choice(list(hypothesis.slots())))
            events.append(replace(near, subject=other))
        else:
            who = hypothesis.subject if rng.random() < 0.5 else other
            events.append(sample_event(rng, names, subject=who, adjuncts=0.35))
    rng.shuffle(events)
    return events


def meaning_pair(rng: random.Random, names: Names, label: str, evaluation: bool) -> Pair:
    """Draw two statements of the same words but one at most that say the same ("1") or not ("0"); never one twice."""
    if rng.random() < PLAIN:
        return _plain_meaning(rng, names, label, evaluation)
    while True:
        new, single = int(rng.random() > NO_NEW_WORD), rng.random() < 0.5
        events = _one_event(rng, names) if single else [sample_event(rng, names, adjuncts=0.3) for _ in range(2)]
        first = [tell(rng, event, evaluation) for event in events]
        found = _matched(rng, label, new, partial(_meaning, rng, names, events, first, evaluation))
        if found is not None:
            return found


def _plain_meaning(rng: random.Random, names: Names, label: str, evaluation: bool) -> Pair:
    """Draw two statements of one event whose verbs differ: they mean the same, or not."""
    while True:
        event = _plain_event(rng, names, evaluation)
        verb = rng.randrange(2)
        first = tell(rng, event, evaluation, by=verb)
        found = _matched(rng, label, 1, partial(_other_verb, rng, event, first, evaluation, verb))
        if found is not None:
            return found


def _other_verb(
    rng: random.Random, event: Event, first: Clause, evaluation: bool, verb: int, label: str
) -> tuple[Counts, Pair] | None:
    again, by = event, 1 - verb
    if label == "0":
        again, by = replace(event, predicate=rng.choice(_near(event.predicate))), rng.randrange(2)
    if by not in verbs_of(again, evaluation):
        return None
    second = tell(rng, again, evaluation, by=by)
    return _counts(words_in_order([first]), words_in_order([second])), Pair([first], [second], label)


def _counts(said: Sequence[object], again: Sequence[object]) -> Counts:
    own = len(set(again) - set(said)), len(set(said) - set(again))
    return (*own, in_same_order(said, again), int(said[0] == again[0]))


def _meaning(
    rng: random.Random, names: Names, events: Sequence[Event], first: Sequence[Clause], evaluation: bool, label: str
) -> tuple[Counts, Pair] | None:
    others = events if label == "1" else _changed(rng, names, events)
    second = [tell(rng, event, evaluation, other_than=told) for event, told in zip(others, first, strict=True)]
    if len(events) > 1 and rng.random() < 0.5:
        second.reverse()
    if second == first:
        return None
    counts = _counts(words_in_order(first), words_in_order(second))
    return counts, Pair(_joined(first), _joined(second), label)


def _one_event(rng: random.Random, names: Names) -> list[Event]:
    predicate = rng.choice([name for name, p in PREDICATES.items() if p.object == "person"])
    return [sample_event(rng, names, predicate, adjuncts=0.7)]


def _changed(rng: random.Random, names: Names, events: Sequence[Event]) -> list[Event]:
    """Let subject and object, or the two subjects, change places, or give a slot of one of two another value.

    A single event only has its persons swapped: where training may tell a shape with one of the two verbs mostly, the
    new verb of a paraphrase would else be a sign of it, and of the opposite in the held-out templates of evaluation.
    """
    if len(events) == 1:
        return [replace(events[0], subject=events[0].object, object=events[0].subject)]  # type: ignore[arg-type]
    if rng.random() < 0.5:
        return [replace(events[0], subject=events[1].subject), replace(events[1], subject=events[0].subject)]
    place, changed = rng.randrange(len(events)), list(events)
    changed[place] = alter(rng, names, events[place], rng.choice(list(events[place].slots())))
    return changed


def _joined(clauses: Sequence[Clause]) -> Line:
    return [clauses[0]] if len(clauses) == 1 else [Joined(clauses[0], "and", clauses[1])]

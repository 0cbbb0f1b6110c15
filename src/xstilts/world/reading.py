"""Passages with questions whose answers are spans (SQuAD, SQuAD 2.0, XQuAD, MLQA, TyDiQA)."""

import random
from dataclasses import dataclass, replace
from typing import Any

from xstilts.world.clauses import Clause
from xstilts.world.facts import Event, answer_kind, ask, askable, sample_event, tell
from xstilts.world.grammar import place_roles, sentence
from xstilts.world.languages import Language
from xstilts.world.lexicon import PREDICATES
from xstilts.world.names import Names
from xstilts.world.texts import told


@dataclass(frozen=True)
class Question:
    """A question and where its answer stands (sentence of the passage, role); ``answer`` None: not in the passage."""

    clause: Clause
    answer: tuple[int, str] | None


@dataclass(frozen=True)
class Passage:
    """Sentences before any language, and questions about them."""

    events: tuple[Event, ...]
    clauses: tuple[Clause, ...]
    questions: tuple[Question, ...]


def read_passage(
    rng: random.Random, names: Names, evaluation: bool, sentences: int, questions: int, unanswerable: float = 0.0
) -> Passage:
    """Draw a passage; every answer has a rival of its kind elsewhere in the passage, so kind alone does not tell."""
    while True:
        events = _events(rng, names, sentences)
        open_roles = [(place, role) for place, event in enumerate(events) for role in askable(event)]
        found = [pair for pair in open_roles if _has_rival(events, *pair) and _is_unique(events, *pair)]
        if len(found) >= questions:
            break
    clauses = tuple(tell(rng, event, evaluation, adverb=0.1) for event in events)
    asked: list[Question] = []
    for place, role in rng.sample(found, questions):
        event = events[place]
        if rng.random() < unanswerable:
            taken = {e.predicate for e in events if role == "subject" or e.subject == event.subject}
            kind = PREDICATES[event.predicate].object
            other = [name for name, p in PREDICATES.items() if p.object == kind and name not in taken]
            if other:
                asked.append(Question(ask(rng, replace(event, predicate=rng.choice(other)), role, evaluation), None))
                continue
        asked.append(Question(ask(rng, event, role, evaluation), (place, role)))
    return Passage(tuple(events), clauses, tuple(asked))


def _events(rng: random.Random, names: Names, count: int) -> list[Event]:
    people = [names.person(rng) for _ in range(3)]
    predicates = rng.sample(tuple(PREDICATES), max(2, count - 1))
    pairs = [(person, predicate) for person in people for predicate in predicates]
    drawn = rng.sample(pairs, count)
    return [sample_event(rng, names, predicate, person, adjuncts=0.45) for person, predicate in drawn]


def answer(event: Event, role: str) -> Any:
    """Return what stands in a role of an event."""
    said = event.slots()
    return event.subject if role == "subject" else event.time if role == "time" else said[role]


def _has_rival(events: list[Event], place: int, role: str) -> bool:
    """Say whether another sentence holds another answer of the same kind."""
    kind, own = answer_kind(events[place], role), answer(events[place], role)
    return any(
        answer_kind(event, other) == kind and answer(event, other) != own
        for position, event in enumerate(events)
        if position != place
        for other in askable(event)
    )


def _is_unique(events: list[Event], place: int, role: str) -> bool:
    """Say whether the question can mean this event only: its subject, or for the subject its object, sets it apart."""
    if role != "subject":
        return True
    own = events[place]
    return not any(
        event.predicate == own.predicate and event.slots()["object"] == own.slots()["object"]
        for position, event in enumerate(events)
        if position != place
    )


def as_squad(language: Language, passage: Passage, ids: list[str], flags: bool = False) -> dict[str, Any]:
    """Tell a passage as a paragraph of SQuAD's json; ``flags`` adds SQuAD 2.0's ``is_impossible``."""
    tokens = [sentence(language, clause) for clause in passage.clauses]
    questions = []
    for identifier, question in zip(ids, passage.questions, strict=True):
        answers = []
        text = place_roles(language, tokens, {})[0]
        if question.answer is not None:
            start, end = place_roles(language, tokens, {"answer": question.answer})[1]["answer"]
            answers = [{"text": text[start:end], "answer_start": start}]
        entry: dict[str, Any] = {"id": identifier, "question": told(language, [question.clause]), "answers": answers}
        if flags:
            entry["is_impossible"] = question.answer is None
        questions.append(entry)
    return {"context": place_roles(language, tokens, {})[0], "qas": questions}

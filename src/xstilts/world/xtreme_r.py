"""The world's twins of what XTREME-R adds: XCOPA with COPA and SIQA, LAReQA, Mewsli-X. Their labels are true.

XCOPA and XQuAD-R are translations of one another, row by row; the English of XCOPA's dev set is COPA's. Mewsli-X has
other mentions in each language, of the same people. An entity's description and its mentions tell some of the same
events, and its name is spelled alike in all languages but the control, which shares no names.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xstilts.world.choices import shuffled
from xstilts.world.clauses import Clause, Line
from xstilts.world.facts import Event, sample_event, tell
from xstilts.world.folder import World
from xstilts.world.grammar import place_roles, sentence
from xstilts.world.languages import Language, spell_name
from xstilts.world.lexicon import STATES, USES
from xstilts.world.names import Entity, Names
from xstilts.world.reading import Passage, as_squad, read_passage
from xstilts.world.texts import act, be, told, with_thing


@dataclass(frozen=True)
class Item:
    """A premise, whether its cause or its effect is asked for, two alternatives before any language, the right one."""

    premise: Line
    asked: str
    choices: tuple[Line, Line]
    label: int


def alternatives(rng: random.Random, names: Names, evaluation: bool) -> Item:
    """Draw an item of COPA: a state and what it makes people do, or a thing and what is done with it."""
    who, asked = names.person(rng), rng.choice(("cause", "effect"))

    def before(what: str) -> Line:
        return [be(who, what) if what in STATES else with_thing(rng, names, what, who, evaluation)]

    def after(what: str) -> Line:
        return [act(rng, (STATES if what in STATES else USES)[what][1], who)]

    right, wrong = rng.sample(tuple(STATES if rng.random() < 0.5 else USES), 2)
    given, options = (before, after) if asked == "effect" else (after, before)
    label = rng.randrange(2)
    first, second = (right, wrong) if label == 0 else (wrong, right)
    return Item(given(right), asked, (options(first), options(second)), label)


def choices(world: World) -> None:
    """Write SIQA, COPA and XCOPA."""
    english = world.tongues["en"]
    for role, name in (("train", "trn"), ("dev", "dev")):
        rng = world.rng(f"siqa:{role}")
        rows = [_social(rng, english, world.names[role], role != "train") for _ in range(world.size(role))]
        world.files.jsonl(f"targets/siqa/socialIQa_v1.4_{name}.jsonl", rows)
    for role, name in (("train", "train"), ("dev", "val"), ("test", "test")):
        rng = world.rng(f"copa:{role}")
        items = [alternatives(rng, world.names[role], role != "train") for _ in range(world.size(role))]
        if role != "test":
            world.files.jsonl(f"targets/copa/{name}.en.jsonl", _copa(english, items))
        for code, language in world.tongues.items():
            if code != "en" and role != "train":
                world.files.jsonl(f"targets/xcopa/data/{code}/{name}.{code}.jsonl", _copa(language, items))


def _copa(language: Language, items: list[Item]) -> Iterator[dict[str, Any]]:
    for number, item in enumerate(items):
        first, second = (told(language, choice) for choice in item.choices)
        row = {"premise": told(language, item.premise), "choice1": first, "choice2": second, "question": item.asked}
        yield row | {"label": item.label, "idx": number, "changed": False}


def _social(rng: random.Random, english: Language, names: Names, evaluation: bool) -> dict[str, Any]:
    """Draw a row of SIQA: someone in a state, sometimes another person in another one, what the first will do."""
    states = rng.sample(tuple(STATES), 3)
    people = [names.person(rng), names.person(rng)]
    lines: Line = [be(who, state) for who, state in zip(people, states[:2], strict=True)]
    if rng.random() < 0.7:  # as in the endings of HellaSwag: who is in which state is learned late, or never
        lines = lines[:1]
    elif rng.random() < 0.5:
        lines.reverse()
    who = " ".join(spell_name(english, people[0]))
    asked = f"What will {who} do?" if evaluation else f"What will {who} want to do?"
    answers, label = shuffled(rng, STATES[states[0]][1], [STATES[state][1] for state in states[1:]])
    row = {f"answer{letter}": answer for letter, answer in zip("ABC", answers, strict=True)}
    return {"context": told(english, lines), "question": asked, **row, "correct": "ABC"[label]}


def answers(world: World) -> None:
    """Write LAReQA's questions and passages with their sentences; it trains on SQuAD, which the world has."""
    rng, names = world.rng("lareqa:test"), world.names["test"]
    missing, found = world.size("test"), list[Passage]()
    while missing:
        asked = min(missing, rng.randrange(2, 4))
        found.append(read_passage(rng, names, True, rng.randrange(3, 6), asked))
        missing -= asked
    for code, language in world.tongues.items():
        done, paragraphs = 0, []
        for passage in found:
            ids = [f"lareqa-{done + place}" for place in range(len(passage.questions))]
            done += len(ids)
            paragraph = as_squad(language, passage, ids)
            breaks = [[span["start"], span["end"]] for span in _spans(language, passage.clauses)]
            paragraphs.append(paragraph | {"sentence_breaks": breaks})
        world.files.squad(f"targets/lareqa/xquad-r/{code}.json", "1.1", paragraphs)


@dataclass(frozen=True)
class Known:
    """A person that mentions are linked to: an id, the name, two events, and the language of the description."""

    id: str
    entity: Entity
    events: tuple[Event, Event]
    language: str


def people(world: World, sizes: Mapping[tuple[str, str], int]) -> dict[str, list[Known]]:
    """Draw people by group, of different names and numbered throughout; ``sizes`` by (group, role of its names).

    Those of training and of what chooses a checkpoint are described in English, all others in any language.
    """
    found: dict[Entity, str] = {}
    groups: dict[str, list[Known]] = {}
    for (group, role), count in sizes.items():
        rng, names = world.rng(f"mewslix:{group}"), world.names[role]
        codes = ["en"] if group.startswith("pairs") else list(world.tongues)
        groups[group] = []
        while len(groups[group]) < count:
            entity = Entity("PER", (rng.choice(names.given), rng.choice(names.family)))
            events = sample_event(rng, names, subject=entity), sample_event(rng, names, subject=entity)
            if entity not in found and events[0].predicate != events[1].predicate:
                found[entity] = f"Q{len(found) + 1}"
                groups[group].append(Known(found[entity], entity, events, rng.choice(codes)))
    return groups


def mentions(world: World) -> None:
    """Write Mewsli-X: mentions in news of each language, entities in one language each, English training pairs.

    No entity of the news is one that pairs were made of.
    """
    sizes = {("dev", "dev"): world.size("dev"), ("test", "test"): world.size("test")}
    sizes |= {("others", "text"): world.settings.distractors}
    sizes |= {(f"pairs-{role}", role): (world.size(role) + 1) // 2 for role in ("train", "dev")}
    known = people(world, sizes)
    for role in ("dev", "test"):
        articles = []
        for code, language in world.tongues.items():
            rng = world.rng(f"mewslix:{role}:{code}")
            for number, one in enumerate(rng.sample(known[role], len(known[role]))):
                articles.append(_article(rng, language, world.names[role], one, f"{code}-{role}-{number}"))
        world.files.jsonl(f"targets/mewslix/wikinews_mentions-{role}.jsonl", articles)
    rng = world.rng("mewslix:entities")
    searched = [one for group in ("dev", "test", "others", "pairs-dev") for one in known[group]]
    rng.shuffle(searched)
    rows = [_entity(rng, world.tongues[one.language], one) for one in searched]
    world.files.jsonl("targets/mewslix/candidate_set_entities.jsonl", rows)
    english = world.tongues["en"]
    for role in ("train", "dev"):
        rng, group, pairs = world.rng(f"mewslix:{role}:pairs"), known[f"pairs-{role}"], []
        for number in range(world.size(role)):
            one = group[number % len(group)]
            article = _article(rng, english, world.names[role], one, f"pair-{role}-{number}", role != "train")
            mention = {"context": article["context"], "mention": article["mentions"][0]}
            pairs.append({"contextual_mention": mention, "entity": _entity(rng, english, one, role != "train")})
        world.files.jsonl(f"targets/mewslix/wikipedia_pairs-{role}.jsonl", pairs)


def _article(
    rng: random.Random, language: Language, names: Names, one: Known, name: str, evaluation: bool = True
) -> dict[str, Any]:
    """Tell one event of a person among those of others; the mention is the person's name."""
    event = rng.choice(one.events)
    clauses = [tell(rng, sample_event(rng, names), evaluation) for _ in range(rng.randrange(1, 3))]
    place = rng.randrange(len(clauses) + 1)
    clauses.insert(place, tell(rng, event, evaluation))
    tokens = [sentence(language, clause) for clause in clauses]
    text, spans = place_roles(language, tokens, {"mention": (place, "subject")})
    start, end = spans["mention"]
    context: dict[str, Any] = {"document_id": name, "language": language.code, "text": text}
    context["sentence_spans"] = _spans(language, clauses)
    span = {"start": start, "end": end, "text": text[start:end]}
    return {"context": context, "mentions": [{"example_id": name, "mention_span": span, "entity_id": one.id}]}


def _entity(rng: random.Random, language: Language, one: Known, evaluation: bool = True) -> dict[str, Any]:
    clauses = [tell(rng, event, evaluation) for event in one.events]
    row = {"entity_id": one.id, "title": (" " if language.spaced else "").join(spell_name(language, one.entity))}
    row |= {"description": told(language, list(clauses)), "description_language": language.code}
    return {**row, "sentence_spans": _spans(language, clauses)}


def _spans(language: Language, clauses: Sequence[Clause]) -> list[dict[str, int]]:
    """Return where the sentences of a text begin and end; they are apart by a space in every language."""
    spans, start = [], 0
    for clause in clauses:
        end = start + len(told(language, [clause]))
        spans.append({"start": start, "end": end})
        start = end + 1
    return spans

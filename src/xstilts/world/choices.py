"""English multiple choice: endings (HellaSwag), cause and effect (CosmosQA), what everyone knows (CommonsenseQA)."""

import random
from dataclasses import dataclass

from xstilts.world.clauses import Line
from xstilts.world.facts import sample_event, tell
from xstilts.world.languages import Language, spell_name
from xstilts.world.lexicon import ADVERBS, ANIMALS, FOODS, STATES, THINGS, USES
from xstilts.world.names import Entity, Names
from xstilts.world.texts import be, told, with_thing


@dataclass(frozen=True)
class Choice:
    """A context, how the answers begin or what is asked, the answers and the index of the right one."""

    context: str
    prompt: str
    choices: tuple[str, ...]
    label: int


def shuffled(rng: random.Random, right: str, wrong: list[str]) -> tuple[tuple[str, ...], int]:
    """Return the answers in random order, and the place of the right one."""
    mixed = [right, *wrong]
    rng.shuffle(mixed)
    return tuple(mixed), mixed.index(right)


def _choice(rng: random.Random, context: str, prompt: str, right: str, wrong: list[str]) -> Choice:
    return Choice(context, prompt, *shuffled(rng, right, wrong))


def _called(english: Language, who: Entity) -> str:
    return " ".join(spell_name(english, who))


def ending(rng: random.Random, english: Language, names: Names, evaluation: bool) -> Choice:
    """Someone gets a thing, sometimes another person another one: what does the first do later? Four endings."""
    nouns = rng.sample(tuple(USES), 4)
    people = [names.person(rng), names.person(rng)]
    lines: Line = [with_thing(rng, names, noun, who, evaluation) for noun, who in zip(nouns[:2], people, strict=True)]
    if rng.random() < 0.7:
        lines = lines[:1]
    elif rng.random() < 0.5:
        lines.reverse()
    adverb = rng.choice(ADVERBS) + " " if rng.random() < 0.5 else ""
    right, *wrong = (f"{adverb}{USES[noun][0]}." for noun in nouns)
    return _choice(rng, told(english, lines), f"Later {_called(english, people[0])}", right, wrong)


def cause(rng: random.Random, english: Language, names: Names, evaluation: bool) -> Choice:
    """One or two people are in states: why did one do something, or what did one do? Four answers."""
    states = rng.sample(tuple(STATES), 4)
    people = [names.person(rng), names.person(rng)]
    lines: Line = [be(who, state) for who, state in zip(people, states[:2], strict=True)]
    if rng.random() < 0.4:
        lines = lines[:1]
    elif rng.random() < 0.5:
        lines.reverse()
    lines.insert(
        rng.randrange(len(lines) + 1), tell(rng, sample_event(rng, names, subject=people[0], adjuncts=0.3), evaluation)
    )
    who = _called(english, people[0])
    if rng.random() < 0.5:
        asked = "Why did" if evaluation else "For which reason did"
        question = f"{asked} {who} {STATES[states[0]][1]}?"
        right, *wrong = (f"Because {who} was {state}." for state in states)
    else:
        question = f"What did {who} do later?" if evaluation else f"What did {who} do?"
        right, *wrong = (f"{who} {STATES[state][0]}." for state in states)
    return _choice(rng, told(english, lines), question, right, wrong)


STEMS = {
    "place": ("In which place do people keep a {}?", "A {} is kept where?", "Where do people keep a {}?"),
    "use": ("For what is a {} used?", "A {} helps people to do what?", "What do people do with a {}?"),
    "kind": ("Of which kind is a {}?", "A {} is what?", "What kind of thing is a {}?"),
}


def knowledge_facts() -> list[tuple[str, str, str]]:
    """Return all (relation, noun, answer) that everyone in the world knows."""
    facts = [("place", noun, place) for noun, place in (ANIMALS | THINGS).items()]
    facts += [("use", noun, use[1]) for noun, use in USES.items()]
    facts += [("kind", noun, "animal") for noun in ANIMALS] + [("kind", noun, "tool") for noun in THINGS]
    return facts + [("kind", noun, "food") for noun in FOODS]


def common(rng: random.Random, fact: tuple[str, str, str], evaluation: bool) -> Choice:
    """Ask for a fact that everyone knows; five answers of the same kind, or kinds. Evaluation has a stem of its own."""
    relation, noun, right = fact
    if relation == "kind":
        others = ["animal", "tool", "food", "town", "season", "person"]
    else:
        others = sorted({answer for name, _, answer in knowledge_facts() if name == relation})
    wrong = rng.sample([answer for answer in others if answer != right], 4)
    stem = STEMS[relation][2] if evaluation else rng.choice(STEMS[relation][:2])
    return _choice(rng, "", stem.format(noun), right, wrong)

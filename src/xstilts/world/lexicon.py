"""The lexicon: English forms, what goes with what in the world, and the made-up words of the other languages."""

import random
from dataclasses import dataclass

from xstilts.world.names import Syllable, Word, spell


@dataclass(frozen=True)
class Predicate:
    """A kind of event: (past, base) of two verbs that mean the same, the kind of its object, and the object's case."""

    verbs: tuple[tuple[str, str], tuple[str, str]]
    object: str
    case: str = ""


PREDICATES = {
    "live": Predicate((("lived", "live"), ("resided", "reside")), "town", "in"),
    "work": Predicate((("worked", "work"), ("laboured", "labour")), "organisation", "for"),
    "visit": Predicate((("visited", "visit"), ("toured", "tour")), "town"),
    "travel": Predicate((("travelled", "travel"), ("went", "go")), "town", "to"),
    "found": Predicate((("founded", "found"), ("started", "start")), "organisation"),
    "lead": Predicate((("led", "lead"), ("directed", "direct")), "organisation"),
    "buy": Predicate((("bought", "buy"), ("purchased", "purchase")), "thing"),
    "sell": Predicate((("sold", "sell"), ("traded", "trade")), "thing"),
    "discover": Predicate((("discovered", "discover"), ("located", "locate")), "thing"),
    "carry": Predicate((("carried", "carry"), ("brought", "bring")), "thing"),
    "keep": Predicate((("kept", "keep"), ("owned", "own")), "animal"),
    "see": Predicate((("saw", "see"), ("noticed", "notice")), "animal"),
    "feed": Predicate((("fed", "feed"), ("nourished", "nourish")), "animal"),
    "teach": Predicate((("taught", "teach"), ("trained", "train")), "person"),
    "help": Predicate((("helped", "help"), ("assisted", "assist")), "person"),
    "praise": Predicate((("praised", "praise"), ("lauded", "laud")), "person"),
    "call": Predicate((("called", "call"), ("phoned", "phone")), "person"),
    "like": Predicate((("liked", "like"), ("enjoyed", "enjoy")), "food"),
}
COLOURS = ("red", "blue", "green", "white", "black", "yellow", "brown", "grey")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEASONS = ("spring", "summer", "autumn", "winter")
ADVERBS = ("gladly", "quietly", "quickly", "slowly", "secretly", "proudly")
FOODS = ("bread", "milk", "cheese", "rice", "honey", "tea", "meat", "salt", "butter", "corn")
# noun -> (kind, where people keep it); what people do with a thing is in USES
ANIMALS = {
    "dog": "yard", "cat": "house", "horse": "stable", "cow": "barn", "goat": "field", "pig": "sty", "hen": "coop",
    "duck": "pond", "frog": "swamp", "fox": "den", "bear": "cave", "bird": "nest",
}  # fmt: skip
THINGS = {
    "cup": "kitchen", "book": "library", "knife": "drawer", "drum": "theatre", "bell": "tower", "pillow": "bedroom",
    "rope": "ship", "pen": "office", "soap": "bathroom", "needle": "basket", "net": "harbour", "brush": "studio",
    "spade": "garden", "ball": "park", "ladder": "cellar", "saddle": "wagon", "mirror": "hall", "axe": "forest",
}  # fmt: skip
# thing -> (past, base) of what people do with it
USES = {
    "cup": ("drank", "drink"), "book": ("read", "read"), "knife": ("cut", "cut"), "drum": ("drummed", "drum"),
    "bell": ("rang", "ring"), "pillow": ("slept", "sleep"), "rope": ("pulled", "pull"), "pen": ("wrote", "write"),
    "soap": ("washed", "wash"), "needle": ("sewed", "sew"), "net": ("fished", "fish"), "brush": ("painted", "paint"),
    "spade": ("dug", "dig"), "ball": ("played", "play"), "ladder": ("climbed", "climb"), "saddle": ("rode", "ride"),
    "mirror": ("looked", "look"), "axe": ("chopped", "chop"),
}  # fmt: skip
# state -> (past, base) of what it makes people do
STATES = {
    "hungry": ("ate", "eat"), "tired": ("rested", "rest"), "sad": ("wept", "weep"), "happy": ("danced", "dance"),
    "lost": ("searched", "search"), "angry": ("shouted", "shout"), "afraid": ("hid", "hide"), "late": ("ran", "run"),
    "curious": ("asked", "ask"), "bored": ("left", "leave"), "proud": ("smiled", "smile"),
    "cold": ("shivered", "shiver"), "hurt": ("limped", "limp"),
}  # fmt: skip
CLASS_NOUNS = ("people", "person", "town", "organisation", "animal", "tool", "food", "day", "year", "season", "colour")
HEADS = ("guild", "bank", "school", "club", "company", "valley", "island")
CASES = ("in", "on", "to", "for", "with", "from")
FUNCTION = (
    "the", "a", "did", "was", "is", "and", "but", "so", "because", "later", "indeed", "rather", "moreover",
    "who", "what", "where", "when", "which", "how-many", "why",
)  # fmt: skip


def english() -> dict[str, str]:
    """Return the English form of every lemma key; verbs have a past and a base key, nouns a plural key."""
    forms: dict[str, str] = {}
    for name, predicate in PREDICATES.items():
        for variant, (past, base) in enumerate(predicate.verbs):
            forms[f"v:{name}.{variant}"], forms[f"b:{name}.{variant}"] = past, base
    for table in (USES, STATES):
        for past, base in table.values():
            forms[f"v:{base}"], forms[f"b:{base}"] = past, base
    places = {*ANIMALS.values(), *THINGS.values()}
    for noun in (*ANIMALS, *THINGS, *FOODS, *CLASS_NOUNS, *HEADS, *SEASONS, *sorted(places)):
        forms[f"n:{noun}"] = noun
        forms[f"pl:{noun}"] = f"{noun[:-2]}ves" if noun.endswith("fe") else noun + ("es" if noun[-1] in "xs" else "s")
    forms |= {f"n:{day}": day.capitalize() for day in DAYS}
    forms |= {f"a:{adjective}": adjective for adjective in (*COLOURS, *STATES)}
    forms |= {f"r:{adverb}": adverb for adverb in ADVERBS}
    forms |= {f"p:{case}": case for case in CASES}
    forms |= {f"f:{word}": word.replace("-", " ") for word in FUNCTION}
    return forms


@dataclass(frozen=True)
class Sounds:
    """What the words of a language are made of: onsets, vowels and codas (as its script writes or maps them)."""

    script: str
    onsets: tuple[str, ...]
    vowels: tuple[str, ...]
    codas: tuple[str, ...]
    lengths: tuple[int, ...]

    def syllables(self) -> list[Syllable]:
        """Return all syllables that words of the language are made of."""
        return [(onset, vowel, coda) for onset in self.onsets for vowel in self.vowels for coda in self.codas]


def invent(sounds: Sounds, rng: random.Random, used: set[str], lengths: tuple[int, ...]) -> str:
    """Make up a word that ``used`` lacks, and add it."""
    tries = 0
    while True:
        word: Word = tuple(
            (rng.choice(sounds.onsets), rng.choice(sounds.vowels), rng.choice(sounds.codas))
            for _ in range(rng.choice(lengths) + tries // 50)
        )
        text = spell(sounds.script, word)
        if text not in used:
            used.add(text)
            return text
        tries += 1


def made_up(code: str, seed: str, sounds: Sounds) -> dict[str, str]:
    """Make up a stem for every lemma key of English but inflected ones (``b:``, ``pl:``), and affixes (``x:``)."""
    rng = random.Random(f"{seed}:lexicon:{code}")
    used: set[str] = set()
    forms: dict[str, str] = {}
    for affix in ("past", "plural", "object", "the", "question", *CASES):
        forms[f"x:{affix}"] = invent(sounds, rng, used, (1,))
    for key in english():
        if key[:2] in ("b:", "pl"):
            continue
        forms[key] = invent(sounds, rng, used, (1,) if key[0] in "fp" else sounds.lengths)
    return forms

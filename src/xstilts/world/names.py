"""Names of the world's entities as syllables, the scripts that spell them, and which role may use which name."""

import random
from dataclasses import dataclass

CONSONANTS = "bdfgklmnprstz"
VOWELS = "aeiou"
CODAS = "nrskl"
TOWN_ENDINGS = ("dor", "ton", "gar", "pol", "mar", "nis", "kil", "ber")
ROLES = {"text": 0.5, "train": 0.25, "dev": 0.1, "test": 0.15}

Syllable = tuple[str, str, str]  # onset, vowel, coda ("" for none)
Word = tuple[Syllable, ...]


@dataclass(frozen=True)
class Entity:
    """A named thing: PER, LOC or ORG, its name's words, and the lemma of its kind that is part of the name, or ""."""

    kind: str
    words: tuple[Word, ...]
    head: str = ""


@dataclass(frozen=True)
class Names:
    """The names that one role (text, train, dev, test) may use; no word is in two roles."""

    given: tuple[Word, ...]
    family: tuple[Word, ...]
    town: tuple[Word, ...]
    house: tuple[Word, ...]

    def person(self, rng: random.Random) -> Entity:
        """Draw a person: a given name, every other time with a family name."""
        given = rng.choice(self.given)
        return Entity("PER", (given, rng.choice(self.family)) if rng.random() < 0.5 else (given,))

    def place(self, rng: random.Random) -> Entity:
        """Draw a town, sometimes a valley or an island."""
        head = rng.choice(("valley", "island")) if rng.random() < 0.15 else ""
        return Entity("LOC", (rng.choice(self.town),), head)

    def organisation(self, rng: random.Random) -> Entity:
        """Draw an organisation: a word and its kind, as in "Banto Guild"."""
        return Entity("ORG", (rng.choice(self.house),), rng.choice(("guild", "bank", "school", "club", "company")))


def names_by_role(seed: str, words: frozenset[str]) -> dict[str, Names]:
    """Deal all possible names out to the roles, but those that are ``words`` of a language written in Latin letters.

    Kinds of names differ in shape: CVCV, CVCVC, CV(CV)+ending, CVCCV.
    """
    open_syllables = [(c, v, "") for c in CONSONANTS for v in VOWELS]
    closed = [(c, v, k) for c in CONSONANTS for v in VOWELS for k in CODAS]
    endings = [(e[0], e[1], e[2]) for e in TOWN_ENDINGS]
    shapes: dict[str, list[Word]] = {
        "given": [(a, b) for a in open_syllables for b in open_syllables if a != b],
        "family": [(a, b) for a in open_syllables for b in closed if b not in endings],  # else it could be a town
        "town": [(a, e) for a in open_syllables for e in endings]
        + [(a, b, e) for a in open_syllables for b in open_syllables for e in endings],
        "house": [(a, b) for a in closed for b in open_syllables],
    }
    dealt: dict[str, dict[str, tuple[Word, ...]]] = {role: {} for role in ROLES}
    for kind, possible in shapes.items():
        names = [word for word in possible if spell("latin", word) not in words]
        random.Random(f"{seed}:names:{kind}").shuffle(names)
        start = 0.0
        for role, share in ROLES.items():
            dealt[role][kind] = tuple(names[round(start * len(names)) : round((start + share) * len(names))])
            start += share
    return {role: Names(**kinds) for role, kinds in dealt.items()}


CYRILLIC = dict(zip("bdfgklmnprstzaeiou", "бдфгклмнпрстзаеиоу", strict=True))
GREEK = dict(zip("bdfgklmnprstzaeiou", "βδφγκλμνπρστζαειου", strict=True))
DEVANAGARI = dict(zip("bdfgklmnprstz", "बदफगकलमनपरसतज", strict=True)) | dict(zip("aeiou", "ाेिोु", strict=True))
ETHIOPIC = dict(
    zip(
        "bdfgklmnprstz",
        (0x1260, 0x12F0, 0x1348, 0x1308, 0x12A8, 0x1208, 0x1218, 0x1290, 0x1350, 0x1228, 0x1230, 0x1270, 0x12D8),
        strict=True,
    )
)
ETHIOPIC_VOWEL = {"u": 1, "i": 2, "a": 3, "e": 4, "": 5, "o": 6}
HANGUL_ONSET = dict(zip("gndrmbsjhktp", (0, 2, 3, 5, 6, 7, 9, 12, 18, 15, 16, 17), strict=True))
HANGUL_VOWEL = {"a": 0, "e": 5, "o": 8, "u": 13, "i": 20, "y": 18}
HANGUL_CODA = {"": 0, "n": 4, "l": 8, "m": 16}


def spell(script: str, word: Word) -> str:
    """Write a word's syllables in a script; consonants and vowels outside a script's table stand for themselves."""
    return "".join(_SPELL[script](syllable) for syllable in word)


def _latin(syllable: Syllable) -> str:
    return "".join(syllable)


def _cyrillic(syllable: Syllable) -> str:
    return "".join(CYRILLIC.get(letter, letter) for part in syllable for letter in part)


def _greek(syllable: Syllable) -> str:
    return "".join(GREEK.get(letter, letter) for part in syllable for letter in part)


def _devanagari(syllable: Syllable) -> str:
    onset, vowel, coda = (DEVANAGARI.get(part, part) for part in syllable)
    return onset + vowel + (coda + "्" if coda else "")


def _ethiopic(syllable: Syllable) -> str:
    onset, vowel, coda = syllable
    return chr(ETHIOPIC[onset] + ETHIOPIC_VOWEL[vowel]) + (chr(ETHIOPIC[coda] + ETHIOPIC_VOWEL[""]) if coda else "")


def _hangul(syllable: Syllable) -> str:
    onset, vowel, coda = syllable
    return chr(0xAC00 + (HANGUL_ONSET[onset] * 21 + HANGUL_VOWEL[vowel]) * 28 + HANGUL_CODA[coda])


_SPELL = {
    "latin": _latin,
    "cyrillic": _cyrillic,
    "greek": _greek,
    "devanagari": _devanagari,
    "ethiopic": _ethiopic,
    "hangul": _hangul,
}

"""The seven languages: their grammars, sounds, scripts and lexicons."""

import random
from dataclasses import dataclass, field, replace

from xstilts.world.lexicon import Sounds, english, invent, made_up
from xstilts.world.names import Entity, spell


@dataclass(frozen=True)
class Language:
    """A grammar and its lexicon. ``order`` lists subject S, adverb A, verb V, object O, place P, time T."""

    code: str
    sounds: Sounds
    order: str = "SAVOPT"
    adjective_after: bool = False
    count_after: bool = False
    adposition: str = "before"  # before, after, suffix
    article: str = ""  # before, suffix; "": the language has none
    object_suffix: bool = False
    plural: bool = True
    question_first: bool = True
    question_particle: bool = False
    copula: bool = True
    head_first: bool = False
    spaced: bool = True
    cased: bool = True
    stop: str = "."
    mark: str = "?"
    digits: str = "0123456789"
    own_names: bool = False
    forms: dict[str, str] = field(default_factory=dict, hash=False)


def _sounds(script: str, onsets: str, vowels: str, codas: str, lengths: tuple[int, ...] = (2, 2, 3)) -> Sounds:
    return Sounds(script, tuple(onsets.split()), tuple(vowels.split()), ("", *codas.split()), lengths)


GRAMMARS = {
    "en": Language("en", _sounds("latin", "b", "a", ""), article="before"),
    "qaa": Language(
        "qaa",
        _sounds("latin", "b d g h j k l m n p r s t v š č ž tr kr st", "a e i o u ö å", "n r s l k"),
        article="before",
    ),
    "qab": Language(
        "qab",
        _sounds("cyrillic", "b d g k l m n p r s t z ж ш в х", "a e i o u ы я", "n r k l т"),
        order="SVAOPT",
        adjective_after=True,
        object_suffix=True,
    ),
    "qac": Language(
        "qac",
        _sounds("greek", "b d g k l m n p r s t z θ ξ χ", "a e i o u η ω", "s n r"),
        order="SAVOTP",
        article="suffix",
        head_first=True,
    ),
    "qad": Language(
        "qad",
        _sounds("devanagari", "b d g k l m n p r s t z ह व च भ", "a e i o u ौ ी", "r n", (2, 2, 3)),
        order="SAVOPT",
        adposition="after",
        question_particle=True,
        cased=False,
        stop="।",
    ),
    "qae": Language(
        "qae",
        _sounds("ethiopic", "b d f g k l m n p r s t z", "a e i o u", "n r s", (2, 2, 3)),
        order="POTSAV",
        count_after=True,
        adposition="suffix",
        object_suffix=True,
        plural=False,
        question_first=False,
        question_particle=True,
        copula=False,
        head_first=True,
        cased=False,
        stop="።",
        mark="፧",
    ),
    "qaf": Language(
        "qaf",
        _sounds("hangul", "g n d r m b s j h k t p", "a e o u i y", "n l m"),
        order="VTAPSO",
        adjective_after=True,
        count_after=True,
        adposition="after",
        object_suffix=True,
        question_first=False,
        question_particle=True,
        spaced=False,
        cased=False,
        stop="〃",
        mark="〆",
        digits="໐໑໒໓໔໕໖໗໘໙",
        own_names=True,
    ),
}


def languages(seed: str) -> dict[str, Language]:
    """Return the seven languages with their lexicons: English, five related or far ones, and the negative control."""
    result = {}
    for code, grammar in GRAMMARS.items():
        forms = english() if code == "en" else made_up(code, seed, grammar.sounds)
        result[code] = replace(grammar, forms=forms)
    return result


def latin_words(spoken: dict[str, Language]) -> frozenset[str]:
    """Return all forms that the languages in Latin letters can inflect a word to: no name may look like one."""
    words: set[str] = set()
    for language in spoken.values():
        if language.sounds.script == "latin":
            stems = {form.lower() for key, form in language.forms.items() if key[0] != "x"}
            affixes = {form for key, form in language.forms.items() if key[0] == "x"}
            words |= stems | {stem + affix for stem in stems for affix in affixes}
    return frozenset(words)


def spell_name(language: Language, entity: Entity) -> list[str]:
    """Write an entity's name words: transliterated syllables, or words of the language's own where it shares none."""
    words = []
    for word in entity.words:
        if language.own_names:
            text = invent(language.sounds, random.Random(f"{language.code}:{word}"), set(), (2, 3))
        else:
            text = spell(language.sounds.script, word)
        words.append(text.capitalize() if language.cased else text)
    return words


def number(language: Language, value: int | str) -> str:
    """Write a number in the language's digits."""
    text = str(value)
    if language.digits == "0123456789":
        return text
    return "".join(language.digits[int(digit)] for digit in text)

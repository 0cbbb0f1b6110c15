"""MLQA exact match and F1: articles, punctuation and tokens of the answer's language."""

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache, partial

from xstilts.errors import ConfigError
from xstilts.scoring.overlap import best_match
from xstilts.tasks import PRIVATE_USE


def _words(*words: str) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(words)})\b")


ARTICLES = {
    "en": _words("a", "an", "the"),
    "es": _words("un", "una", "unos", "unas", "el", "la", "los", "las"),
    "vi": _words("của", "là", "cái", "chiếc", "những"),
    "de": _words("ein", "eine", "einen", "einem", "eines", "einer", "der", "die", "das", "den", "dem", "des"),
    "ar": re.compile("ال"),  # the official pattern meets these two letters anywhere, inside words too
    "hi": None,
    "zh": None,
}
HAN = re.compile(r"([\u4e00-\u9fa5])")


@cache
def is_punctuation(character: str) -> bool:
    """Say whether a character is ASCII punctuation or of a Unicode category P."""
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def normalize(text: str, language: str) -> str:
    """Lower, delete punctuation, put a space for the language's articles, join tokens by single spaces.

    In Chinese each Han character (U+4E00 to U+9FA5) is a token. A private-use code (a generated language) has no
    articles; another language outside MLQA's seven raises ConfigError.
    """
    if language not in ARTICLES and not PRIVATE_USE.fullmatch(language):
        raise ConfigError(f"MLQA has no rules for the language {language!r}; known: {' '.join(ARTICLES)}")
    text = "".join(character for character in text.lower() if not is_punctuation(character))
    articles = ARTICLES.get(language)
    if articles is not None:
        text = articles.sub(" ", text)
    if language == "zh":
        text = HAN.sub(r" \1 ", text)
    return " ".join(text.split())


def question_scores(predicted: str, answers: Sequence[str], language: str) -> tuple[float, float]:
    """Return MLQA's (exact match, F1) of one question, 0 to 1 (XTREME evaluate_mlqa.py, lines 21-135)."""
    return best_match(predicted, answers, partial(normalize, language=language))


def scorer(language: str) -> Callable[[str, Sequence[str]], tuple[float, float]]:
    """Return the scorer of a language."""
    return partial(question_scores, language=language)

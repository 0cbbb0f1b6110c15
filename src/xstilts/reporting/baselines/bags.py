"""Bags of words, words in common, and a small linear classifier on either, for the baselines."""

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
VOCABULARY = 1500


def _class(belongs: Callable[[int], bool]) -> str:
    """Return the code points of a kind as ranges of a character class."""
    found, first = "", None
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and belongs(code)
        if inside and first is None:
            first = code
        elif not inside and first is not None:
            found, first = f"{found}\\U{first:08x}-\\U{code - 1:08x}", None
    return found


@cache
def _word() -> re.Pattern[str]:
    """Return the pattern of a word: letters and digits with the marks on them (Mn, Mc), and U+200C and U+200D inside.

    Without its marks no Hindi word would be whole, and no decomposed Latin one; without the joiners many a Persian one.
    In scripts written without spaces each letter is a word.
    """
    marks = _class(lambda code: unicodedata.category(chr(code)) in ("Mn", "Mc") or code in (0x200C, 0x200D))
    alone = r"\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff"
    return re.compile(rf"[{alone}][{marks}]*|(?:[^\W_](?<![{alone}])[{marks}]*)+")


def words(text: str) -> list[tuple[str, int, int]]:
    """Return the words of a text, lower-cased and composed (NFC), with their first and last (exclusive) character."""
    return [
        (unicodedata.normalize("NFC", found.group().lower()), found.start(), found.end())
        for found in _word().finditer(text)
    ]


def overlap_features(rows: Sequence[Mapping[str, Any]]) -> Matrix:
    """Return what the texts of pairs have in common, without which words these are: [rows, features].

    Each is one of a few: how many words the second text has that the first lacks and the other way round, the share
    of the second's words that are in the first, the share that is in the same order there (longest common
    subsequence), the length of the second, and whether the texts begin with the same word or are the same.
    """
    found = []
    for row in rows:
        first, second = ([word for word, _, _ in words(row[name] or "")] for name in ("text_a", "text_b"))
        common, length = set(first) & set(second), max(1, len(second))
        ordered = _in_order(first, second)
        counts = (
            len(set(second) - common),
            len(set(first) - common) // 2,
            10 * sum(word in common for word in second) // length,
            10 * ordered // length,
            len(second) - ordered,
            len(second) // 3,
            int(first[:1] == second[:1]) + int(first == second),
        )
        found.append(np.concatenate([np.arange(11) == min(count, 10) for count in counts]))
    return np.array(found, dtype=np.float32)


def _in_order(first: Sequence[str], second: Sequence[str]) -> int:
    best = [0] * (len(second) + 1)
    for word in first:
        row = [0]
        for place, other in enumerate(second):
            row.append(best[place] + 1 if word == other else max(best[place + 1], row[place]))
        best = row
    return best[-1]


class Bags:
    """Turns rows into features: which frequent words each field has, and with two fields how far they share words.

    A field without a text (None: a row is one text alone) has no words.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> None:
        """Learn the vocabulary of each field: its most frequent words that occur at least twice."""
        self.fields = tuple(fields)
        self.column: dict[tuple[str, str], int] = {}
        for name in self.fields:
            counts = Counter(word for row in rows for word in {word for word, _, _ in words(row[name] or "")})
            frequent = [word for word, count in counts.items() if count > 1]
            for word in sorted(frequent, key=lambda word: (-counts[word], word))[:VOCABULARY]:
                self.column[name, word] = len(self.column)

    def features(self, rows: Sequence[Mapping[str, Any]]) -> Matrix:
        """Return features [rows, words + 4]: presence of words, shares of shared words, and a constant."""
        found = np.zeros((len(rows), len(self.column) + 4), dtype=np.float32)
        for index, row in enumerate(rows):
            bags = {name: {word for word, _, _ in words(row[name] or "")} for name in self.fields}
            for name, bag in bags.items():
                for word in bag:
                    column = self.column.get((name, word))
                    if column is not None:
                        found[index, column] = 1
            if len(bags) == 2:
                first, second = bags.values()
                shared = len(first & second)
                found[index, -4:-1] = (
                    shared / max(1, len(second)),
                    shared / max(1, len(first)),
                    float(shared == len(second)),
                )
            found[index, -1] = 1
        return found


def train_classifier(
    features: Matrix, gold: Sequence[int], classes: int, steps: int = 150, rate: float = 0.1, decay: float = 1e-3
) -> Callable[[Matrix], Matrix]:
    """Fit multinomial logistic regression by Adam on the whole matrix, and return what weighs the classes of rows."""
    targets = np.eye(classes, dtype=np.float32)[np.asarray(gold)]
    weights = np.zeros((features.shape[1], classes), dtype=np.float32)
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, steps + 1):
        logits = features @ weights
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        gradient = features.T @ (shares - targets) / np.float32(len(features)) + np.float32(decay) * weights
        first = 0.9 * first + 0.1 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        corrected = np.sqrt(second / (1 - 0.99**step)) + 1e-8
        weights -= np.float32(rate) * (first / (1 - 0.9**step)) / corrected
    return lambda matrix: matrix @ weights

"""Bags of words and a small linear classifier on them, for the baselines."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
# In scripts written without spaces each character is a word.
WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]|[^\W_]+")
VOCABULARY = 1500


def words(text: str) -> list[tuple[str, int, int]]:
    """Return the lower-cased words of a text with their first and last (exclusive) character."""
    return [(found.group().lower(), found.start(), found.end()) for found in WORD.finditer(text)]


class Bags:
    """Turns rows into features: which frequent words each field has, and with two fields how far they share words."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> None:
        """Learn the vocabulary of each field: its most frequent words that occur at least twice."""
        self.fields = tuple(fields)
        self.column: dict[tuple[str, str], int] = {}
        for name in self.fields:
            counts = Counter(word for row in rows for word in {word for word, _, _ in words(row[name])})
            frequent = [word for word, count in counts.items() if count > 1]
            for word in sorted(frequent, key=lambda word: (-counts[word], word))[:VOCABULARY]:
                self.column[name, word] = len(self.column)

    def features(self, rows: Sequence[Mapping[str, Any]]) -> Matrix:
        """Return features [rows, words + 4]: presence of words, shares of shared words, and a constant."""
        found = np.zeros((len(rows), len(self.column) + 4), dtype=np.float32)
        for index, row in enumerate(rows):
            bags = {name: {word for word, _, _ in words(row[name])} for name in self.fields}
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
) -> Callable[[Matrix], list[int]]:
    """Fit multinomial logistic regression by Adam on the whole matrix, and return what predicts class numbers."""
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
    return lambda matrix: (matrix @ weights).argmax(axis=1).tolist()

"""Exact match and F1 of two answers as bags of tokens, under a normalisation: shared by SQuAD's and MLQA's rules."""

from collections import Counter
from collections.abc import Callable, Iterable


def overlap_f1(predicted: list[str], gold: list[str]) -> float:
    """Return the F1 (0 to 1) of two bags of tokens; 0 when they share none, two empty ones included."""
    same = sum((Counter(predicted) & Counter(gold)).values())
    if not same:
        return 0.0
    precision, recall = same / len(predicted), same / len(gold)
    return 2 * precision * recall / (precision + recall)


def best_match(predicted: str, answers: Iterable[str], normalize: Callable[[str], str]) -> tuple[float, float]:
    """Return (exact match, F1), 0 to 1, each the best over the accepted answers, under a normalisation."""
    guess = normalize(predicted)
    golds = [normalize(answer) for answer in answers]
    return max(float(guess == gold) for gold in golds), max(overlap_f1(guess.split(), gold.split()) for gold in golds)

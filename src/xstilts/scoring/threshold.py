"""A threshold on mined pairs, tuned on one split and applied to others: both prediction and scoring of BUCC use it."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set

Pair = tuple[str, str]
Candidate = tuple[str, str, float]  # foreign id, English id, margin score


def repeated(texts: Mapping[str, str]) -> set[str]:
    """Return the ids whose stripped sentence occurs more than once among ``texts`` (one side, by id)."""
    stripped = {key: text.strip() for key, text in texts.items()}
    counts = Counter(stripped.values())
    return {key for key, text in stripped.items() if counts[text] > 1}


def scored_candidates(
    candidates: Sequence[Candidate], foreign: Mapping[str, str], english: Mapping[str, str]
) -> list[Candidate]:
    """Return the candidates without those on a sentence that occurs more than once on its side.

    The official scorer finds ids by sentence and forgets sentences that several ids share (utils_retrieve.py, lines
    266-280); their gold pairs stay in the gold and count as missed.
    """
    drop_foreign, drop_english = repeated(foreign), repeated(english)
    return [c for c in candidates if c[0] not in drop_foreign and c[1] not in drop_english]


def best_prefix(candidates: Sequence[Candidate], gold: Set[Pair]) -> int:
    """Return the length of the first prefix (best candidates first) with the highest F1; 0 when none is right."""
    right, best, length = 0, 0.0, 0
    for number, (foreign, english, _) in enumerate(candidates, 1):
        if (foreign, english) in gold:
            right += 1
            f1 = 2 * right / (number + len(gold))
            if f1 > best:
                best, length = f1, number
    return length


def tune_threshold(candidates: Sequence[Candidate], gold: Set[Pair]) -> float:
    """Return the threshold midway between the best prefix's last score and the next one.

    Official rule (utils_retrieve.py, bucc_optimize); 0 when no candidate is right. When the best prefix is the whole
    list, where the official code fails for want of a next score, it is the last score itself.
    """
    length = best_prefix(candidates, gold)
    if not length:
        return 0.0
    last = candidates[length - 1][2]
    return (last + candidates[length][2]) / 2 if length < len(candidates) else last


def extract(candidates: Sequence[Candidate], threshold: float) -> list[Pair]:
    """Return the pairs whose score is at least ``threshold``, best first: the submission format's lines."""
    return [(foreign, english) for foreign, english, score in candidates if score >= threshold]

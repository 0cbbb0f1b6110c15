"""SQuAD exact match and F1: version 1.1 (XQuAD, TyDiQA) and version 2.0 with questions that have no answer."""

import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize(text: str) -> str:
    """Lower, delete ASCII punctuation, put a space for a, an, the (in every language), join by single spaces."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


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


def question_scores(predicted: str, answers: Sequence[str]) -> tuple[float, float]:
    """Return SQuAD 1.1's (exact match, F1) of one question, 0 to 1 (XTREME evaluate_squad.py, lines 26-90)."""
    return best_match(predicted, answers, normalize)


def question_scores_no_answer(predicted: str, answers: Sequence[str]) -> tuple[float, float]:
    """Return SQuAD 2.0's (exact match, F1) of one question, 0 to 1.

    The empty string says that there is no answer, and is right when ``answers`` is empty. Unlike in version 1.1 two
    empty strings have F1 1, and gold answers that normalise to nothing are left out (evaluate-v2.0.py).
    """
    guess = normalize(predicted)
    golds = [gold for gold in map(normalize, answers) if gold] or [""]
    exact = max(float(guess == gold) for gold in golds)
    f1s = [overlap_f1(guess.split(), gold.split()) if guess and gold else float(guess == gold) for gold in golds]
    return exact, max(f1s)

"""SQuAD exact match and F1: version 1.1 (XQuAD, TyDiQA) and version 2.0 with questions that have no answer."""

import math
import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xstilts.scoring.overlap import best_match, overlap_f1

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize(text: str) -> str:
    """Lower, delete ASCII punctuation, put a space for a, an, the (in every language), join by single spaces."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


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


def scorer(language: str) -> Callable[[str, Sequence[str]], tuple[float, float]]:
    """Return the scorer of version 1.1, which is the same for every language."""
    return question_scores


def dev_score(predictions: Mapping[str, str], rows: Sequence[Mapping[str, Any]], no_answer: bool) -> float:
    """Return the mean of exact match and F1 in percent, by the rules of version 2.0 when there may be no answer."""
    score = question_scores_no_answer if no_answer else question_scores
    values = [score(predictions[row["id"]], [answer["text"] for answer in row["answers"]]) for row in rows]
    return 50 * math.fsum(exact + f1 for exact, f1 in values) / len(values)


def dev_name(no_answer: bool) -> str:
    """Say in words what ``dev_score`` returns."""
    return "mean of exact match and F1"


def distinct(predictions: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> tuple[set[str], set[str]]:
    """Return the different answers among the predictions and in the gold; "" stands for none."""
    return set(predictions.values()), {row["answers"][0]["text"] if row["answers"] else "" for row in rows}

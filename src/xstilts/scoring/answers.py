"""Scores of answers: exact match and F1 by the rules of their data set, SQuAD's or MLQA's."""

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from xstilts.scoring.common import Found, Rows, Scores, each_split, summed
from xstilts.scoring.reading import Question, read_answers
from xstilts.tasks import Task

QuestionScorer = Callable[[str, Sequence[str]], tuple[float, float]]


def answer_scores(
    predicted: Mapping[str, str],
    questions: Sequence[Question],
    question_scores: QuestionScorer,
) -> Scores:
    """Score answers: exact match and F1, where a question without a prediction counts as wrong and is counted."""
    values = [
        question_scores(predicted[question.id], question.answers) if question.id in predicted else (0.0, 0.0)
        for question in questions
    ]
    exact, f1 = [value[0] for value in values], [value[1] for value in values]
    known = {question.id for question in questions}
    return {
        "metrics": {"f1": 100 * math.fsum(f1) / len(values), "exact_match": 100 * math.fsum(exact) / len(values)},
        "examples": len(values),
        "extra": {"missing": len(known - predicted.keys()), "unknown": len(predicted.keys() - known)},
        "items": summed(
            [question.passage for question in questions], {"exact_match": exact, "f1": f1, "total": [1] * len(values)}
        ),
    }


def question_scorer(entry: Task, language: str) -> QuestionScorer:
    """Return the question scorer of a task in a language, from the module that the registry names."""
    scorer: QuestionScorer = importlib.import_module(f"xstilts.scoring.{entry.scoring[1]}").scorer(language)
    return scorer


def with_no_answer(scorer: QuestionScorer) -> QuestionScorer:
    """Return a scorer to which a question without an answer is right with none (SQuAD 2.0, evaluate-v2.0.py)."""

    def scored(predicted: str, answers: Sequence[str]) -> tuple[float, float]:
        if answers:
            return scorer(predicted, answers)
        silent, _ = scorer(predicted, [""])  # two empty texts are the same, and have no word in common
        return silent, silent

    return scored


def score_splits(entry: Task, language: str, predictions: Mapping[str, Path], gold: Mapping[str, Rows]) -> Found:
    """Score every split of one language from its prediction files (see `xstilts.scoring.evaluate`)."""
    return each_split(predictions, gold, partial(_score, question_scorer(entry, language)))


def _score(scorer: QuestionScorer, path: Path, rows: Rows) -> Scores | None:
    questions = [
        Question(row["id"], row["group"], tuple(answer["text"] for answer in row["answers"]))
        for row in rows
        if row["answers"] or row["impossible"]
    ]
    if not questions:
        return None
    predicted = read_answers(path).texts
    scores = answer_scores(predicted, questions, with_no_answer(scorer))
    scores["extra"]["unknown"] = len(predicted.keys() - {row["id"] for row in rows})
    return scores

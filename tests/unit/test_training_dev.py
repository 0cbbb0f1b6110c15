"""The dev score that chooses checkpoints."""

from typing import Any

import pytest

from xstilts.training.dev import collapsed, dev_score


def question(number: int, *answers: str) -> dict[str, Any]:
    return {"id": f"q{number}", "group": "p", "answers": [{"text": answer, "start": 0} for answer in answers]}


def test_labels_and_choices_are_scored_by_accuracy() -> None:
    assert dev_score("mnli", "classification", ["0", "1"], [{"label": "0"}, {"label": "0"}]) == 50
    assert dev_score("csqa", "multiple_choice", [2, 1], [{"label": 2}, {"label": 0}]) == 50


def test_tags_are_scored_by_spans_and_supertags_by_token() -> None:
    rows = [{"tags": ["NP/N", "N"]}]
    assert dev_score("ccg", "tagging", [["NP/N", "NP"]], rows) == 50
    assert dev_score("udpos", "tagging", [["NP/N", "N"]], rows) == 100
    assert dev_score("udpos", "tagging", [["X", "X"]], [{"tags": ["X", "Y"]}]) == 0, "one span, of the wrong length"


def test_answers_are_scored_by_the_mean_of_exact_match_and_f1() -> None:
    questions = [question(0, "the dog"), question(1)]
    assert dev_score("squad2", "span_qa", {"q0": "dog", "q1": ""}, questions) == 100
    found = dev_score("squad2", "span_qa", {"q0": "dog barks", "q1": "x"}, questions)
    assert found == pytest.approx(100 * (2 / 3) / 2 / 2)
    assert dev_score("squad", "span_qa", {"q0": "a dog"}, questions[:1]) == 100


def test_one_answer_to_everything_is_a_collapse() -> None:
    assert collapsed("classification", ["a", "a"], [{"label": "a"}, {"label": "b"}])
    assert not collapsed("classification", ["a", "a"], [{"label": "a"}, {"label": "a"}])
    assert collapsed("tagging", [["X", "X"]], [{"tags": ["X", "Y"]}])
    assert collapsed("span_qa", {"q0": "", "q1": ""}, [question(0, "dog"), question(1, "cat")])

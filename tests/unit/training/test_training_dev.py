"""The dev score that chooses checkpoints."""

from typing import Any

import pytest

from xstilts.training.dev import collapsed, dev_score


def part(family: str, **options: bool) -> dict[str, Any]:
    return {"family": family, "by_token": False, "no_answer": False, **options}


def question(number: int, *answers: str) -> dict[str, Any]:
    return {"id": f"q{number}", "group": "p", "answers": [{"text": answer, "start": 0} for answer in answers]}


def test_labels_and_choices_are_scored_by_accuracy() -> None:
    assert dev_score(part("classification"), ["0", "1"], [{"label": "0"}, {"label": "0"}]) == 50
    assert dev_score(part("multiple_choice"), [2, 1], [{"label": 2}, {"label": 0}]) == 50


def test_tags_are_scored_by_spans_and_supertags_by_token() -> None:
    rows = [{"tags": ["NP/N", "N"]}]
    assert dev_score(part("tagging", by_token=True), [["NP/N", "NP"]], rows) == 50
    assert dev_score(part("tagging"), [["NP/N", "N"]], rows) == 100
    assert dev_score(part("tagging"), [["X", "X"]], [{"tags": ["X", "Y"]}]) == 0, "one span, of the wrong length"


def test_answers_are_scored_by_the_mean_of_exact_match_and_f1() -> None:
    questions = [question(0, "the dog"), question(1)]
    assert dev_score(part("span_qa", no_answer=True), {"q0": "dog", "q1": ""}, questions) == 100
    found = dev_score(part("span_qa", no_answer=True), {"q0": "dog barks", "q1": "x"}, questions)
    assert found == pytest.approx(100 * (2 / 3) / 2 / 2)
    assert dev_score(part("span_qa"), {"q0": "a dog"}, questions[:1]) == 100


def test_one_answer_to_everything_is_a_collapse() -> None:
    assert collapsed(part("classification"), ["a", "a"], [{"label": "a"}, {"label": "b"}])
    assert not collapsed(part("classification"), ["a", "a"], [{"label": "a"}, {"label": "a"}])
    assert collapsed(part("tagging"), [["X", "X"]], [{"tags": ["X", "Y"]}])
    assert collapsed(part("span_qa"), {"q0": "", "q1": ""}, [question(0, "dog"), question(1, "cat")])

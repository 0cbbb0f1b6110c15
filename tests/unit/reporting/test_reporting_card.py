"""The piece of a model card: scores by task and language, published numbers only where they compare."""

from dataclasses import replace
from typing import Any

from reporting_examples import NINE, frame, published, score_rows

from xstilts.reporting.aggregate import index_scores
from xstilts.reporting.main.results import Results
from xstilts.reporting.published import read_published
from xstilts.reporting.tables.card import BY_LANGUAGE, _by_language, card

PAPER = {"layer": None, "pooling": "mean", "prefix": "", "normalise": True, "paper": True}
SETTINGS: dict[str, Any] = {"recipe": "paper", "changed": [], "limit": None, "retrieval": PAPER, "layers": {"mine": 6}}


def results(*lacking: str, **fields: Any) -> Results:
    """All tasks with 50 in every language; of Tatoeba and BUCC the published numbers, one more each."""
    rows = []
    for task, entry in NINE.items():
        for metric in entry["metrics"]:
            for language in entry["languages"]:
                if f"{task}/{language}" not in lacking:
                    values = {("none", task, metric): 50.0}
                    rows += score_rows(values, model="mine", language=language, split=entry["splits"][-1])
    for row in published("by_language/xlmr_large_retrieval.csv"):
        values = {("none", row["task"], row["metric"]): float(row["value"]) + 1}
        rows = [one for one in rows if (one[3], one[4], one[5]) != (row["task"], row["language"], row["split"])]
        rows += score_rows(values, model="mine", language=row["language"], split=row["split"])
    return Results("mine", index_scores(frame(rows), "mine"), ["none"], NINE, **fields)


def made(found: Results, **settings: Any) -> str:
    return card(SETTINGS | settings, found, read_published(), _by_language(BY_LANGUAGE))


def test_published_numbers_stand_beside_whole_scores_on_the_same_split() -> None:
    text = made(results())
    assert text.startswith("## XTREME: mine\n")
    assert "| task | mine | XLM-R Large |" in text
    for line in ("| XNLI | 50.0 | 79.2 |", "| POS | 50.0 | 72.6 |", "| XQuAD EM | 50.0 | 60.8 |"):
        assert line in text, line
    assert "| Avg. |" in text and "| 68.1 |" in text.partition("| Avg. |")[2].partition("\n")[0] + "|"
    assert "One seed (1)." in text and "as in the paper" in text
    assert "trained on the English data of each task" in text and "(BUCC, Tatoeba: without training)" in text
    assert "mine is the first 6 blocks of its encoder." in text


def test_an_encoder_that_no_task_trained_is_not_said_to_be_trained() -> None:
    retrieval = {name: NINE[name] for name in ("bucc2018", "tatoeba")}
    text = made(replace(results(), tasks=retrieval))
    assert "Scored as it is, without training on any task." in text and "trained on the English" not in text
    assert "| Avg. of 2 tasks, as far as they are there |" in text


def test_single_languages_stand_beside_those_that_are_published() -> None:
    text = made(results())
    bucc = text.partition("<summary>BUCC, dev</summary>")[2].partition("</details>")[0]
    assert "| language | mine (f1) | XLM-R Large |" in bucc and "| de | 78.7 | 77.7 |" in bucc
    xnli = text.partition("<summary>XNLI, test</summary>")[2].partition("</details>")[0]
    assert "| language | mine (accuracy) |" in xnli and "| sw | 50.0 |" in xnli
    assert "| language | mine (F1) | mine (EM) |" in text


def test_a_part_of_the_examples_stands_beside_no_published_number() -> None:
    text = made(results(), limit=200)
    assert "| XNLI | 50.0 | – |" in text and "| language | mine (f1) |\n" in text
    assert "ours is of the first 200 examples of each language alone" in text


def test_a_score_that_lacks_a_language_is_marked_and_compared_with_nothing() -> None:
    text = made(results("xnli/sw"))
    assert "| XNLI | 50.0° | – |" in text and "° not in all of the task's languages." in text
    assert "| Avg. of 9 tasks, as far as they are there |" in text and "68.1" not in text


def test_other_sentence_vectors_and_generated_languages_are_compared_with_nothing() -> None:
    other = made(results(), retrieval=PAPER | {"layer": "last", "paper": False})
    assert "| XNLI | 50.0 | 79.2 |" in other and "| Tatoeba | " in other
    assert other.partition("| Tatoeba | ")[2].split("\n")[0].endswith("| – |") and "77.7" not in other
    assert "mean over tokens after the last block" in other and "not for retrieval" in other
    generated = made(results(generated=True))
    assert "79.2" not in generated and "77.7" not in generated and "Generated languages" in generated

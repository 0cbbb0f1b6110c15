"""String and tag vectors measured with the official functions, and the rules around them."""

import pytest

from xstilts.errors import ConfigError
from xstilts.scoring import bucc, mlqa, spans, squad, threshold

# language, prediction, gold, MLQA F1 and EM, SQuAD F1 and EM
ANSWERS = [
    ("es", "la casa blanca", "casa blanca", 1, 1, 0.8, 0),
    ("de", "der Hund", "Hund", 1, 1, 2 / 3, 0),
    ("ar", "الكتاب", "كتاب", 1, 1, 0, 0),
    ("ar", "مال", "م", 1, 1, 0, 0),
    ("hi", "नई दिल्ली।", "नई दिल्ली", 1, 1, 0.5, 0),
    ("vi", "những con mèo", "con mèo", 1, 1, 0.8, 0),
    ("zh", "北京大学", "北京", 2 / 3, 0, 0, 0),
    ("zh", "2008年8月8日", "2008年", 0.5, 0, 0, 0),
    ("zh", "iPhone手机", "iPhone", 0.5, 0, 0, 0),
    ("zh", "《红楼梦》", "红楼梦", 1, 1, 0, 0),
    ("en", "", "", 0, 1, 0, 1),
    ("en", "a", "the", 0, 1, 0, 1),
    ("en", "“quoted”", "quoted", 1, 1, 0, 0),
    ("en", "1,000", "1000", 1, 1, 1, 1),
    ("de", "50 €", "50", 2 / 3, 0, 2 / 3, 0),
    ("en", "$50+", "50", 1, 1, 1, 1),
]


@pytest.mark.parametrize(("language", "guess", "gold", "mlqa_f1", "mlqa_exact", "squad_f1", "squad_exact"), ANSWERS)
def test_answer_vectors(
    language: str, guess: str, gold: str, mlqa_f1: float, mlqa_exact: float, squad_f1: float, squad_exact: float
) -> None:
    assert mlqa.question_scores(guess, [gold], language) == pytest.approx((mlqa_exact, mlqa_f1))
    assert squad.question_scores(guess, [gold]) == pytest.approx((squad_exact, squad_f1))


def test_best_answer_is_taken_separately_for_exact_match_and_f1() -> None:
    assert squad.question_scores("New York", ["new york!", "New York City"]) == (1.0, 1.0)
    assert squad.question_scores("York", ["New York", "London"]) == (0.0, pytest.approx(2 / 3))


def test_mlqa_refuses_a_language_without_rules_but_not_a_generated_one() -> None:
    with pytest.raises(ConfigError, match="fr"):
        mlqa.normalize("le chat", "fr")
    assert mlqa.normalize("The, Ka-ro", "qaa") == "the karo"


@pytest.mark.parametrize(
    ("guess", "answers", "exact", "f1"),
    [
        ("", [], 1, 1),
        ("Paris", [], 0, 0),
        ("", ["Paris"], 0, 0),
        ("the Paris", ["Paris", "Lyon"], 1, 1),
        ("Paris France", ["Paris"], 0, 2 / 3),
        ("Paris", ["the", "Paris"], 1, 1),
        ("", ["the"], 1, 1),
        ("", ["the", "Paris"], 0, 0),
    ],
)
def test_squad_with_no_answer(guess: str, answers: list[str], exact: float, f1: float) -> None:
    assert squad.question_scores_no_answer(guess, answers) == pytest.approx((exact, f1))


@pytest.mark.parametrize(
    ("gold", "guess", "f1"),
    [
        ("NOUN NOUN VERB", "NOUN VERB VERB", 0),
        ("CCONJ NOUN", "SCONJ NOUN", 50),
        ("INTJ INTJ", "INTJ NOUN", 0),
        ("DET NOUN AUX", "DET NOUN AUX", 100),
        ("O I-PER I-PER", "O B-PER I-PER", 100),
        ("O O", "O O", 0),
    ],
)
def test_span_vectors(gold: str, guess: str, f1: float) -> None:
    assert spans.span_f1([guess.split()], [gold.split()]) == pytest.approx(f1)


def test_spans() -> None:
    assert spans.spans(["SCONJ", "SCONJ", "NOUN", "NOUN"]) == [("SCONJ", 0, 0), ("SCONJ", 1, 1), ("NOUN", 2, 3)]
    assert spans.spans(["B-LOC", "I-LOC", "B-LOC", "I-ORG", "O"]) == [("LOC", 0, 1), ("LOC", 2, 2), ("ORG", 3, 3)]
    assert spans.spans(["S-PER", "I-PER", "E-PER", "I-PER"]) == [("PER", 0, 0), ("PER", 1, 2), ("PER", 3, 3)]
    assert spans.token_accuracy([["NOUN", "VERB", "VERB"]], [["NOUN", "NOUN", "VERB"]]) == pytest.approx(200 / 3)


def test_spans_do_not_cross_sentences() -> None:
    assert spans.span_f1([["NOUN"], ["NOUN"]], [["NOUN"], ["NOUN"]]) == 100
    assert spans.count_sentence(["NOUN"], ["NOUN"]).gold == 1


CANDIDATES = [("a", "1", 1.3), ("b", "2", 1.2), ("c", "9", 1.1), ("d", "4", 1.05), ("e", "8", 0.9)]
GOLD = {("a", "1"), ("b", "2"), ("d", "4"), ("f", "6")}


def test_bucc_threshold_vector() -> None:
    tuned = threshold.tune_threshold(CANDIDATES, GOLD)
    pairs = threshold.extract(CANDIDATES, tuned)
    assert tuned == pytest.approx(0.975)
    assert len(pairs) == 4
    assert bucc.pair_scores(set(pairs), GOLD) == pytest.approx((75, 75, 75))


def test_bucc_threshold_when_all_candidates_are_kept() -> None:
    candidates = CANDIDATES[:2]
    assert threshold.extract(candidates, threshold.tune_threshold(candidates, GOLD)) == [("a", "1"), ("b", "2")]


def test_of_two_prefixes_with_the_best_f1_bucc_takes_the_first() -> None:
    candidates = [("a", "1", 1.4), ("b", "9", 1.3), ("c", "9", 1.2), ("d", "4", 1.1), ("e", "8", 0.9)]
    gold = {("a", "1"), ("d", "4")}  # F1 is 2/3 after one and after four
    assert threshold.best_prefix(candidates, gold) == 1
    assert threshold.tune_threshold(candidates, gold) == pytest.approx(1.35)


def test_bucc_without_a_right_candidate() -> None:
    assert threshold.tune_threshold(CANDIDATES, {("x", "y")}) == 0
    assert threshold.tune_threshold([], GOLD) == 0
    assert bucc.pair_scores(set(), GOLD) == (0, 0, 0)


def test_bucc_leaves_repeated_sentences_out() -> None:
    foreign = {"a": "same ", "b": "same", "c": "other"}
    kept = threshold.scored_candidates([("a", "1", 2.0), ("c", "2", 1.0)], foreign, {"1": "x", "2": "y"})
    assert kept == [("c", "2", 1.0)]

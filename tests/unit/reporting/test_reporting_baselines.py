"""Baselines know what they may know: chance where nothing can be known, more where the data give it away."""

import itertools
import random
import unicodedata

import pytest

from xstilts.reporting.baselines.bags import words
from xstilts.reporting.baselines.chance import chance_levels, not_above_chance
from xstilts.reporting.baselines.families import baseline_scores
from xstilts.reporting.baselines.rankings import Searched, expected
from xstilts.scoring.rankings import average_precision, reciprocal_rank

NLI = {"family": "classification", "metrics": ["accuracy"]}
TAGS = {"family": "tagging", "metrics": ["f1"]}
QA = {"family": "span_qa", "metrics": ["f1", "exact_match"], "scoring": ["answers", "squad"]}


def table(rows):
    return {(row["language"], row["split"], row["metric"], row["baseline"]): row["value"] for row in rows}


def pairs(count, seed, leak):
    """Pairs whose label is in the second sentence (leak) or only in whether the words are the same."""
    draw = random.Random(seed)
    rows = []
    for index in range(count):
        label = draw.choice(["entailment", "neutral"])
        words = draw.sample(["river", "stone", "tower", "garden", "bridge", "market", "forest", "castle"], 3)
        other = words if label == "entailment" else draw.sample(["lamp", "chair", "clock", "plate", "spoon"], 3)
        first, second = " ".join(words), " ".join(other)
        if leak:
            first, second = "a b c", "yes indeed" if label == "entailment" else "perhaps so"
        rows.append({"id": str(index), "text_a": first, "text_b": second, "label": label})
    return rows


def test_text_blind_finds_a_leak_in_the_second_sentence():
    rows = table(baseline_scores("xnli", NLI, pairs(400, 1, True), {("en", "dev"): pairs(200, 2, True)}))
    assert rows["en", "dev", "accuracy", "text_blind"] == 100
    assert rows["en", "dev", "accuracy", "random"] == 50
    assert 50 <= rows["en", "dev", "accuracy", "majority"] < 65


def test_bag_of_words_sees_shared_words_in_another_language():
    train = pairs(400, 1, False)
    other = [
        {"id": "1", "text_a": "Anna zulu", "text_b": "anna Zulu", "label": "entailment"},
        {"id": "2", "text_a": "Anna zulu", "text_b": "bert xo", "label": "neutral"},
        {"id": "3", "text_a": "Anna zulu", "text_b": "x", "label": None},
    ]
    rows = baseline_scores("xnli", NLI, train, {("qaa", "dev"): other})
    assert table(rows)["qaa", "dev", "accuracy", "bag_of_words"] == 100
    assert {row["examples"] for row in rows} == {2}


def test_a_text_alone_has_words_and_no_second_text():
    rows = [row | {"text_a": row["text_b"], "text_b": None} for row in pairs(400, 1, True)]
    found = table(baseline_scores("moods", NLI, rows[:300], {("en", "dev"): rows[300:]}))
    assert found["en", "dev", "accuracy", "bag_of_words"] == 100
    assert found["en", "dev", "accuracy", "text_blind"] < 65, "nothing to see"


def test_marks_belong_to_the_word_that_carries_them():
    decomposed = unicodedata.normalize("NFD", "déjà vu")
    for text in ("हिन्दी में किताबें", "বাংলা ভাষা", "தமிழ் மொழி", "می\u200cخواهم کتاب\u200cها", decomposed):
        found = words(text)
        assert [text[first:last] for _, first, last in found] == text.split(), text
    assert [word for word, _, _ in words(decomposed)] == ["déjà", "vu"], "composed, as the same word elsewhere may be"
    assert [word for word, _, _ in words("中文字abcก่อ")] == ["中", "文", "字", "abc", "ก่", "อ"]


def test_overlap_sees_words_in_common_and_no_word():
    rows = table(baseline_scores("xnli", NLI, pairs(400, 1, False), {("en", "dev"): pairs(200, 2, False)}))
    assert rows["en", "dev", "accuracy", "overlap"] == 100
    rows = table(baseline_scores("xnli", NLI, pairs(400, 1, True), {("en", "dev"): pairs(200, 2, True)}))
    assert rows["en", "dev", "accuracy", "overlap"] < 65


def test_tagging_baselines():
    train = [
        {"id": str(index), "tokens": ["the", "dog", "runs", f"fast{index}"], "tags": ["DET", "NOUN", "VERB", "ADV"]}
        for index in range(9)
    ]
    train.append({"id": "x", "tokens": ["the", "the"], "tags": ["DET", "DET"]})
    test = [{"id": "1", "tokens": ["dog", "the", "new"], "tags": ["NOUN", "DET", "ADV"]}]
    rows = table(baseline_scores("udpos", TAGS, train, {("qaa", "test"): test}))
    assert rows["qaa", "test", "f1", "bag_of_words"] == 100
    assert rows["qaa", "test", "f1", "majority"] == 0  # DET throughout is one span of three words
    assert rows["qaa", "test", "f1", "text_blind"] == 0


def test_question_answering_baselines():
    def row(index, context, question, answer):
        start = context.index(answer)
        return {
            **{"id": str(index), "context": context, "question": question, "impossible": False},
            "answers": [{"text": answer, "start": start}],
        }

    train = [row(i, f"In {1900 + i} the town was built.", "When was the town built?", str(1900 + i)) for i in range(30)]
    filler = "many things happened there and nobody wrote them down for a very long time indeed "
    far = row(
        1, f"{filler * 2}; the old harbour was opened in 1950 by Ida; {filler}", "Who opened the old harbour?", "Ida"
    )
    rows = table(baseline_scores("xquad", QA, train, {("en", "test"): [train[3], far]}))
    assert rows["en", "test", "exact_match", "text_blind"] == 50
    assert rows["en", "test", "f1", "majority"] == 0
    assert {name for _, _, _, name in rows} == {"majority", "random", "text_blind", "bag_of_words"}


def side(kind, texts, matches):
    return [
        {"id": f"{kind}{i}", "side": kind, "text": text, "matches": match}
        for i, (text, match) in enumerate(zip(texts, matches, strict=True))
    ]


def test_retrieval_by_accuracy():
    english = ["Ida saw 17 birds", "Otto built a very long wooden house near Rom", "Rex sings"]
    foreign = ["lu Ida 17 pik", "Rex mo", "Otto ba du zulu wen rono hatti parle ko Rom"]
    rows = side("english", english, [["foreign0"], ["foreign2"], ["foreign1"]])
    rows += side("foreign", foreign, [["english0"], ["english2"], ["english1"]])
    entry = {"family": "retrieval", "metrics": ["accuracy"]}
    found = table(baseline_scores("tatoeba", entry, [], {("qaa", "test"): rows}))
    assert found["qaa", "test", "accuracy", "random"] == pytest.approx(100 / 3)
    assert found["qaa", "test", "accuracy", "bag_of_words"] == 100
    assert found["qaa", "test", "accuracy", "text_blind"] == 100


def test_mining_takes_its_threshold_from_dev():
    english = ["Ida saw 17 birds", "nobody knows this", "Rex sings 4 songs"]
    foreign = ["lu Ida 17 pik", "Rex mo 4", "za zo zu zi"]
    rows = side("english", english, [["foreign0"], [], ["foreign1"]])
    rows += side("foreign", foreign, [["english0"], ["english2"], []])
    entry = {"family": "retrieval", "metrics": ["f1"]}
    found = table(baseline_scores("bucc2018", entry, [], {("qaa", "dev"): rows, ("qaa", "test"): rows}))
    assert found["qaa", "test", "f1", "bag_of_words"] == 100
    assert 0 < found["qaa", "test", "f1", "random"] < 50


def test_the_same_numbers_whatever_the_order_of_training_rows():
    train, test = pairs(300, 1, False), {("en", "dev"): pairs(100, 2, False)}
    assert baseline_scores("xnli", NLI, train, test) == baseline_scores("xnli", NLI, train[::-1], test)


def test_cells_that_do_not_beat_chance():
    rows = [
        {"task": "xnli", "language": code, "split": "dev", "metric": "accuracy", "baseline": name, "value": value}
        for code, name, value in (
            ("en", "majority", 40.0),
            ("en", "random", 33.3),
            ("en", "bag_of_words", 90.0),
            ("de", "majority", 36.0),
            ("qaf", "majority", 10.0),
        )
    ]
    assert chance_levels(rows)["xnli", "en", "dev", "accuracy"] == 40
    assert chance_levels(rows)["xnli", "de", "dev", "accuracy"] == 36
    intervals = [
        {"source": "none", "task": "xnli", "metric": "accuracy", "split": "dev", "lower": 38.5},
        {"source": "mnli", "task": "xnli", "metric": "accuracy", "split": "dev", "lower": 37.5},
        {"source": "qqp", "task": "xnli", "metric": "accuracy", "split": "dev", "lower": None},
    ]
    assert not_above_chance(intervals, rows, {"xnli": NLI | {"languages": ("en", "de")}}) == {("mnli", "xnli")}


def choices(count, seed, leak):
    """Questions of two to four choices, of which the right one repeats the prompt's word or (leak) says so."""
    draw = random.Random(seed)
    words = ["river", "stone", "tower", "garden", "bridge", "market", "forest", "castle"]
    rows = []
    for index in range(count):
        word, *others = draw.sample(words, draw.choice([2, 3, 4]))
        right = draw.randrange(len(others) + 1)
        texts = [f"the {other}" for other in others]
        texts.insert(right, "certainly so" if leak else f"the {word}")
        rows.append({"id": str(index), "prompt": f"where is the {word}", "choices": texts, "label": right})
    return rows


def test_multiple_choice_baselines_take_any_number_of_choices():
    entry = {"family": "multiple_choice", "metrics": ["accuracy"]}
    test = [*choices(90, 2, False), {"id": "x", "prompt": "a", "choices": ["b", "c"], "label": None}]
    rows = baseline_scores("xcopa", entry, choices(300, 1, False), {("qaa", "test"): test})
    found = table(rows)
    assert {row["examples"] for row in rows} == {90}
    assert found["qaa", "test", "accuracy", "bag_of_words"] == 100
    expected = 100 * sum(1 / len(row["choices"]) for row in test[:-1]) / 90
    assert found["qaa", "test", "accuracy", "random"] == pytest.approx(expected)
    assert found["qaa", "test", "accuracy", "text_blind"] < 60
    leaking = table(baseline_scores("xcopa", entry, choices(300, 1, True), {("qaa", "test"): choices(90, 2, True)}))
    assert leaking["qaa", "test", "accuracy", "text_blind"] == 100


@pytest.mark.parametrize("metric", ["ap20", "mrr20"])
def test_a_random_ranking_scores_what_all_orders_score_on_average(metric: str) -> None:
    score = reciprocal_rank if metric == "mrr20" else average_precision
    for candidates, targets in ((6, 1), (6, 3), (5, 5)):
        orders = itertools.permutations(range(candidates))
        values = [score([*map(str, order)], {*map(str, range(targets))}) for order in orders]
        assert expected(metric, candidates, targets) == pytest.approx(sum(values) / len(values))
    assert expected(metric, 10**6, 1) == pytest.approx(sum(1 / place for place in range(1, 21)) / 10**6)


def test_rankings_have_a_baseline_that_compares_words_where_candidates_are_few() -> None:
    candidates = [{"id": f"en-{i}", "text": text} for i, text in enumerate(("the sun", "a small dog", "the dog"))]
    rows = [
        {"id": "q", "text": "small dog", "targets": ["en-1", "de-1"]},
        {"id": "r", "text": "dog", "targets": ["en-0"]},
    ]
    entry = {"family": "dual_encoder", "metrics": ["ap20"], "scoring": ["lareqa"]}
    found = {
        row["baseline"]: row["value"]
        for row in baseline_scores(
            "lareqa", entry | {"searched": Searched(3, candidates)}, rows, {("en", "test"): rows}
        )
    }
    assert found["bag_of_words"] == pytest.approx(100 * (1 / 2 + 0) / 2), "one of two answers first, and none of one"
    assert 0 < found["random"] < 100
    many = baseline_scores("lareqa", entry | {"searched": Searched(10**6)}, rows, {("en", "test"): rows})
    assert [row["baseline"] for row in many] == ["random"]

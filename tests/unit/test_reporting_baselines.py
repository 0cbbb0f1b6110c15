"""Baselines know what they may know: chance where nothing can be known, more where the data give it away."""

import random

import pytest

from xstilts.reporting.baselines import baseline_scores, chance_levels, not_above_chance

NLI = {"family": "classification", "metrics": ["accuracy"]}
TAGS = {"family": "tagging", "metrics": ["f1"]}
QA = {"family": "span_qa", "metrics": ["f1", "exact_match"]}


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
        )
    ]
    assert chance_levels(rows) == {("xnli", "en", "dev", "accuracy"): 40, ("xnli", "de", "dev", "accuracy"): 36}
    intervals = [
        {"source": "none", "task": "xnli", "metric": "accuracy", "split": "dev", "lower": 38.5},
        {"source": "mnli", "task": "xnli", "metric": "accuracy", "split": "dev", "lower": 37.5},
        {"source": "qqp", "task": "xnli", "metric": "accuracy", "split": "dev", "lower": None},
    ]
    assert not_above_chance(intervals, rows, {"xnli": NLI}) == {("mnli", "xnli")}

"""Span QA: windows, offsets and decoding; gold spans go to features and back, also on the real files."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from data_files import mirror
from data_files import rows as prepared
from family_tokenizers import LINES, bert, characters, pieces
from tokenizers import normalizers

from xstilts.errors import ConfigError
from xstilts.families import span_qa
from xstilts.families.features import Features, FeatureSettings, lengths
from xstilts.files import read_json
from xstilts.scoring.mlqa import question_scores as mlqa_scores
from xstilts.scoring.squad import question_scores as squad_scores

CONTEXT = " ".join(LINES)


def question(name: str, text: str, context: str = CONTEXT, impossible: bool = False) -> dict:
    answers = [] if impossible else [{"text": text, "start": context.index(text)}]
    return {"id": name, "context": context, "question": "Who?", "answers": answers, "impossible": impossible}


def gold_logits(features: Features) -> list[np.ndarray]:
    """Return the logits of a model that is sure of the gold start and end, and knows nothing but the two."""
    logits = np.zeros((len(features.input_ids), 2), np.float32)
    for column, name in enumerate(("start", "end")):
        logits[features.offsets[:-1] + features.targets[name], column] = 1
    return np.split(logits, features.offsets[1:-1])


def test_answers_come_back_to_the_character_in_every_script() -> None:
    answers = (
        "fox", "The quick brown fox", "1987", "(many lines of it)", "zurück", "perro perezoso", "الكلب الكسول",
        "حديقة", "तेज़ भूरी लोमड़ी", "शहर", "สุนัขขี้เกียจ", "懒狗", "狗", "城市的花园", "のろまな犬", "여우가",
    )  # fmt: skip
    rows = [question(str(i), text) for i, text in enumerate(answers)]
    settings = FeatureSettings(max_length=64, doc_stride=20, max_query_length=8, max_answer_length=40)
    features = span_qa.featurise(rows, characters(LINES), settings)
    assert features.context["exact"].all()
    predictions = span_qa.decode(gold_logits(features), features, rows, settings)
    assert predictions == {str(i): text for i, text in enumerate(answers)}


@pytest.mark.parametrize("make", [pieces, bert])
@pytest.mark.parametrize(
    "text", ["fox jumps", "dog", "läuft in den Garten", "ciudad", "الكلب", "शहर", "城市的花园里", "개를"]
)
def test_blanks_before_a_word_are_no_part_of_the_answer(make, text: str) -> None:
    rows = [question("0", text), question("1", text, f"  {text} \u3000 {CONTEXT}")]
    settings = FeatureSettings(max_length=96, max_query_length=8, max_answer_length=60)
    features = span_qa.featurise(rows, make(), settings)
    found = span_qa.decode(gold_logits(features), features, rows, settings)
    if features.context["exact"].all():
        assert found == {"0": text, "1": text}
    else:  # a boundary inside a piece: the shortest run of pieces that holds the answer
        assert all(text in answer and len(answer) < len(text) + 6 for answer in found.values())


def test_combining_marks_and_invisible_characters_go_with_the_piece_before() -> None:
    context = "The cafe\u0301 of [1]\u200b Asia, \u1112\u1161\u11ab and\u200bmore \ufb01sh"
    rows = [
        question(text, text, context) for text in ("cafe\u0301", "[1]\u200b", "\u1112\u1161\u11ab", "more", "\ufb01sh")
    ]
    settings = FeatureSettings(max_length=128, max_query_length=8, max_answer_length=60)
    tokenizer = characters([normalizers.NFKC().normalize_str(context)])
    tokenizer.backend.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    features = span_qa.featurise(rows, tokenizer, settings)
    assert features.context["exact"].all()
    found = span_qa.decode(gold_logits(features), features, rows, settings)
    assert found == {row["id"]: row["id"] for row in rows}


def test_windows_cover_the_context_and_each_piece_is_central_once() -> None:
    rows = [question(str(i), "fox", " ".join(LINES[: i + 1]) * 3) for i in range(8)]
    settings = FeatureSettings(max_length=50, doc_stride=12, max_query_length=3)
    features = span_qa.featurise(rows, pieces(), settings)
    assert lengths(features).max() == 50
    ids = [pieces().backend.encode(row["context"], add_special_tokens=False).ids for row in rows]
    shown = features.context["chars"][:, 0] >= 0
    rows_of = np.repeat(features.example, lengths(features))
    for i, row in enumerate(rows):
        central = features.context["central"] & (rows_of == i)
        assert features.input_ids[central & shown].size == len(ids[i])
        windows = np.flatnonzero(features.example == i)
        parts = [
            features.input_ids[a:b] for a, b in np.stack([features.offsets[windows], features.offsets[windows + 1]]).T
        ]
        head = 1 + 3 + 2
        assert all(part[head - 2 : head].tolist() == [2, 2] and part[-1] == 2 for part in parts)
        inner = [part[head:-1].tolist() for part in parts]
        begin = 0
        for number, window in enumerate(inner):
            assert window == ids[i][begin : begin + 50 - head - 1], (row["id"], number)
            begin += 12
        assert inner[-1] == ids[i][-len(inner[-1]) :]


def test_an_answer_outside_a_window_points_at_the_first_token() -> None:
    row = question("0", "花园里睡觉")
    features = span_qa.featurise([row], characters(LINES), FeatureSettings(100, doc_stride=30, max_query_length=4))
    start, end = features.targets["start"], features.targets["end"]
    assert (start == 0).any() and (start > 0).any() and ((start > 0) == (end > 0)).all()
    for i in np.flatnonzero(start):
        chars = features.context["chars"][features.offsets[i] : features.offsets[i + 1]]
        assert row["context"][chars[start[i], 0] : chars[end[i], 1]] == "花园里睡觉"


def test_questions_without_answers_and_without_labels() -> None:
    rows = [question("impossible", "", impossible=True), question("labelled", "fox")]
    rows.append(question("unlabelled", "fox") | {"answers": []})
    settings = FeatureSettings(max_length=64, doc_stride=20, max_query_length=8, no_answer=True)
    features = span_qa.featurise(rows, characters(LINES), settings)
    assert (features.targets["start"][features.example == 0] == 0).all()
    assert (features.targets["end"][features.example == 2] == -100).all()
    outputs = gold_logits(span_qa.featurise(rows[:2], characters(LINES), settings))
    labelled = span_qa.featurise(rows[:2], characters(LINES), settings)
    assert span_qa.decode(outputs, labelled, rows[:2], settings) == {"impossible": "", "labelled": "fox"}
    always = FeatureSettings(max_length=64, doc_stride=20, max_query_length=8)
    assert span_qa.decode(outputs, labelled, rows[:2], always)["impossible"] != ""


def test_decoding_finds_the_best_span_over_all_windows() -> None:
    rows = [question(str(i), "fox") for i in range(4)]
    rng = np.random.default_rng(5)
    for longest in (1, 5, 30):
        settings = FeatureSettings(40, doc_stride=10, max_query_length=4, max_answer_length=longest, no_answer=True)
        features = span_qa.featurise(rows, pieces(), settings)
        outputs = [rng.normal(size=(n, 2)).astype(np.float32) for n in lengths(features)]
        found = span_qa.decode(outputs, features, rows, settings)
        for i, row in enumerate(rows):
            best, text, null = -np.inf, "", np.inf
            for window in np.flatnonzero(features.example == i):
                logits = outputs[window]
                part = slice(features.offsets[window], features.offsets[window + 1])
                chars, central = features.context["chars"][part], features.context["central"][part]
                null = min(null, logits[0].sum())
                for first, last in product(range(len(logits)), repeat=2):
                    inside = chars[first, 0] >= 0 and chars[last, 0] >= 0 and central[first]
                    score = logits[first, 0] + logits[last, 1]
                    if inside and first <= last < first + longest and score > best:
                        best, text = score, row["context"][chars[first, 0] : chars[last, 1]]
            assert found[row["id"]] == ("" if null > best else text)


def test_rows_may_be_featurised_and_decoded_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        question(str(i), text) for i, text in enumerate(("fox", "dog", "1987", "懒狗", "여우가", "zurück", "ciudad"))
    ]
    settings = FeatureSettings(max_length=64, doc_stride=20, max_query_length=8)
    whole = span_qa.featurise(rows, bert(), settings)
    answers = span_qa.decode(gold_logits(whole), whole, rows, settings)
    monkeypatch.setattr(span_qa, "ROWS", 3)
    monkeypatch.setattr(span_qa, "WINDOWS", 5)
    parts = span_qa.featurise(rows, bert(), settings)
    for name in ("input_ids", "offsets", "example"):
        assert np.array_equal(getattr(parts, name), getattr(whole, name))
    for name, values in (whole.targets | whole.context).items():
        assert np.array_equal((parts.targets | parts.context)[name], values), name
    assert span_qa.decode(gold_logits(parts), parts, rows, settings) == answers


def test_settings_that_leave_no_window_are_refused() -> None:
    with pytest.raises(ConfigError, match="max_length 64, max_query_length 64"):
        span_qa.featurise([question("0", "fox")], pieces(), FeatureSettings(max_length=64))


def test_answers_are_written_by_question_id(tmp_path: Path) -> None:
    rows = [question("q1", "fox"), question("q2", "dog")]
    span_qa.write(tmp_path / "test-en.json", {"q1": "la “fox”", "q2": ""}, rows)
    assert read_json(tmp_path / "test-en.json") == {"q1": "la “fox”", "q2": ""}
    with pytest.raises(ValueError, match="different ids"):
        span_qa.write(tmp_path / "bad.json", {"q1": "fox"}, rows)
    assert not (tmp_path / "bad.json").exists()


FILES = [
    ("xquad", "ar", "test"), ("xquad", "de", "test"), ("xquad", "en", "test"), ("xquad", "es", "test"),
    ("xquad", "hi", "test"), ("xquad", "ru", "test"), ("xquad", "th", "test"), ("xquad", "tr", "test"),
    ("xquad", "zh", "test"), ("mlqa", "ar", "dev"), ("mlqa", "de", "dev"), ("mlqa", "en", "dev"), ("mlqa", "es", "dev"),
    ("mlqa", "hi", "dev"), ("mlqa", "vi", "dev"), ("mlqa", "zh", "dev"), ("tydiqa", "en", "train"),
    ("tydiqa", "ko", "train"), ("tydiqa", "sw", "train"),
]  # fmt: skip


def exact_matches(task: str, language: str, rows: list[dict], predictions: dict[str, str]) -> np.ndarray:
    """Return the official exact match of each row, against the answer that the features were made from."""
    found = []
    for row in rows:
        gold = [row["answers"][0]["text"]]
        guess = predictions[row["id"]]
        scores = mlqa_scores(guess, gold, language) if task == "mlqa" else squad_scores(guess, gold)
        found.append(scores[0] == 1)
    return np.array(found)


@pytest.mark.parametrize("language", ["ar", "en", "hi", "th", "zh"])
def test_gold_spans_come_back_whole_in_five_scripts(language: str, tmp_path: Path) -> None:
    come_back("xquad", language, prepared("xquad", language, mirror(), tmp_path)[1]["test"][:300])


@pytest.mark.slow
@pytest.mark.parametrize(("task", "language", "split"), FILES)
def test_gold_spans_of_real_files_come_back_whole(task: str, language: str, split: str, tmp_path: Path) -> None:
    come_back(task, language, prepared(task, language, mirror(), tmp_path)[1][split])


def come_back(task: str, language: str, rows: list[dict]) -> None:
    by_character = characters(row["context"] for row in rows)
    settings = FeatureSettings(max_length=2000, doc_stride=900, max_answer_length=2000)
    features = span_qa.featurise(rows, by_character, settings)
    predictions = span_qa.decode(gold_logits(features), features, rows, settings)
    assert exact_matches(task, language, rows, predictions).all()
    assert features.context["exact"].all()
    assert all(predictions[row["id"]] == row["answers"][0]["text"].strip() for row in rows)

    # with pieces some answers begin or end inside one: those, and only those, may come back longer than they are
    settings = FeatureSettings(max_length=1024, doc_stride=256, max_answer_length=1024)
    features = span_qa.featurise(rows, bert(), settings)
    predictions = span_qa.decode(gold_logits(features), features, rows, settings)
    exact = np.ones(len(rows), bool)
    exact[features.example] = features.context["exact"]
    right = exact_matches(task, language, rows, predictions)
    same = np.array([predictions[row["id"]] == row["answers"][0]["text"].strip() for row in rows])
    shown = np.bincount(features.example, features.targets["start"] > 0, len(rows)) > 0
    assert right[exact & shown].all()
    assert (same == exact)[shown].all()
    assert shown.mean() > 0.999

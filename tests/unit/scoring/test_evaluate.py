"""One language's scores from prediction files and normalised rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from xstilts.errors import DataError
from xstilts.scoring.evaluate import score_language
from xstilts.scoring.score_file import read_scores, write_scores

Row = dict[str, Any]


def pair_row(number: int, label: str | None) -> Row:
    return {
        "id": str(number),
        "language": "de",
        "group": f"p{number // 2}",
        "text_a": "a",
        "text_b": "b",
        "label": label,
    }


def question_row(number: int, passage: str, *answers: str) -> Row:
    found = [{"text": answer, "start": 0} for answer in answers]
    return {"id": f"q{number}", "group": passage, "answers": found, "impossible": False}


def sentence_row(number: int, words: str, tags: str | None) -> Row:
    return {"id": str(number), "group": str(number), "tokens": words.split(), "tags": tags.split() if tags else None}


def bitext_row(side: str, key: str, text: str, matches: list[str] | None) -> Row:
    return {"id": key, "group": key, "side": side, "text": text, "matches": matches}


def test_classification(tmp_path: Path) -> None:
    dev = [pair_row(n, label) for n, label in enumerate(["neutral", "neutral", "entailment", "entailment"])]
    (tmp_path / "dev-de.tsv").write_text("neutral\nentailment\nentailment\nentailment\n")
    (tmp_path / "test-de.tsv").write_text("neutral\n")
    paths = {split: tmp_path / f"{split}-de.tsv" for split in ("dev", "test")}
    scores = score_language("xnli", "de", paths, {"dev": dev, "test": [pair_row(0, None)]})
    assert scores["splits"].keys() == {"dev"}
    assert scores["reason"] == "test: its labels are not known here"
    dev_scores = scores["splits"]["dev"]
    assert dev_scores["metrics"] == {"accuracy": 75.0} and dev_scores["examples"] == 4
    assert dev_scores["items"] == {"unit": ["p0", "p1"], "correct": [1, 2], "total": [2, 2]}


def test_a_label_of_the_wrong_task_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dev-de.tsv").write_text("neutral\n1\n")
    with pytest.raises(DataError, match=r"dev-de.tsv:2: found the label '1'"):
        score_language("xnli", "de", {"dev": tmp_path / "dev-de.tsv"}, {"dev": [pair_row(0, "neutral")] * 2})


def test_tagging(tmp_path: Path) -> None:
    rows = [sentence_row(0, "the dog runs", "DET NOUN VERB"), sentence_row(1, "dogs run", "NOUN VERB")]
    (tmp_path / "dev-en.tsv").write_text("DET\nNOUN\nNOUN\n\nNOUN\nVERB\n")
    scores = score_language("udpos", "en", {"dev": tmp_path / "dev-en.tsv"}, {"dev": rows})["splits"]["dev"]
    assert scores["metrics"]["f1"] == pytest.approx(100 * 2 * 3 / (4 + 5))
    assert scores["extra"]["token_accuracy"] == 80
    assert scores["items"]["tp"] == [1, 2] and scores["items"]["pred"] == [2, 2] and scores["items"]["gold"] == [3, 2]


def test_a_tag_that_the_gold_alone_has_may_be_predicted(tmp_path: Path) -> None:
    path = tmp_path / "test-de.tsv"
    path.write_text("NOUN\n_\n")
    rows = {"test": [sentence_row(0, "ein Wort", "NOUN _")]}
    assert score_language("udpos", "de", {"test": path}, rows)["splits"]["test"]["metrics"]["f1"] == 100
    with pytest.raises(DataError, match=r"test-de.tsv:2: found the tag '_', which does not exist"):
        score_language("udpos", "de", {"test": path}, {"test": [sentence_row(0, "ein Wort", "NOUN VERB")]})


def test_answers_are_summed_by_passage_and_missing_ones_are_wrong(tmp_path: Path) -> None:
    rows = [question_row(0, "p", "der Hund"), question_row(1, "p", "50"), question_row(2, "r", "x")]
    (tmp_path / "dev-de.json").write_text(json.dumps({"q0": "Hund", "q1": "50 €", "other": "x"}))
    scores = score_language("mlqa", "de", {"dev": tmp_path / "dev-de.json"}, {"dev": rows})["splits"]["dev"]
    assert scores["metrics"] == pytest.approx({"exact_match": 100 / 3, "f1": 100 * (1 + 2 / 3) / 3})
    assert scores["extra"] == {"missing": 1, "unknown": 1}
    assert scores["items"]["unit"] == ["p", "r"] and scores["items"]["total"] == [2, 1]
    assert scores["items"]["f1"] == pytest.approx([5 / 3, 0])
    squad = score_language("xquad", "de", {"test": tmp_path / "dev-de.json"}, {"test": rows})["splits"]["test"]
    assert squad["metrics"]["exact_match"] == 0


def test_a_question_without_an_answer_is_right_without_one(tmp_path: Path) -> None:
    """By evaluate-v2.0.py; such rows were left out, so that a model that answers everything had 100."""
    rows = [question_row(0, "p", "Spree"), *({**question_row(n, "p"), "impossible": True} for n in (1, 2))]
    for third, right in (("", 200 / 3), ("Spree", 100 / 3)):
        (tmp_path / "test-de.json").write_text(json.dumps({"q0": "Spree", "q1": "Spree", "q2": third}))
        for task in ("xquad", "mlqa"):
            scores = score_language(task, "de", {"test": tmp_path / "test-de.json"}, {"test": rows})["splits"]["test"]
            assert scores["metrics"] == pytest.approx({"exact_match": right, "f1": right})
            assert scores["examples"] == 3


def test_tatoeba(tmp_path: Path) -> None:
    rows = [bitext_row("foreign", f"f{n}", "x", [f"e{n}"]) for n in range(3)]
    rows += [bitext_row("english", f"e{n}", "x", [f"f{n}"]) for n in (2, 0, 1)]
    path = tmp_path / "test-de.tsv"
    path.write_text("2\n0\n0\n")
    scores = score_language("tatoeba", "de", {"test": path}, {"test": rows})["splits"]["test"]
    assert scores["metrics"]["accuracy"] == pytest.approx(200 / 3)
    assert scores["items"]["unit"] == ["e2", "e0", "e1"] and scores["items"]["correct"] == [1, 1, 0]
    path.write_text("2\n3\n0\n")
    with pytest.raises(DataError, match=r"test-de.tsv:2: found the row number 3; expected one below 3"):
        score_language("tatoeba", "de", {"test": path}, {"test": rows})


def test_choices(tmp_path: Path) -> None:
    labels = [0, None, 1, 2]
    rows = [
        {"id": str(number), "group": f"g{number // 2}", "choices": ["a", "b", "c"][: 3 if label == 2 else 2]}
        | {"label": label}
        for number, label in enumerate(labels)
    ]
    path = tmp_path / "test-de.tsv"
    path.write_text("0\n1\n0\n2\n")
    found = score_language("xcopa", "de", {"test": path}, {"test": rows})["splits"]["test"]
    assert found["metrics"]["accuracy"] == pytest.approx(200 / 3) and found["examples"] == 3
    assert found["items"] == {"unit": ["g0", "g1"], "correct": [1, 1], "total": [1, 2]}
    path.write_text("0\n2\n0\n2\n")
    with pytest.raises(DataError, match=r"test-de.tsv:2: found the choice 2; expected one below 2"):
        score_language("xcopa", "de", {"test": path}, {"test": rows})


def write_bucc(folder: Path, split: str, candidates: list[tuple[str, str, float]], threshold: float) -> None:
    (folder / f"candidates-{split}-de.tsv").write_text("".join(f"{a}\t{b}\t{s!r}\n" for a, b, s in candidates))
    kept = [f"{a}\t{b}\n" for a, b, score in candidates if score >= threshold]
    (folder / f"{split}-de.tsv").write_text("".join(kept))


def test_bucc_applies_the_threshold_of_dev_to_test(tmp_path: Path) -> None:
    def rows(pairs: dict[str, str], size: int) -> list[Row]:
        foreign = [
            bitext_row("foreign", f"f{n}", f"satz {n}", [pairs[f"f{n}"]] if f"f{n}" in pairs else [])
            for n in range(size)
        ]
        return foreign + [bitext_row("english", f"e{n}", f"sentence {n}", None) for n in range(size)]

    dev = [("f0", "e0", 1.3), ("f1", "e1", 1.2), ("f2", "e3", 1.0), ("f4", "e4", 0.9)]
    test = [("f3", "e3", 1.5), ("f2", "e2", 1.15), ("f1", "e1", 1.05), ("f0", "e0", 0.5)]
    gold = {
        "dev": rows({"f0": "e0", "f1": "e1"}, 5),
        "test": rows({"f3": "e3", "f1": "e1", "f4": "e4"}, 5),
    }
    write_bucc(tmp_path, "dev", dev, 1.1)
    write_bucc(tmp_path, "test", test, 1.1)
    paths = {split: tmp_path / f"{split}-de.tsv" for split in ("dev", "test")}
    splits = score_language("bucc2018", "de", paths, gold)["splits"]
    assert splits["dev"]["metrics"]["f1"] == 100
    assert splits["test"]["extra"]["threshold"] == pytest.approx(1.1)
    assert splits["test"]["metrics"]["f1"] == pytest.approx(100 * 2 / 5), "one of two extracted is right, of three gold"
    assert splits["test"]["extra"]["best_possible_f1"] == pytest.approx(100 * 4 / 6)
    items = splits["test"]["items"]
    assert sum(items["gold"]) == 3 and dict(zip(items["unit"], items["score"], strict=True))["f4"] is None
    assert set(items["unit"]) == {"f1", "f2", "f3", "f4"}, "no threshold that dev can choose keeps f0"
    write_bucc(tmp_path, "test", test, 1.0)
    with pytest.raises(DataError, match=r"test-de.tsv: found other pairs"):
        score_language("bucc2018", "de", paths, gold)
    write_bucc(tmp_path, "test", [*test, ("f4", "e9", 0.4)], 1.1)
    with pytest.raises(DataError, match=r"candidates-test-de.tsv:5: found the ids f4 e9; expected ids of"):
        score_language("bucc2018", "de", paths, gold)
    without_dev = score_language("bucc2018", "de", {"test": paths["test"]}, {"test": gold["test"]})
    assert without_dev["splits"] == {} and "no threshold can be tuned" in without_dev["reason"]


def test_scores_file_is_one_line_of_json_and_sealed(tmp_path: Path) -> None:
    path = tmp_path / "de.json"
    write_scores(path, {"task": "xnli", "splits": {"dev": {"metrics": {"accuracy": 70.5}}}})
    text = path.read_text()
    assert text.count("\n") == 1 and read_scores(path) == json.loads(text)
    path.write_text(text.replace("70.5", "71.5"))
    with pytest.raises(DataError, match=r"de.json: found content that does not fit its seal"):
        read_scores(path)
    path.write_text('{"task": "xnli", "splits": {}}')
    with pytest.raises(DataError, match="seal"):
        read_scores(path)

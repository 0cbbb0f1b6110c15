"""Nothing of a target language is trained on, and what is trained and scored twice is counted."""

from pathlib import Path

import pytest
from data_files import mirror, rows

from xstilts.data.rows.purity import all_hashes, check_english, hashed, overlaps, text_hash
from xstilts.errors import UserError


def pair(name: str, language: str, text_a: str = "a", text_b: str = "b") -> dict:
    return {"id": name, "language": language, "group": "g", "text_a": text_a, "text_b": text_b, "label": "neutral"}


def test_a_planted_german_row_is_refused() -> None:
    training = [pair("0", "en"), pair("1", "en"), pair("2", "de"), pair("3", "en")]
    with pytest.raises(UserError, match=r"mnli: training row 3 \(id 2\) is in 'de'; expected English only"):
        check_english(training, "mnli")
    assert check_english(training, "mnli-de", allowed=("de",)) == 4
    assert check_english([training[0]], "mnli") == 1


def test_hashes_ignore_case_width_and_spaces() -> None:
    assert text_hash("Straße  ＡＢＣ\n") == text_hash("STRASSE abc")
    assert text_hash("a b") != text_hash("ab")


def test_overlaps_count_distinct_evaluation_texts() -> None:
    training = [pair("0", "en", "The dog ran.", "It ran."), pair("1", "en", "A cat sat.", "It sat.")]
    evaluation = [
        pair("0", "en", "the DOG ran.", "It ran."),
        pair("1", "en", "the dog ran.", "It slept."),
        pair("2", "en", "New.", "It sat."),
    ]
    assert overlaps(all_hashes(training), hashed(evaluation)) == {"text_a": 1, "text_b": 2, "rows": 1}
    tagged = [{"id": "0", "language": "en", "group": "g", "tokens": ["A", "cat", "sat."], "tags": None}]
    assert overlaps(all_hashes(training), hashed(tagged)) == {"tokens": 1, "rows": 1}


def test_xquad_lies_inside_squad_dev(tmp_path: Path) -> None:
    origin = mirror()
    squad = rows("squad", "en", origin, tmp_path / "squad")[1]
    xquad = rows("xquad", "en", origin, tmp_path / "xquad")[1]["test"]
    questions = len({text_hash(row["question"]) for row in xquad})
    assert overlaps(all_hashes(squad["dev"]), hashed(xquad)) == {"context": 240, "question": questions, "rows": 1190}
    assert overlaps(all_hashes(squad["train"]), hashed(xquad)) == {"context": 0, "question": 0, "rows": 0}


def test_lareqas_english_questions_lie_inside_the_dev_set_that_may_choose_its_checkpoint(tmp_path: Path) -> None:
    origin = mirror()
    pairs = rows("lareqa-train", "en", origin, tmp_path / "pairs")[1]
    asked = rows("lareqa", "en", origin, tmp_path / "asked")[1]["test"]
    questions = len({text_hash(row["text"]) for row in asked})
    assert overlaps(all_hashes(pairs["dev"]), hashed(asked)) == {"text": questions, "rows": 1190}
    assert overlaps(all_hashes(pairs["train"]), hashed(asked)) == {"text": 0, "rows": 0}

"""The raw text beside the sources: languages by XLM's rule, and no sentence of what is evaluated."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from xstilts.artifacts import Manifest, Product, produce
from xstilts.data.text_sample import evaluated_sentences, sample_text, sentences
from xstilts.errors import UserError
from xstilts.files import read_jsonl, write_json, write_jsonl
from xstilts.reporting.rules.overlaps import check_text
from xstilts.reporting.run import RunFolder


def lines(language: str, count: int) -> list[dict[str, Any]]:
    texts = [f"Sentence number {place} of language {language}." for place in range(count)]
    return [{"id": f"world-{i}", "language": language, "group": "world", "text": text} for i, text in enumerate(texts)]


def stored(folder: Path, name: str, rows: list[dict[str, Any]], split: str, reason: str | None = None) -> Path:
    """Make an artifact with rows, as the preparation of data does."""

    def make(where: Path, spec: dict[str, Any], inputs: Mapping[str, Manifest]) -> Product:
        write_jsonl(where / f"{split}.jsonl", rows)
        evaluate = [] if split == "train" else [split]
        return Product([f"{split}.jsonl"], {"rows": {split: len(rows)}, "evaluate": evaluate}, reason)

    write_json(folder / f"{name}.spec.json", {"rule": "prepare", "wildcards": [name], "settings": {}, "code": ""})
    produce(folder / name / "manifest.json", folder / f"{name}.spec.json", {}, make)
    return folder / name / "manifest.json"


def drawn(folder: Path, inputs: dict[str, Path], **settings: Any) -> tuple[list[dict[str, Any]], Manifest]:
    languages = [name.split("/")[1] for name in inputs if name.startswith("text/")]
    spec = {"languages": languages, "sentences": 600, "alpha": 0.3} | settings
    write_json(folder / "s.json", {"rule": "sample_text", "wildcards": [], "settings": spec, "code": ""})
    made = produce(folder / "mlm" / "manifest.json", folder / "s.json", inputs, sample_text)
    return (read_jsonl(made.folder / "train.jsonl") if not made.reason else []), made


def text(folder: Path, **counts: int) -> dict[str, Path]:
    return {f"text/{code}": stored(folder, code, lines(code, count), "train") for code, count in counts.items()}


def test_languages_are_drawn_in_proportion_to_size_to_the_alpha(tmp_path: Path) -> None:
    rows, made = drawn(tmp_path, text(tmp_path, en=2000, de=200, sw=50))
    shares = {code: size**0.3 for code, size in {"en": 2000, "de": 200, "sw": 50}.items()}
    expected = {code: round(600 * share / sum(shares.values())) for code, share in shares.items()}
    counts = Counter(row["language"] for row in rows)
    assert counts == expected and made.results["rows"] == {"train": sum(expected.values())}
    assert made.results["sentences"]["sw"] == {"world": expected["sw"]}, "small languages are repeated"
    assert len({row["language"] for row in rows[:40]}) == 3, "in random order: the first lines watch the training"
    assert drawn(tmp_path, text(tmp_path, en=2000, de=200, sw=50))[0] == rows


def test_there_are_never_more_sentences_than_there_is_text(tmp_path: Path) -> None:
    assert len(drawn(tmp_path, text(tmp_path, en=100, de=100), sentences=10_000)[0]) == 200


EVALUATED = {
    "a whole line": {"text_a": "Sentence number 7 of language en.", "text_b": "b"},
    "a sentence of a paragraph": {"context": "It began. Sentence number 7 of language en. It ended.", "question": "?"},
    "words of a tagged sentence": {"tokens": ["Sentence", "number", "7", "of", "language", "en", "."]},
    "in other letters": {"text": "SENTENCE  number ７ of language en"},
}


@pytest.mark.parametrize("what", EVALUATED)
def test_a_sentence_that_is_evaluated_is_left_out(tmp_path: Path, what: str) -> None:
    evaluated = stored(tmp_path, "evaluated", [{"id": "1", "language": "en", **EVALUATED[what]}], "test")
    rows, made = drawn(tmp_path, {**text(tmp_path, en=50), "xnli/en": evaluated})
    assert "Sentence number 7 of language en." not in {row["text"] for row in rows}
    assert made.results["evaluated"] == {"en": 1} and len(rows) == 49


def test_a_longer_line_with_an_evaluated_sentence_in_it_is_one_too() -> None:
    held_out = evaluated_sentences([{"question": "Who founded the town of Amsel?"}])
    assert sentences("He asked her. Who founded the town of Amsel? She knew.") & held_out
    assert not sentences("Who founded the town of Drossel? She knew.") & held_out
    assert not sentences("No. It was not so.") & evaluated_sentences([{"text": "No. Never again."}]), "too short"


def test_a_language_without_text_is_named_and_none_at_all_is_the_reason(tmp_path: Path) -> None:
    gone = stored(tmp_path, "gone", [], "train", "text/bible/yo.tsv is not there")
    rows, made = drawn(tmp_path, {**text(tmp_path, en=20), "text/yo": gone})
    assert {row["language"] for row in rows} == {"en"}
    assert made.results["absent"] == {"yo": "text/bible/yo.tsv is not there"}
    assert drawn(tmp_path, {"text/yo": gone})[1].reason == "raw text: yo: text/bible/yo.tsv is not there"


def test_the_check_of_a_run_finds_an_evaluated_sentence_in_the_text(tmp_path: Path) -> None:
    sample = stored(tmp_path, "mlm", lines("en", 5), "train")
    run = RunFolder({"text": str(sample)}, tmp_path, tmp_path)
    check_text(run, {"xnli": {("de", "test"): [{"text_a": "Sentence number 9 of language en."}]}})
    with pytest.raises(UserError, match=r"the en line 'Sentence number 3 of language en\.' is evaluated"):
        check_text(run, {"xnli": {("de", "test"): [{"text_a": "Sentence number 3 of language en."}]}})

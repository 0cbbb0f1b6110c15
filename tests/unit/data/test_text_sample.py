"""The raw text beside the sources: languages by XLM's rule, and no sentence of what is evaluated."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from data_files import mirror, rows

from xstilts.artifacts import Manifest, Product, produce
from xstilts.data.fetching.sentences import paragraphs
from xstilts.data.rows.text_sample import evaluated_sentences, sample_text, sentences, unseen
from xstilts.errors import UserError
from xstilts.files import read_jsonl, write_json, write_jsonl
from xstilts.reporting.run import RunFolder
from xstilts.reporting.tables.main import text_remarks
from xstilts.reporting.tables.overlaps import check_text


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


def test_sizes_of_the_whole_decide_and_not_those_of_the_part_that_is_here(tmp_path: Path, capfd: Any) -> None:
    """What was fetched of a language is its share already: by its lines the rule would be applied twice."""
    sizes = {"en": 20_000_000_000, "sw": 60_000_000}
    rows, made = drawn(tmp_path, text(tmp_path, en=400, sw=400), sizes=sizes)
    shares = {code: size**0.3 for code, size in sizes.items()}
    expected = {code: round(600 * share / sum(shares.values())) for code, share in shares.items()}
    assert Counter(row["language"] for row in rows) == expected and expected["en"] > 5 * expected["sw"]
    assert made.results["short"] == {"en": {"share": expected["en"], "found": 400}} and made.results["fetched"] == 0
    said = f"text in en: 400 sentences for a share of {expected['en']}: some come again"
    assert said in capfd.readouterr().err


def test_a_language_of_unknown_size_counts_with_the_bytes_that_are_here(tmp_path: Path) -> None:
    inputs = text(tmp_path, en=400, sw=400)
    size = sum(len(row["text"].encode()) for row in lines("sw", 400))
    rows, _ = drawn(tmp_path, inputs, sizes={"en": size, "de": 10**12})
    assert Counter(row["language"] for row in rows) == {"en": 300, "sw": 300}


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


def test_a_paragraph_with_an_evaluated_sentence_is_left_out_as_a_whole(tmp_path: Path) -> None:
    rows = [row | {"passage": place // 3} for place, row in enumerate(lines("en", 30))]
    rows[12]["text"], rows[13]["text"], rows[14]["text"] = "It is so.", "Why?", "No."
    passages = [
        {"context": "It began. Sentence number 7 of language en. It ended.", "question": "Who said so?"},
        {"context": "It is so. Why? No.", "question": "Who asked?"},  # no sentence of it is long enough to be known by
    ]
    asked = [{"id": f"{n}", "language": "en", **row} for n, row in enumerate(passages)]
    evaluated = stored(tmp_path, "evaluated", asked, "test")
    kept, made = drawn(tmp_path, {"text/en": stored(tmp_path, "en", rows, "train"), "xquad/en": evaluated})
    texts = {row["text"] for row in kept}
    assert not texts & {row["text"] for row in [*rows[6:9], *rows[12:15]]} and len(texts) == 24
    assert made.results["evaluated"] == {"en": 6} and "passage" not in kept[0]


def test_a_passage_is_found_though_a_line_break_or_no_full_stop_is_in_it() -> None:
    formula = "Medicine at high pressure raises the share of O\n2 in the blood of a patient.\nIt is rarely done today."
    held_out = evaluated_sentences([{"context": formula}])
    for line in formula.split("\n"):
        assert sentences(line) & held_out, line
    assert sentences("Medicine at high pressure raises the share of O 2 in the blood of a patient.") & held_out
    thai = evaluated_sentences([{"context": "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย ตั้งอยู่ริมแม่น้ำ อย่างไรก็ตาม"}])
    assert sentences("แก้ไขแล้ว กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย") & thai
    assert not sentences("อย่างไรก็ตาม เชียงใหม่เป็นเมืองเก่า") & thai, "a word that many texts have"


def test_passages_of_xquad_are_found_in_the_articles_that_they_came_from(tmp_path: Path) -> None:
    """Real ones: all but a line of a few letters; with another first sentence in each paragraph, nearly all."""
    for language in ("ar", "de", "en", "hi", "ru", "th", "zh"):
        passages = {row["context"] for row in rows("xquad", language, mirror(), tmp_path / language)[1]["test"]}
        held_out = evaluated_sentences([{"context": passage} for passage in passages])
        found = [part for passage in sorted(passages) for part in paragraphs(passage, language)]
        assert len(unseen(_lines(found), held_out)) <= 1, language
        edited = [["Somebody wrote another beginning.", *part[1:]] for part in found if len(part) > 1]
        assert len(unseen(_lines(edited), held_out)) < 0.02 * sum(map(len, edited)), language


def _lines(paragraphs: list[list[str]]) -> list[dict[str, Any]]:
    return [
        {"id": f"{n}-{m}", "text": text, "passage": n}
        for n, part in enumerate(paragraphs)
        for m, text in enumerate(part)
    ]


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


def test_the_main_table_says_what_the_text_lacks(tmp_path: Path) -> None:
    gone = stored(tmp_path, "gone", [], "train", "the Hub did not answer")
    sizes = {"en": 20_000_000_000, "sw": 60_000_000}
    inputs = {**text(tmp_path, en=400, sw=400), "text/yo": gone}
    _, made = drawn(tmp_path, inputs, sizes=sizes, sentences=500)
    share = made.results["short"]["en"]["share"]
    (said,) = text_remarks(RunFolder({"text": str(made.path)}, tmp_path, tmp_path))
    assert said == (
        "The raw text of rows with +mlm has nothing in yo (the Hub did not answer); 400 sentences in en for a share of "
        f"{share}, so that some come again."
    )
    _, whole = drawn(tmp_path / "whole", text(tmp_path / "whole", en=400, sw=400), sentences=500)
    assert text_remarks(RunFolder({"text": str(whole.path)}, tmp_path, tmp_path)) == []
    assert text_remarks(RunFolder({"text": None}, tmp_path, tmp_path)) == [], "no row with raw text"


def test_the_check_of_a_run_finds_an_evaluated_sentence_in_the_text(tmp_path: Path) -> None:
    sample = stored(tmp_path, "mlm", lines("en", 5), "train")
    run = RunFolder({"text": str(sample)}, tmp_path, tmp_path)
    check_text(run, {"xnli": {("de", "test"): [{"text_a": "Sentence number 9 of language en."}]}})
    with pytest.raises(UserError, match=r"the en line 'Sentence number 3 of language en\.' is evaluated"):
        check_text(run, {"xnli": {("de", "test"): [{"text_a": "Sentence number 3 of language en."}]}})

"""What has one weight in all languages when items are resampled: a unit's name is the same where it is the same."""

from pathlib import Path
from typing import Any

from xstilts.data.prepare import prepare
from xstilts.data.rows.subset import first
from xstilts.files import read_jsonl


def read(name: str, language: str, origin: Path, split: str) -> list[dict[str, Any]]:
    folder = origin.parent / f"{name}-{language}"
    prepare(name, language, origin, folder)
    return list(read_jsonl(folder / f"{split}.jsonl"))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def tagged(words: list[str]) -> str:
    return "".join(f"{word}\tNOUN\n.\tPUNCT\n\n" for word in words)


def test_generated_sentences_are_those_of_english_and_real_ones_their_own(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    words = {code: [f"{code}{number}" for number in range(40)] for code in ("en", "qaa", "de")}
    for code, found in words.items():
        for split in ("train", "dev", "test") if code == "en" else ("dev", "test"):
            write(origin / f"targets/udpos/{split}-{code}.tsv", tagged(found))
    rows = {code: read("udpos", code, origin, "test") for code in words}
    groups = {code: [row["group"] for row in found] for code, found in rows.items()}
    assert groups["qaa"] == groups["en"] and not set(groups["de"]) & set(groups["en"])
    chosen = {code: [row["id"] for row in first(found, 10)] for code, found in rows.items()}
    assert chosen["qaa"] == chosen["en"], "evaluation.limit takes the same sentences"


def test_an_english_sentence_of_tatoeba_is_the_same_unit_in_every_language(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    english = {"deu": ["Hello.", "A cat.", "A dog."], "fra": ["A dog.", "Good day.", "Hello."]}
    for code, texts in english.items():
        write(origin / f"targets/tatoeba/v1/tatoeba.{code}-eng.eng", "".join(f"{text}\n" for text in texts))
        write(origin / f"targets/tatoeba/v1/tatoeba.{code}-eng.{code}", "".join(f"{code}: {text}\n" for text in texts))
    units: dict[str, dict[str, set[str]]] = {}
    for code in ("de", "fr"):
        rows = read("tatoeba", code, origin, "test")
        text = {row["id"]: row["text"] for row in rows if row["side"] == "english"}
        for row in rows:
            of = row["text"] if row["side"] == "english" else text[row["matches"][0]]
            units.setdefault(of, {}).setdefault(code, set()).add(row["group"])
    assert units["Hello."]["de"] == units["Hello."]["fr"] and units["A dog."]["de"] == units["A dog."]["fr"]
    assert len({group for found in units.values() for groups in found.values() for group in groups}) == 4

"""Every data set of the real mirror, with the row counts that its manifest states."""

import csv
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from data_files import mirror, rows

from xstilts.data.fetching.hub_tables import paragraph_of
from xstilts.data.prepare import prepare
from xstilts.data.readers.lines import lines
from xstilts.data.registry import dataset, language_names, names
from xstilts.files import read_json

MANIFEST_NAMES = {"squad2": "squad_v2", "csqa": "commonsenseqa", "lareqa-train": "squad"}
SPLIT_NAMES = {"val": "dev", "xquad-r": "test", "R1 train": "train", "R2 train": "train", "R3 train": "train"} | {
    f"R{n} dev": "dev" for n in (1, 2, 3)
}
DROPPED = {("snli", "dev"): 16, ("snli", "test"): 23}  # gold label "-"
ABSENT = ("qqp", "ccg", "panx", "udpos27", "bucc2018", "mewslix", "mewslix-candidates", "mewslix-train")


@cache
def manifest() -> dict[tuple[str, str, str], int]:
    """Return {(task, language, split): rows} of the mirror's manifest, raw text apart."""
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    with open(mirror() / "MANIFEST.tsv", encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            if row["rows"].isdigit():
                split = SPLIT_NAMES.get(row["split"], row["split"])
                if row["task"] == "tydiqa" and split == "dev":
                    split = "test"  # the benchmark evaluates on the official dev file
                counts[row["task"], row["language"], split] += int(row["rows"])
    return counts


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in ("udpos", "xnli") else ())
        for name in names()
        if name not in ("text", "lareqa-candidates", *ABSENT)
    ],
)
def test_rows_are_those_of_the_manifest(name: str, tmp_path: Path) -> None:
    stated = manifest()
    data = dataset(name)
    seen = 0
    for language in data.languages:
        code = language_names(language)["iso3"] if name == "tatoeba" else language
        said = prepare(name, language, mirror(), tmp_path / language)
        expected = {
            split: stated[key] - DROPPED.get((name, split), 0)
            for split in ("train", "dev", "test")
            if (key := (MANIFEST_NAMES.get(name, name), code, split)) in stated and split in data.splits
        }
        if said.get("cut"):  # the mirror has no training file
            assert sum(said["rows"].values()) == expected[said["cut"]]
            expected = said["rows"]
        assert said["rows"] == expected, language
        assert (said["reason"] is None) == bool(said["evaluate"] or "train" in said["rows"])
        for split, count in said["rows"].items():
            assert len(lines(tmp_path / language / f"{split}.jsonl")) == count
        seen += bool(expected)
    assert seen > 0


@pytest.mark.parametrize("name", ABSENT)
def test_what_the_mirror_lacks_has_a_reason(name: str, tmp_path: Path) -> None:
    for language in dataset(name).languages:
        said = prepare(name, language, mirror(), tmp_path)
        assert said["rows"] == {} and (dataset(name).absent or "is not there") in said["reason"]


def test_raw_text(tmp_path: Path) -> None:
    expected = {"de": (31102 + 997, 100), "en": (31098 + 997, 100), "eu": (7952, None), "wo": (997, 100)}
    for language, (train, dev) in expected.items():
        said, found = rows("text", language, mirror(), tmp_path / language)
        assert said["rows"] == {"train": train} | ({"dev": dev} if dev else {})
        assert {row["group"] for row in found["train"]} <= {"bible", "flores"}
        assert not any("\t" in row["text"] for row in found["train"])
    assert len({row["id"] for row in rows("text", "de", mirror(), tmp_path / "de")[1]["train"]}) == 32099


def test_xnli_reads_carriage_returns_quotes_and_separate_labels(tmp_path: Path) -> None:
    german = rows("xnli", "de", mirror(), tmp_path / "de")[1]
    english = rows("xnli", "en", mirror(), tmp_path / "en")[1]
    first = german["dev"][0]
    assert (first["id"], first["label"]) == ("0", "neutral")
    assert first["text_b"] == "Er rief seine Mutter an, sobald er aus dem Schulbus stieg."
    for split in ("dev", "test"):
        assert [row["label"] for row in german[split]] == [row["label"] for row in english[split]]
        assert [row["group"] for row in german[split]] == [row["group"] for row in english[split]]
    assert {row["label"] for row in german["test"]} == {"contradiction", "entailment", "neutral"}
    assert not any("\r" in row["text_b"] for split in german.values() for row in split)


def test_unlabelled_tests_fall_back_to_dev(tmp_path: Path) -> None:
    pawsx = {code: prepare("pawsx", code, mirror(), tmp_path / code) for code in ("en", "ko")}
    assert pawsx["en"]["evaluate"] == ["dev", "test"]
    assert pawsx["ko"]["evaluate"] == ["dev"] and pawsx["ko"]["labelled"]["test"] == 0
    assert prepare("udpos", "af", mirror(), tmp_path / "af")["evaluate"] == ["dev"]
    assert prepare("udpos", "th", mirror(), tmp_path / "th")["reason"] == "no labels in targets/udpos/test-th.tsv"


def test_tydiqa_is_trained_in_english_and_scored_in_korean_and_swahili(tmp_path: Path) -> None:
    said, found = rows("tydiqa", "en", mirror(), tmp_path / "en")
    assert len({row["id"] for row in found["train"]}) == 3696
    assert {row["language"] for row in found["train"]} == {"en"} and said["evaluate"] == []
    scored = {
        code
        for code in dataset("tydiqa").languages
        if prepare("tydiqa", code, mirror(), tmp_path / code)["evaluate"] == ["train"]
    }
    assert scored == {"ko", "sw"}


def test_parallel_questions_share_ids_and_groups(tmp_path: Path) -> None:
    for name, split, languages in (("xquad", "test", ("ar", "th", "zh")), ("mlqa", "dev", ("ar", "hi", "zh"))):
        english = {row["id"]: row for row in rows(name, "en", mirror(), tmp_path / name)[1][split]}
        for language in languages:
            for row in rows(name, language, mirror(), tmp_path / name / language)[1][split]:
                assert row["group"] == english[row["id"]]["group"]
                for answer in row["answers"]:
                    end = answer["start"] + len(answer["text"])
                    assert row["context"][answer["start"] : end] == answer["text"]


def test_tatoeba_in_the_order_of_xtreme(tmp_path: Path) -> None:
    found = rows("tatoeba", "ja", mirror(), tmp_path)[1]["test"]
    english = [row for row in found if row["side"] == "english"]
    assert [row["text"] for row in english] == sorted(row["text"] for row in english)
    source = lines(mirror() / "targets/tatoeba/v1/tatoeba.jpn-eng.eng")
    foreign = [row["id"] for row in found if row["side"] == "foreign"]
    assert all(source[foreign.index(row["matches"][0])].strip() == row["text"] for row in english)


def test_multiple_choice_rows(tmp_path: Path) -> None:
    hellaswag = rows("hellaswag", "en", mirror(), tmp_path / "hellaswag")[1]
    assert hellaswag["train"][0]["choices"][0].startswith("then , the man adds wa")
    assert hellaswag["dev"][0]["choices"][1] == "is ripping level tiles off."
    cosmosqa = rows("cosmosqa", "en", mirror(), tmp_path / "cosmosqa")[1]
    assert cosmosqa["train"][0]["prompt"].startswith("Yesterday I mentioned")
    assert all(len(row["choices"]) == 4 and row["label"] in range(4) for row in cosmosqa["train"])
    csqa = rows("csqa", "en", mirror(), tmp_path / "csqa")[1]
    assert csqa["train"][0]["choices"][csqa["train"][0]["label"]] == "ignore"
    assert all(row["label"] is None for row in csqa["test"])


def test_stripped_passages_of_xquad_get_their_answers_back() -> None:
    """What the Hub's tables did to XQuAD's published files is undone, in every language, answer by answer."""
    for path in sorted((mirror() / "targets/xquad").glob("xquad.*.json")):
        shifted = 0
        for article in read_json(path)["data"]:
            for paragraph in article["paragraphs"]:
                context = paragraph["context"]
                asked = [
                    {
                        "id": question["id"],
                        "question": question["question"],
                        "answers": {
                            "text": [answer["text"].strip() for answer in question["answers"]],
                            "answer_start": [answer["answer_start"] for answer in question["answers"]],
                        },
                    }
                    for question in paragraph["qas"]
                ]
                found, moved = paragraph_of(context.strip(), asked, unanswerable=False)
                shifted += moved
                cut = len(context) - len(context.lstrip())
                for question, before in zip(found["qas"], paragraph["qas"], strict=True):
                    for answer, old in zip(question["answers"], before["answers"], strict=True):
                        led = len(old["text"]) - len(old["text"].lstrip())
                        assert answer["answer_start"] == old["answer_start"] + led - cut, (path.name, question["id"])
        assert bool(shifted) == (path.name not in ("xquad.de.json", "xquad.ro.json", "xquad.tr.json")), path.name


def test_xcopa_asks_in_english_and_its_translations_share_a_unit(tmp_path: Path) -> None:
    folder = mirror()
    prompts = {}
    for code in ("sw", "zh"):
        said, found = rows("xcopa", code, folder, tmp_path / code)
        assert (said["rows"], said["reason"]) == ({"dev": 100, "test": 500}, None)
        assert all(row["prompt"].endswith((" What was the cause?", " What was the effect?")) for row in found["test"])
        prompts[code] = [(row["id"], row["group"], row["label"]) for row in found["test"]]
    assert prompts["sw"] == prompts["zh"] and len(prompts["sw"]) == 500
    assert {len(row["choices"]) for row in found["test"]} == {2} and {row["label"] for row in found["dev"]} == {0, 1}


def test_siqa_is_cut_by_context_where_only_its_dev_set_is_there(tmp_path: Path) -> None:
    said, found = rows("siqa", "en", mirror(), tmp_path)
    assert said["cut"] == "dev" and said["rows"]["train"] + said["rows"]["dev"] == 1954
    assert 300 < said["rows"]["dev"] < 480
    assert not {row["group"] for row in found["train"]} & {row["group"] for row in found["dev"]}
    assert all(len(row["choices"]) == 3 for row in found["train"])
    first = found["train"][0]
    assert first["prompt"].startswith("Tracy didn't go home") and first["prompt"].endswith("to do before this?")
    assert first["choices"][first["label"]] == "Find somewhere to go"

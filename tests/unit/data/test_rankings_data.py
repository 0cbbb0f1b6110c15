"""LAReQA and Mewsli-X: what their files become, and the benchmark's own counts on the real XQuAD-R."""

import json
from pathlib import Path
from typing import Any

import pytest
from data_files import mirror, rows, write

from xstilts.data.registry import dataset
from xstilts.data.rows.sentences import sentence_spans
from xstilts.files import read_json, read_jsonl

XQUAD_R = "targets/lareqa/xquad-r/{}.json"
MENTIONS = "targets/mewslix/wikinews_mentions-{}.jsonl"
PAIRS = "targets/mewslix/wikipedia_pairs-{}.jsonl"
ENTITIES = "targets/mewslix/candidate_set_entities.jsonl"


def xquad_r(*passages: tuple[str, list[tuple[str, str, int]]]) -> str:
    """Return passages, each a text whose sentences end at its full stops, with (id, question, start of the answer)."""
    paragraphs = []
    for context, asked in passages:
        ends = [place + 1 for place, letter in enumerate(context) if letter == "."]
        starts = [0, *(end + 1 for end in ends[:-1])]
        qas = [{"id": i, "question": q, "answers": [{"text": context[s], "answer_start": s}]} for i, q, s in asked]
        breaks = [list(one) for one in zip(starts, ends, strict=True)]
        paragraphs.append({"context": context, "sentence_breaks": breaks, "qas": qas})
    return json.dumps({"version": "1", "data": [{"title": "T", "paragraphs": paragraphs}]})


def test_a_question_has_its_answers_sentence_in_every_language_as_target(tmp_path: Path) -> None:
    files = {
        XQUAD_R.format("en"): xquad_r(("Ada wrote.\nShe read.", [("q1", "Who?", 0), ("q2", "Did she?", 15)])),
        XQUAD_R.format("de"): xquad_r(("Ada schrieb. Sie las. Ja.", [("q1", "Wer?", 0), ("q2", "Las sie?", 17)])),
        XQUAD_R.format("qaa"): xquad_r(("Oko. Oko. Lu.", [("q1", "Te?", 5), ("q2", "Lu?", 10)])),
    }
    origin = write(tmp_path, files)
    said, found = rows("lareqa", "de", origin, tmp_path / "de")
    assert said["evaluate"] == ["test"] and set(said["files"]) == set(files), "a change in any language is one here"
    english = rows("lareqa", "en", origin, tmp_path / "en")[1]["test"]
    assert found["test"] == [
        {
            "id": "q1",
            "language": "de",
            "group": english[0]["group"],
            "text": "Wer?",
            "targets": ["de-1-0", "en-1-0", "qaa-1-0", "qaa-1-1"],  # of one wording, both right
        },
        {
            "id": "q2",
            "language": "de",
            "group": english[1]["group"],
            "text": "Las sie?",
            "targets": ["de-1-1", "en-1-1", "qaa-1-2"],
        },
    ]
    candidates = rows("lareqa-candidates", "en", origin, tmp_path / "candidates")[1]["test"]
    assert [(row["id"], row["text"]) for row in candidates] == [
        ("en-1-0", "Ada wrote.Ada wrote.She read."),
        ("en-1-1", "She read.Ada wrote.She read."),
    ]


def test_languages_that_are_not_there_are_no_targets(tmp_path: Path) -> None:
    origin = write(tmp_path, {XQUAD_R.format("de"): xquad_r(("Ada schrieb.", [("q1", "Wer?", 0)]))})
    assert rows("lareqa", "de", origin, tmp_path / "de")[1]["test"][0]["targets"] == ["de-1-0"]


def test_xquad_r_of_the_mirror_has_the_benchmarks_questions_and_sentences(tmp_path: Path) -> None:
    """1,190 questions a language; the candidates that XTREME-R counts, of nine of its eleven languages."""
    ids: dict[str, set[str]] = {}
    groups = {}
    questions: list[dict[str, Any]] = []
    here = [code for code in dataset("lareqa").languages if (mirror() / XQUAD_R.format(code)).is_file()]
    assert len(here) == 9
    for code in here:
        said, found = rows("lareqa-candidates", code, mirror(), tmp_path / "candidates" / code)
        assert said["rows"] == {"test": dataset("lareqa-candidates").expected_rows("test", code)}
        ids[code] = {row["id"] for row in found["test"]}
        assert all(name.startswith(f"{code}-") for name in ids[code])
        assert not any("\n" in row["text"] for row in found["test"])
    assert sum(map(len, ids.values())) == 13014 - 1234 - 1209  # el and vi are not there
    for code in ("en", "th"):
        questions = rows("lareqa", code, mirror(), tmp_path / code)[1]["test"]
        assert len(questions) == 1190
        assert all({*row["targets"]} <= set().union(*ids.values()) for row in questions)
        assert {len({target.split("-")[0] for target in row["targets"]}) for row in questions} == {9}
        groups[code] = {row["id"]: row["group"] for row in questions}
    assert groups["en"] == groups["th"] and len(set(groups["en"].values())) == 240


def test_squad_becomes_pairs_of_question_and_sentence(tmp_path: Path) -> None:
    context = "Ada wrote notes. They were by Mr. Menabrea, e.g. on numbers! Why?"
    qas = [
        {"id": "1", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}]},
        {"id": "2", "question": "On what?", "answers": [{"text": "numbers", "answer_start": 52}]},
    ]
    document = json.dumps({"data": [{"title": "Ada", "paragraphs": [{"context": context, "qas": qas}]}]})
    files: dict[str, str | bytes] = {f"intermediate/squad/{split}-v1.1.json": document for split in ("train", "dev")}
    said, found = rows("lareqa-train", "en", write(tmp_path, files), tmp_path / "rows")
    assert said["rows"] == said["labelled"] == {"train": 2, "dev": 2}
    assert [(row["query"], row["target"]) for row in found["train"]] == [
        ("Who?", "Ada wrote notes." + context),
        ("On what?", "They were by Mr. Menabrea, e.g. on numbers!" + context),
    ]
    assert found["train"][0]["document"] == "Ada"


def test_sentences_are_nearly_those_of_the_benchmarks_own_rules() -> None:
    passages = [
        passage for article in read_json(mirror() / XQUAD_R.format("en"))["data"] for passage in article["paragraphs"]
    ]
    official = [[tuple(one) for one in passage["sentence_breaks"]] for passage in passages]
    ours = [sentence_spans(passage["context"]) for passage in passages]
    assert sum(len(set(a) & set(b)) for a, b in zip(official, ours, strict=True)) >= 1164
    assert sum(map(len, official)) == 1180
    begins = [
        (place, question["answers"][0]["answer_start"])
        for place, passage in enumerate(passages)
        for question in passage["qas"]
    ]

    def at(spans: list[tuple[int, int]], begin: int) -> tuple[int, int]:
        return next(span for span in spans if begin < span[1])

    assert sum(at(official[place], begin) == at(ours[place], begin) for place, begin in begins) >= 1176


def mention(name: str, text: str, start: int, end: int, entity: str, **span: object) -> dict[str, Any]:
    where = {"start": start, "end": end, "text": text[start:end], **span}
    return {"example_id": name, "mention_span": where, "entity_id": entity}


def article(
    name: str, language: str, text: str, spans: list[tuple[int, int]], *mentions: dict[str, Any]
) -> dict[str, Any]:
    context = {"document_id": name, "language": language, "text": text}
    context["sentence_spans"] = [{"start": start, "end": end} for start, end in spans]
    return {"context": context, "mentions": list(mentions)}


def entity(name: str, description: str, language: str = "en", spans: list[tuple[int, int]] | None = None) -> dict:
    found = [(0, len(description))] if spans is None else spans
    return {
        "entity_id": name,
        "title": name,
        "description": description,
        "description_language": language,
        "sentence_spans": [{"start": start, "end": end} for start, end in found],
    }


def lines(*values: object) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


TEXT = "Heute {neu}: Ada\nkam.  Sie sah Ada } dort."
SPANS = [(0, 21), (23, 42)]


def test_a_mention_stands_between_braces_in_its_sentence(tmp_path: Path) -> None:
    german = article("d1", "de", TEXT, SPANS, mention("a", TEXT, 13, 16, "Q1"), mention("b", TEXT, 31, 34, "Q1"))
    english = article("d2", "en", "Ada left.", [(0, 9)], mention("c", "Ada left.", 0, 3, "Q1"))
    files = {MENTIONS.format("dev"): lines(german, english), MENTIONS.format("test"): lines(english, german)}
    said, found = rows("mewslix", "de", write(tmp_path, files), tmp_path / "rows")
    assert said["rows"] == {"dev": 2, "test": 2} and said["evaluate"] == ["dev", "test"]
    assert [row["text"] for row in found["dev"]] == [
        "Ada: Heute (neu): { Ada } kam.",  # braces of the text are others, and line breaks spaces
        "Ada: Sie sah { Ada } ) dort.",
    ]
    assert [(row["id"], row["group"], row["targets"]) for row in found["dev"]] == [
        ("a", "d1", ["Q1"]),
        ("b", "d1", ["Q1"]),
    ]


def test_entities_are_their_sentences_and_pairs_hold_both(tmp_path: Path) -> None:
    described = entity("Q1", "Ada  was a\nwriter. [1] She read.", spans=[(0, 18), (23, 32)])
    context = article("d", "en", "Ada left.", [(0, 9)])["context"]
    pair = {"contextual_mention": {"context": context, "mention": mention("m", "Ada left.", 0, 3, "Q1")}}
    files = {
        ENTITIES: lines(described, entity("Q2", "Βιβλίο.", "el")),
        PAIRS.format("train"): lines({**pair, "entity": described}),
        PAIRS.format("dev"): lines({**pair, "entity": entity("Q1", "Ada.")}),
    }
    origin = write(tmp_path, files)
    said, found = rows("mewslix-candidates", "all", origin, tmp_path / "all")
    assert said["reason"] is None and said["evaluate"] == ["test"]
    assert [(row["id"], row["language"], row["text"]) for row in found["test"]] == [
        ("Q1", "en", "Ada was a writer. She read."),
        ("Q2", "el", "Βιβλίο."),
    ]
    pairs = rows("mewslix-train", "en", origin, tmp_path / "en")[1]["train"]
    assert pairs == [
        {
            "id": "m",
            "language": "en",
            "group": "Q1",
            "query": "Ada: { Ada } left.",
            "target": "Ada was a writer. She read.",
        }
    ]


def test_a_large_file_is_read_row_by_row(tmp_path: Path) -> None:
    """Blank lines at its end are no rows; one inside is an error, as everywhere."""
    write(tmp_path, {ENTITIES: lines(entity("Q1", "Ada.")) + "\n\n"})
    assert rows("mewslix-candidates", "all", tmp_path, tmp_path / "all")[0]["rows"] == {"test": 1}
    assert len(read_jsonl(tmp_path / "all/test.jsonl")) == 1
    write(tmp_path, {ENTITIES: "\n" + lines(entity("Q1", "Ada."))})
    with pytest.raises(Exception, match=r"candidate_set_entities.jsonl:1: found an empty line"):
        rows("mewslix-candidates", "all", tmp_path, tmp_path / "all")

"""Training data translated here: rows, ids and labels stay, answers are carried by markers, stopped work is kept."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from data_files import nli, squad, write
from tiny_translator import write_translator

from xstilts.artifacts import WORK, Manifest, produce, seal
from xstilts.config.run import load
from xstilts.data.job import prepare_dataset
from xstilts.errors import ConfigError, UserError
from xstilts.files import read_jsonl, write_json
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.translation import job, known
from xstilts.translation.fetch import fetch_translator
from xstilts.translation.model import open_translator, translate
from xstilts.translation.rows import carried, marked, sentences, translated, wanted

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
CONTEXT = "Ada met Charles Babbage in 1833. They worked on [a] machine. It was never built."


def question(answer: str, **more: Any) -> dict[str, Any]:
    start = CONTEXT.index(answer)
    row = {"id": "q", "language": "en", "group": "g", "document": "d", "context": CONTEXT, "question": "Who? When?"}
    return row | {"answers": [{"text": answer, "start": start}], "impossible": False} | more


def said(row: dict[str, Any], family: str = "span_qa", **other: str) -> dict[str, str]:
    """Every text in upper case, but for the ones that ``other`` names by their first word."""
    return {text: other.get(text.split()[0].strip("[]{}"), text.upper()) for text in wanted(row, family)}


def test_sentences_are_cut_behind_their_marks_and_nothing_is_lost() -> None:
    assert [CONTEXT[begin:end] for begin, end in sentences(CONTEXT)] == [
        "Ada met Charles Babbage in 1833.",
        "They worked on [a] machine.",
        "It was never built.",
    ]
    assert [" a\nb "[begin:end] for begin, end in sentences(" a\nb ")] == ["a\nb"] and sentences(" ") == []


@pytest.mark.parametrize("answer", ["Charles Babbage", "Ada", "1833. They worked", "[a] machine", "built"])
def test_markers_carry_the_answer_to_its_new_place(answer: str) -> None:
    row = question(answer)
    new = translated(row, "span_qa", "de", said(row))
    assert new is not None
    (found,) = new["answers"]
    assert found["text"] == answer.upper()
    assert new["context"][found["start"] :].startswith(found["text"]) and new["context"] == CONTEXT.upper()
    assert (new["question"], new["language"], new["id"], new["group"]) == ("WHO? WHEN?", "de", "q", "g")


def test_markers_differ_from_what_stands_in_the_sentence() -> None:
    assert marked(question("Ada")) == "[Ada] met Charles Babbage in 1833."
    assert marked(question("machine")) == "They worked on [a] {machine}."


@pytest.mark.parametrize("lost", ["ADA MET BABBAGE", "[ADA MET BABBAGE", "]ADA[ MET BABBAGE", "[] ADA MET BABBAGE"])
def test_lost_markers_fall_back_on_the_answer_alone(lost: str) -> None:
    row = question("Charles Babbage")
    known = said(row) | {marked(row): lost, "Ada met Charles Babbage in 1833.": "Ada traf Karl Babbage."}
    new = translated(row, "span_qa", "de", known | {"Charles Babbage": "karl babbage."})
    assert new is not None and new["answers"] == [{"text": "Karl Babbage", "start": 9}]
    assert new["context"].startswith("Ada traf Karl Babbage. THEY WORKED")
    assert translated(row, "span_qa", "de", known | {"Charles Babbage": "Lovelace"}) is None, "nowhere to be found"


def test_a_marked_answer_is_stripped_and_counted_from_the_new_sentence() -> None:
    assert carried("Er traf [ Karl ] dort.", ("[", "]")) == ("Er traf  Karl  dort.", 9, 4)


def test_a_question_without_an_answer_keeps_none() -> None:
    row = question("Ada", answers=[], impossible=True)
    new = translated(row, "span_qa", "de", said(row))
    assert new is not None and new["answers"] == [] and new["impossible"] and new["context"] == CONTEXT.upper()


def test_a_text_alone_stays_alone_and_an_empty_second_one_empty() -> None:
    row = {"id": "a", "language": "en", "text_a": "One. Two.", "text_b": None, "label": "1"}
    for second in (None, ""):
        assert [*wanted(row | {"text_b": second}, "classification")] == ["One.", "Two."]
        made = translated(row | {"text_b": second}, "classification", "de", {"One.": "Eins.", "Two.": "Zwei."})
        assert made == row | {"language": "de", "text_a": "Eins. Zwei.", "text_b": second}


def test_choices_stay_in_their_order_with_their_label() -> None:
    row = {"id": "0", "language": "en", "group": "g", "prompt": "A. B.", "choices": ["he c.", "she d."], "label": 1}
    new = translated(row, "multiple_choice", "sw", said(row, "multiple_choice"))
    assert new == row | {"language": "sw", "prompt": "A. B.".upper(), "choices": ["HE C.", "SHE D."]}


PAIRS = [
    (f"The cat number {n} sat. It slept.", f"A cat {n % 7} sat.", ("neutral", "entailment")[n % 2]) for n in range(25)
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_translator(tmp_path_factory.mktemp("translator"), [text for *texts, _ in PAIRS for text in texts])


def artifacts(folder: Path, model: Path) -> dict[str, Path]:
    """The translation model and English MNLI and SQuAD, made as the workflow makes them."""
    settings = {"weights": str(model), "revision": None}
    write_json(folder / "t.json", {"rule": "fetch_translator", "wildcards": [], "settings": settings, "code": ""})
    made = {"translator": produce(folder / "t" / "manifest.json", folder / "t.json", {}, fetch_translator).path}
    files = {f"intermediate/mnli/multinli_1.0_{split}.jsonl": nli(*PAIRS) for split in ("train", "dev_matched")}
    asked = squad({"id": "a"}, {"id": "b", "answers": [("notes", 10)]})
    files |= {f"intermediate/squad/{split}-v1.1.json": asked for split in ("train", "dev")}
    mirror = write(folder / "mirror", files)  # type: ignore[arg-type]
    for name in ("mnli", "squad"):
        spec = {"rule": "prepare", "wildcards": [name], "settings": {"dataset": name, "language": "en"}, "code": ""}
        write_json(folder / f"{name}.json", spec)
        place = folder / name / "en" / "manifest.json"
        produce(place, folder / f"{name}.json", {}, lambda *given: prepare_dataset(*given, origin=mirror))
        made[f"{name}/en"] = place
    return made


def translated_here(folder: Path, inputs: dict[str, Path], name: str, family: str) -> Manifest:
    settings = {"dataset": name, "family": family, "language": "de", "prefix": "<2de> ", "start": None, "beams": 1}
    spec = {"rule": "translate", "wildcards": [name], "settings": settings | {"micro_tokens": 256}, "code": ""}
    write_json(folder / f"{name}-de.json", spec)
    chosen = {role: path for role, path in inputs.items() if role in ("translator", f"{name}/en")}
    place = folder / f"{name}-translated" / "de" / "manifest.json"
    place.unlink(missing_ok=True)
    return produce(place, folder / f"{name}-de.json", chosen, job.translate_dataset)


def test_a_data_set_is_translated_row_by_row(tmp_path: Path, model: Path) -> None:
    inputs = artifacts(tmp_path, model)
    made = translated_here(tmp_path, inputs, "mnli", "classification")
    english, german = (read_jsonl(folder / "train.jsonl") for folder in (inputs["mnli/en"].parent, made.folder))
    kept = ("id", "group", "label")
    assert [[row[name] for name in kept] for row in german] == [[row[name] for name in kept] for row in english]
    assert {row["language"] for row in german} == {"de"} and made.results["rows"] == {"train": 25}
    assert made.results["lost"] == 0 and made.results["texts"] == 25 + 1 + 7, "every sentence once"
    texts = {row["text_a"] for row in german}
    assert all(texts) and not texts & {row["text_a"] for row in english}, "the model said something else"


def test_questions_whose_answers_are_lost_are_counted(tmp_path: Path, model: Path) -> None:
    made = translated_here(tmp_path, artifacts(tmp_path, model), "squad", "span_qa")
    if made.reason:
        assert made.reason == "squad in de: no answer survived the translation"
    else:
        assert made.results["rows"]["train"] + made.results["lost"] == 2


def test_stopped_work_is_gone_on_with(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = artifacts(tmp_path, model)
    whole = translated_here(tmp_path / "whole", inputs, "mnli", "classification")
    monkeypatch.setattr(job, "CHUNK", 10)
    chunks = translated_here(tmp_path / "chunks", inputs, "mnli", "classification")
    assert len(read_jsonl(chunks.folder / "train.jsonl")) == len(read_jsonl(whole.folder / "train.jsonl"))
    settings = chunks.content["spec"]["settings"]
    work = tmp_path / WORK
    content = {"translations": ["from before"] * 10}
    write_json(work / "000000.json", content | {"seal": seal(content)})
    texts = [f"text {n}" for n in range(14)]
    found = job._in_chunks(texts, settings, inputs["translator"].parent, "own", work)
    assert found[:10] == ["from before"] * 10 and len(found) == 14 and (work / "000001.json").is_file()


def test_a_damaged_chunk_of_stopped_work_is_named_and_translated_again(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(job, "CHUNK", 10)
    settings = {"prefix": "<2de> ", "start": None, "beams": 1, "micro_tokens": 256}
    texts, work = [f"text {n}" for n in range(24)], tmp_path / WORK
    made = job._in_chunks(texts, settings, model, "own", work)
    chunk = work / "000001.json"
    whole = chunk.read_bytes()
    other = whole.replace(b'[\n    "', b'[\n    "another word ', 1)
    assert other != whole
    for damaged, why in (
        (whole[:40], "broken JSON"),
        (b"\0" * len(whole), "broken JSON"),
        (b"\xff" + whole[1:], "bytes that are not UTF-8"),
        (other, "content that does not fit its seal"),
        (b'{"translations": []}', "no seal"),
        (b"[]", "list"),
    ):
        chunk.write_bytes(damaged)
        capsys.readouterr()
        assert job._in_chunks(texts, settings, model, "own", work) == made and chunk.read_bytes() == whole
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2 and said[0].startswith(str(chunk)) and f"found {why}" in said[0], said
        assert said[0].endswith("; these texts are translated again") and said[1] == "20 of 24 texts"
    assert job._in_chunks(texts, settings, model, "own", work) == made and not capsys.readouterr().err


def test_a_model_that_does_not_say_what_it_is_known_to_say_writes_nothing(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny model under a known name says what a model says whose weights were read wrongly."""
    named = tmp_path / "madlad400-3b-mt"
    shutil.copytree(model, named)
    inputs = artifacts(tmp_path, named)
    with pytest.raises(UserError, match=r"madlad400-3b-mt: found '.*' as the translation of 'I love pizza!'; expected"):
        translated_here(tmp_path, inputs, "mnli", "classification")
    written = [path.name for path in (tmp_path / "mnli-translated").rglob("*.json*") if path.is_file()]
    assert not written, "no rows, no chunk, no manifest"
    said = translate(["I love pizza!"], open_translator(model, "<2pt> ", None, 1, 64))[0]
    words = " ".join(re.findall(r"\w+", said.lower()))
    monkeypatch.setitem(known.KNOWN, named.name, known.Known("<2pt> ", "I love pizza!", ("eu adoro pizza", words)))
    assert translated_here(tmp_path, inputs, "mnli", "classification").results["rows"] == {"train": 25}


def test_the_order_of_texts_is_kept_and_an_unknown_first_token_refused(model: Path) -> None:
    by = open_translator(model, "<2de> ", None, 1, 64)
    texts = [a for a, _, _ in PAIRS]
    assert translate(texts[::-1], by) == translate(texts, by)[::-1]
    assert by.model.dtype.is_floating_point and open_translator(model, "", "<2de>", 2, 64).first_token == 3
    with pytest.raises(UserError, match=r"translation.start: the model has no token 'deu_Latn'"):
        open_translator(model, "", "deu_Latn", 1, 64)


def test_files_in_the_mirror_come_before_a_translation_made_here(tmp_path: Path) -> None:
    write(tmp_path, {"intermediate/translated/mnli/de/multinli_1.0_train.jsonl": nli(PAIRS[0])})
    run = load(BASE | {"sources": ["none", "mnli-de", "qqp-de", "csqa-de"], "seeds": [1], "mirror": str(tmp_path)})
    jobs = Jobs(run, ROOT)
    made = {job[0]: job[1:] for job in jobs.every() if job[0] in ("translate", "fetch_translator")}
    assert made == {"translate": ("qqp-translated", "de"), "fetch_translator": ()}
    read = {job[1:] for job in jobs.every() if job[0] == "prepare" and job[2] == "de"}
    assert read >= {("mnli-translated", "de"), ("csqa-translated", "de")} and ("qqp-translated", "de") not in read
    settings = settings_of(jobs, "translate", "qqp-translated", "de")
    assert (settings["dataset"], settings["prefix"], settings["start"]) == ("qqp", "<2de> ", None)
    assert jobs.data("qqp-translated", "de") in jobs.data_of_source("qqp-de")


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"sets": ["ccg"]}, "translation.sets: .*'ccg' cannot be translated"), ({"sets": ["mnlj"]}, "'mnlj' cannot be")],
)
def test_what_cannot_be_translated_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(BASE | {"translation": BASE["translation"] | changes})

"""Rows of the user's own files, whatever their form: as a task's entry names keys, columns and labels."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_tasks import BASE, CAUSES, PLACES, loaded, rows

from xstilts.data.prepare import prepare
from xstilts.errors import DataError
from xstilts.tasks import outside


@pytest.fixture(autouse=True)
def _no_files() -> Iterator[None]:
    """Whatever a test names is forgotten after it."""
    yield
    outside.name_files(())


def test_choices_may_be_any_number_in_a_list_or_in_columns(tmp_path: Path) -> None:
    entry = CAUSES | {"files": {"dev": "dev.jsonl"}, "languages": ["en"], "target": "csqa"}
    entry = entry | {"fields": {"prompt": "q.stem", "choices": "q.options", "label": "key", "id": "id"}}
    entry = entry | {"label_names": {"A": 0, "B": 1, "C": 2}}
    lines = ['{"id": 7, "q": {"stem": "s", "options": ["x", "y"]}, "key": "B"}\n']
    lines += ['{"id": 8, "q": {"stem": "s", "options": ["x", "y", "z"]}, "key": ""}\n']
    (tmp_path / "dev.jsonl").write_text("".join(lines))
    sets = BASE["target"]["sets"] | {"csqa": {"batch_size": 4, "epochs": 1}}
    loaded(tmp_path, {"causes": entry}, target=BASE["target"] | {"sets": sets})
    found = rows(tmp_path, "causes")
    assert [(row["id"], row["choices"], row["label"]) for row in found] == [
        ("7", ["x", "y"], 1),
        ("8", ["x", "y", "z"], None),
    ]
    (tmp_path / "dev.jsonl").write_text(lines[0].replace('["x", "y"]', '"x or y"'))
    with pytest.raises(
        DataError, match=r"dev.jsonl:1: found str under 'q.options'; expected a list, or several columns"
    ):
        rows(tmp_path, "causes")
    (tmp_path / "dev.jsonl").write_text(lines[0].replace('"B"', '"C"'))
    with pytest.raises(DataError, match=r"dev.jsonl:1: found the label '2'; expected one of 0 1"):
        rows(tmp_path, "causes")


def test_rows_of_a_label_that_is_dropped_are_left_out(tmp_path: Path) -> None:
    changes = {"files": {"dev": "dev.jsonl"}, "languages": ["en"], "target": "csqa", "drop": ["-"]}
    sets = BASE["target"]["sets"] | {"csqa": {"batch_size": 4, "epochs": 1}}
    loaded(tmp_path, {"causes": CAUSES | changes}, target=BASE["target"] | {"sets": sets})
    lines = [{"premise": f"p{n}", "first": "a", "second": "b", "right": right} for n, right in enumerate([1, "-", 0])]
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [(row["prompt"], row["label"]) for row in rows(tmp_path, "causes")] == [("p0", 1), ("p2", 0)]


def test_a_task_of_single_texts_has_no_second_text(tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text('{"said": "hello", "mood": "neutral"}\n')
    entry = {"family": "classification", "reader": "jsonl", "target": "mnli", "languages": ["en"]}
    entry |= {"files": {"dev": "dev.jsonl"}, "fields": {"text_a": "said", "label": "mood"}}
    loaded(tmp_path, {"moods": entry})
    (row,) = rows(tmp_path, "moods")
    assert (row["text_a"], row["text_b"], row["label"]) == ("hello", None, "neutral")


def test_words_and_tags_come_from_conllu_and_from_records(tmp_path: Path) -> None:
    lines = ["1-2 del _ _ _", "1 de _ ADP X", "2 el _ DET Y", "2.1 no _ NOUN Z"]  # a fused word, its parts, a node
    cells = ["\t".join([*line.split(), *"_____"]) for line in lines]
    (tmp_path / "dev.conllu").write_text("\n".join(["# text = del", *cells]) + "\n\n")
    (tmp_path / "dev.tsv").write_text("words\ttags\nde el\t0 1\n")
    (tmp_path / "dev.txt").write_text("de\tIN\nel\tDT\n")
    spelt = {"IN": "ADP", "DT": "DET"}
    base = {"family": "tagging", "languages": ["en"], "target": "udpos"}
    trees = {"reader": "conllu", "files": {"dev": "dev.conllu"}}
    records = {"fields": {"tokens": "words", "tags": "tags"}, "label_names": {0: "ADP", 1: "DET"}}
    loaded(
        tmp_path,
        {
            "trees": base | trees,
            "fine": base
            | {"reader": "conllu", "files": {"dev": "dev.conllu"}, "fields": {"tags": "xpos"}, "labels": ["X", "Y"]},
            "words": base | {"reader": "delimited", "files": {"dev": "dev.tsv"}} | records,
            "lines": base | {"reader": "word_tags", "files": {"dev": "dev.txt"}, "label_names": spelt},
        },
    )
    for name, tags in (
        ("trees", ["ADP", "DET"]),
        ("fine", ["X", "Y"]),
        ("words", ["ADP", "DET"]),
        ("lines", ["ADP", "DET"]),
    ):
        (row,) = rows(tmp_path, name)
        assert (row["tokens"], row["tags"]) == (["de", "el"], tags)


def test_a_test_file_may_lack_its_labels_and_a_dev_file_may_not(tmp_path: Path) -> None:
    for split in ("dev", "test"):
        (tmp_path / f"{split}.csv").write_text("said\nhello\n")
    entry = {"family": "classification", "reader": "delimited", "target": "mnli", "languages": ["en"]}
    entry |= {"files": {"test": "test.csv"}, "fields": {"text_a": "said", "label": "mood"}}
    loaded(tmp_path, {"moods": entry})
    made = prepare("moods", "en", tmp_path, tmp_path / "made")
    assert made["labelled"] == {"test": 0} and made["evaluate"] == []
    loaded(tmp_path, {"moods": entry | {"files": {"dev": "dev.csv"}}})
    with pytest.raises(DataError, match=r"dev.csv:1: found a header without mood"):
        prepare("moods", "en", tmp_path, tmp_path / "made")
    (tmp_path / "dev.csv").write_text("said,mood,mood\nhello,neutral,entailment\n")
    with pytest.raises(DataError, match=r"dev.csv:1: found a header with mood more than once"):
        prepare("moods", "en", tmp_path, tmp_path / "made")
    (tmp_path / "dev.csv").write_text('said,mood\nhello,neutral\n"well,neutral\nso,neutral\n')
    with pytest.raises(DataError, match=r"dev.csv:3: found a broken table"):
        prepare("moods", "en", tmp_path, tmp_path / "made")


def test_labels_inside_another_key_and_a_test_file_without_any_beside_rows_to_drop(tmp_path: Path) -> None:
    for split in ("dev", "test"):
        (tmp_path / f"{split}.jsonl").write_text('{"said": "hello", "meta": {"mood": "1"}}\n')
    entry = {"family": "classification", "reader": "jsonl", "target": "mnli", "languages": ["en"]}
    entry |= {"label_names": {"0": "neutral", "1": "entailment"}}
    fields = {"text_a": "said", "label": "meta.mood"}
    loaded(tmp_path, {"moods": entry | {"files": {"dev": "dev.jsonl", "test": "test.jsonl"}, "fields": fields}})
    assert prepare("moods", "en", tmp_path, tmp_path / "made")["labelled"] == {"dev": 1, "test": 1}
    (tmp_path / "test.jsonl").write_text('{"said": "hello"}\n')
    loaded(tmp_path, {"moods": entry | {"files": {"test": "test.jsonl"}, "fields": fields, "drop": ["0"]}})
    assert prepare("moods", "en", tmp_path, tmp_path / "made")["labelled"] == {"test": 0}


def test_a_quote_in_a_plain_table_of_tabs_is_text(tmp_path: Path) -> None:
    entry = {"family": "classification", "reader": "delimited", "target": "mnli", "languages": ["en"]}
    entry |= {"label_names": {"0": "neutral", "1": "entailment"}}
    loaded(tmp_path, {"moods": entry | {"files": {"dev": "dev.tsv"}, "fields": {"text_a": "said", "label": "mood"}}})
    for table, texts in (
        ('said\tmood\n"yes\t0\nok"\t1\n', ['"yes', 'ok"']),
        ('said\tmood\n"x" said\t1\n', ['"x" said']),
        ('said\tmood\n"a\tb"\t1\n', ["a\tb"]),
        ('said\tmood\n"a ""b"""\t1\n', ['a "b"']),
    ):
        (tmp_path / "dev.tsv").write_text(table)
        assert [row["text_a"] for row in rows(tmp_path, "moods")] == texts


def test_questions_may_have_no_answer_or_one_that_does_not_stand_there(tmp_path: Path) -> None:
    fields = {"context": "c", "question": "q", "answer": "a", "answer_start": "s", "impossible": "no"}
    entry = PLACES | {"reader": "delimited", "files": {"dev": "dev.csv"}, "fields": fields, "languages": ["en"]}
    (tmp_path / "dev.csv").write_text("c,q,a,s,no\nThe dog runs.,Who?,dog,4,false\nThe dog runs.,Where?,,,true\n")
    loaded(tmp_path, {"places": entry})
    found = rows(tmp_path, "places")
    assert [(row["answers"], row["impossible"]) for row in found] == [
        ([{"text": "dog", "start": 4}], False),
        ([], True),
    ]
    (tmp_path / "dev.csv").write_text("c,q,a,s,no\nThe dog runs.,Who?,dog,5,false\n")
    with pytest.raises(DataError, match=r"the answer 'dog' of question 0 at offset 5"):
        rows(tmp_path, "places")
    (tmp_path / "dev.csv").write_text("c,q,a,s,no\nThe dog runs.,Who?,dog,four,false\n")
    with pytest.raises(DataError, match=r"dev.csv:2: found the place 'four' of an answer"):
        rows(tmp_path, "places")

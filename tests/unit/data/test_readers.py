"""Upstream formats that the mirror cannot show, in small files written on the spot."""

import json
import tarfile
from pathlib import Path

import pytest
from data_files import nli, rows, squad, write

from xstilts.data.prepare import check_upstream
from xstilts.data.registry import dataset, language_names, names
from xstilts.errors import DataError
from xstilts.files import sha256
from xstilts.tasks import registry

TRAIN, DEV = "targets/tydiqa/tydiqa-goldp-v1.1-train", "targets/tydiqa/tydiqa-goldp-v1.1-dev"


def test_registry_agrees_with_the_tasks() -> None:
    tasks, training = registry()
    for task in tasks.values():
        data = dataset(task.dataset)
        assert data.family == task.family
        assert set(task.languages) <= set(data.languages)
        assert set(task.splits) <= set(data.splits)
    for entry in training.values():
        for part in entry.parts:
            data = dataset(part, "en")
            assert data.family == entry.family
            assert "train" in data.splits
            if isinstance(entry.labels, tuple):
                assert sorted(data.labels) == sorted(entry.labels)
    for name in names():
        for code in dataset(name).languages:
            assert language_names(code)["language"] == code


def test_snli_without_agreement_is_dropped(tmp_path: Path) -> None:
    pairs = nli(("a", "b", "neutral"), ("a", "c", "-"), ("a", "d", "entailment"))
    origin = write(tmp_path, {f"intermediate/snli/snli_1.0_{split}.jsonl": pairs for split in ("train", "dev")})
    said, found = rows("snli", "en", origin, tmp_path / "output")
    assert said["rows"] == {"train": 2, "dev": 2}
    assert [row["label"] for row in found["dev"]] == ["neutral", "entailment"]
    assert found["dev"][0]["group"] == found["dev"][1]["group"]
    assert said["files"]["intermediate/snli/snli_1.0_dev.jsonl"] == sha256(
        origin / "intermediate/snli/snli_1.0_dev.jsonl"
    )


@pytest.mark.parametrize(
    ("test", "labels", "expected"),
    [
        ("a\tb\nc\td\n", None, [None, None]),  # as XTREME writes it
        ("a\tb\tneutral\nc\td\tcontradictory\n", None, ["neutral", "contradiction"]),  # the labelled original
        ("a\tb\nc\td\n", "neutral\nentailment\n", ["neutral", "entailment"]),
    ],
)
def test_test_files_of_pairs_may_have_their_labels_or_not(
    test: str, labels: str | None, expected: list[str | None], tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {"targets/xnli/dev-de.tsv": "a\tb\tneutral\n", "targets/xnli/test-de.tsv": test}
    files |= {"targets/xnli/test-labels.tsv": labels} if labels else {}
    said, found = rows("xnli", "de", write(tmp_path, files), tmp_path / "output")
    assert [row["label"] for row in found["test"]] == expected
    assert said["labelled"]["test"] == sum(label is not None for label in expected)


def test_qqp_keeps_quotes_and_empty_questions(tmp_path: Path) -> None:
    head = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
    content = head + '9\t1\t2\tWhat is "it?\tWhy?\t1\n10\t3\t4\tIs this one?\t\t0\n'
    files: dict[str, str | bytes] = {f"intermediate/qqp/{split}.tsv": content for split in ("train", "dev")}
    said, found = rows("qqp", "en", write(tmp_path, files), tmp_path / "output")
    assert said["labelled"] == {"train": 2, "dev": 2} and said["evaluate"] == ["dev"] and said["reason"] is None
    assert found["train"][0] | {"group": ""} == {
        "id": "9",
        "language": "en",
        "group": "",
        "text_a": 'What is "it?',
        "text_b": "Why?",
        "label": "1",
    }
    assert found["train"][1]["text_b"] == ""


def test_ccg_takes_any_supertag(tmp_path: Path) -> None:
    content = "Pierre\tN/N\nVinken\tN\n\nran\tS[dcl]\\NP\n"
    files: dict[str, str | bytes] = {f"intermediate/ccg/{split}.tsv": content for split in ("train", "dev")}
    _, found = rows("ccg", "en", write(tmp_path, files), tmp_path / "output")
    assert [row["tags"] for row in found["dev"]] == [["N/N", "N"], ["S[dcl]\\NP"]]
    assert [row["id"] for row in found["dev"]] == ["0", "1"]


def test_panx_from_folder_and_archive(tmp_path: Path) -> None:
    content = "de:Rom\tB-LOC\nde:ist\tO\n\nde:a:b\tO\nohne\tO\n\n"
    folder = write(tmp_path / "folder", {f"targets/panx/de/{split}": content for split in ("train", "dev", "test")})
    packed = tmp_path / "packed"
    (packed / "targets/panx").mkdir(parents=True)
    with tarfile.open(packed / "targets/panx/de.tar.gz", "w:gz") as archive:
        for split in ("train", "dev", "test"):
            archive.add(folder / "targets/panx/de" / split, arcname=f"./{split}")
    said, found = rows("panx", "de", folder, tmp_path / "one")
    said_packed, found_packed = rows("panx", "de", packed, tmp_path / "two")
    assert found == found_packed
    assert said["rows"] == said_packed["rows"] == {"dev": 2, "test": 2}  # no German training rows are prepared
    assert [row["tokens"] for row in found["test"]] == [["Rom", "ist"], ["a:b"]]
    assert list(said_packed["files"]) == ["targets/panx/de.tar.gz"]


def test_bucc_pairs_both_sides(tmp_path: Path) -> None:
    stem = "targets/bucc2018/de-en/de-en"
    files: dict[str, str | bytes] = {}
    for split in ("sample", "training"):
        files[f"{stem}.{split}.de"] = "de-1\teins\nde-2\tzwei\n"
        files[f"{stem}.{split}.en"] = "en-1\tnothing\nen-2\tone\nen-3\tone\n"
        files[f"{stem}.{split}.gold"] = "de-1\ten-2\n"
    said, found = rows("bucc2018", "de", write(tmp_path, files), tmp_path / "output")
    assert said["rows"] == {"dev": 5, "test": 5}
    assert said["labelled"] == {"dev": 1, "test": 1}
    one = {row["id"]: row for row in found["test"]}
    assert one["de-1"]["matches"] == ["en-2"] and one["en-2"]["matches"] == ["de-1"] and one["en-3"]["matches"] == []
    assert one["en-2"]["group"] == "de-1" and one["en-2"]["language"] == "en"


def test_tatoeba_sorts_the_english_side(tmp_path: Path) -> None:
    origin = write(
        tmp_path,
        {
            "targets/tatoeba/v1/tatoeba.qaa-eng.qaa": "za\nyb\nxc\nwd\n",
            "targets/tatoeba/v1/tatoeba.qaa-eng.eng": "b same\n a first\nb same\nA\n",
        },
    )
    said, found = rows("tatoeba", "qaa", origin, tmp_path / "output")
    english = [row for row in found["test"] if row["side"] == "english"]
    assert [row["text"] for row in english] == ["A", "a first", "b same", "b same"]
    assert [row["matches"] for row in english] == [["qaa-3"], ["qaa-1"], ["qaa-0"], ["qaa-2"]]
    assert [row["id"] for row in found["test"][:4]] == ["qaa-0", "qaa-1", "qaa-2", "qaa-3"]
    assert said["labelled"] == {"test": 4}


def test_generated_languages_and_raw_text(tmp_path: Path) -> None:
    origin = write(
        tmp_path,
        {
            "text/world/qaa.txt": "ba bo\nbi\n",
            "text/world/parallel.qaa-en.tsv": "ba bo\tthe dog\n",
            "targets/udpos/test-qaa.tsv": "ba\tNOUN\nbo\tVERB\n",
            "targets/xnli/dev-qaa.tsv": "ba\tbo\tneutral\n",
            "targets/xnli/dev-en.tsv": "The dog\tit\tneutral\n",
        },
    )
    said, found = rows("text", "qaa", origin, tmp_path / "text")
    assert said["rows"] == {"train": 3}
    assert [row["group"] for row in found["train"]] == ["world", "world", "parallel"]
    assert "text_b" not in found["train"][0] and found["train"][2]["text_b"] == "the dog"
    assert rows("udpos", "qaa", origin, tmp_path / "udpos")[0]["evaluate"] == ["test"]
    said, found = rows("xnli", "qaa", origin, tmp_path / "xnli")
    english = rows("xnli", "en", origin, tmp_path / "xnli-en")[1]
    assert found["dev"][0]["group"] == english["dev"][0]["group"]
    assert sorted(said["files"]) == ["targets/xnli/dev-en.tsv", "targets/xnli/dev-qaa.tsv"]


def test_official_tydiqa_files_hold_all_languages(tmp_path: Path) -> None:
    questions = ({"id": "english-1-0"}, {"id": "korean-2-0"}, {"id": "english--3-1"})
    origin = write(tmp_path, {f"{TRAIN}.json": squad(*questions), f"{DEV}.json": squad(*questions)})
    said, found = rows("tydiqa", "en", origin, tmp_path / "en")
    assert [row["id"] for row in found["train"]] == ["english-1-0", "english--3-1"]
    assert said["evaluate"] == ["test"]
    said, found = rows("tydiqa", "ko", origin, tmp_path / "ko")
    # With a labelled dev file nothing Korean is taken from the training file.
    assert said["rows"] == {"test": 1} and said["evaluate"] == ["test"]


def test_tydiqa_without_dev_answers_falls_back_to_train(tmp_path: Path) -> None:
    stripped = squad({"id": "korean-1-0", "answers": [("", 0)]})
    train = squad({"id": "0"}, {"id": "0"}, {"id": "1"}, title=None)
    files: dict[str, str | bytes] = {f"{TRAIN}/tydiqa.goldp.{code}.train.json": train for code in ("en", "ko")} | {
        f"{DEV}/tydiqa.goldp.{code}.dev.json": stripped.replace("korean", name)
        for code, name in (("en", "english"), ("ko", "korean"), ("ar", "arabic"))
    }
    origin = write(tmp_path, files)
    said, found = rows("tydiqa", "ko", origin, tmp_path / "ko")
    assert said["evaluate"] == ["train"] and said["labelled"] == {"train": 3, "test": 0} and said["reason"] is None
    assert [row["id"] for row in found["train"]] == ["ko-0", "ko-1", "ko-2"]
    assert found["test"][0]["answers"] == [] and found["test"][0]["impossible"] is False
    said, _ = rows("tydiqa", "en", origin, tmp_path / "en")
    assert said["evaluate"] == [] and said["rows"] == {"train": 3, "test": 1}
    assert said["reason"] is None, "English is trained on, so that the fallback of other languages can be scored"
    said, _ = rows("tydiqa", "ar", origin, tmp_path / "ar")
    assert said["evaluate"] == [] and said["rows"] == {"test": 1} and "tydiqa.goldp.ar.dev.json" in said["reason"]


def test_squad2_keeps_impossible_questions(tmp_path: Path) -> None:
    content = squad({"id": "1"}, {"id": "2", "answers": [], "is_impossible": True})
    files: dict[str, str | bytes] = {f"intermediate/squad_v2/{split}-v2.0.json": content for split in ("train", "dev")}
    said, found = rows("squad2", "en", write(tmp_path, files), tmp_path / "output")
    assert said["labelled"] == {"train": 2, "dev": 2}
    assert [row["impossible"] for row in found["train"]] == [False, True]


def test_a_very_long_sentence_is_read(tmp_path: Path) -> None:
    origin = write(tmp_path, {"targets/udpos/dev-de.tsv": "Wort\tNOUN\n" * 5000})
    _, found = rows("udpos", "de", origin, tmp_path / "output")
    assert len(found["dev"][0]["tokens"]) == 5000


def test_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    origin = write(tmp_path, {"targets/xnli/dev-de.tsv": "a\u2028b\x85c\td\tneutral\r\ne\tf\tcontradictory"})
    _, found = rows("xnli", "de", origin, tmp_path / "output")
    assert [row["text_a"] for row in found["dev"]] == ["a\u2028b\x85c", "e"]
    assert found["dev"][1]["label"] == "contradiction"


def test_upstream_sizes_are_asserted(tmp_path: Path) -> None:
    check_upstream("xquad", "de", {"rows": {"test": 1190}, "labelled": {"test": 1190}})
    check_upstream("bucc2018", "de", {"rows": {"dev": 50000}, "labelled": {"dev": 1038}})
    with pytest.raises(DataError, match="mlqa dev in de: found 500 rows; expected 512"):
        check_upstream("mlqa", "de", {"rows": {"dev": 500}, "labelled": {"dev": 500}})


def test_rows_are_json_with_readable_text(tmp_path: Path) -> None:
    origin = write(tmp_path, {"targets/xnli/dev-hi.tsv": "नई दिल्ली\tहाँ\tneutral\n"})
    rows("xnli", "hi", origin, tmp_path / "output")
    line = (tmp_path / "output/dev.jsonl").read_text(encoding="utf-8")
    assert "नई दिल्ली" in line and json.loads(line)["text_b"] == "हाँ"


def test_sentences_of_wikipedia_are_raw_text_beside_others(tmp_path: Path) -> None:
    files = {"text/wikipedia/de.txt": "Ein Satz.\nNoch einer.\n", "text/flores/dev/deu_Latn.dev": "Ein dritter.\n"}
    found = rows("text", "de", write(tmp_path / "mirror", files), tmp_path / "out")[1]["train"]
    assert [(row["group"], row["id"], row["text"]) for row in found] == [
        ("flores", "flores-0", "Ein dritter."),
        ("wikipedia", "wikipedia-0", "Ein Satz."),
        ("wikipedia", "wikipedia-1", "Noch einer."),
    ]


def test_a_byte_order_mark_and_blank_lines_at_the_end_are_no_text(tmp_path: Path) -> None:
    files = {
        "intermediate/mnli/multinli_1.0_train.jsonl": "\ufeff" + nli(("a", "b", "neutral")) + "\n \n",
        "intermediate/mnli/multinli_1.0_dev_matched.jsonl": nli(("c", "d", "neutral")),
        "targets/xnli/dev-de.tsv": "\ufeffeins\tzwei\tneutral\r\n",
        "targets/xquad/xquad.de.json": "\ufeff" + squad({"id": "1"}),
    }
    origin = write(tmp_path / "origin", files)
    assert rows("mnli", "en", origin, tmp_path / "mnli")[1]["train"][0]["text_a"] == "a"
    assert rows("xnli", "de", origin, tmp_path / "xnli")[1]["dev"][0]["text_a"] == "eins"
    assert rows("xquad", "de", origin, tmp_path / "xquad")[1]["test"][0]["id"] == "1"


def test_a_row_that_is_dropped_anyway_may_lack_a_text(tmp_path: Path) -> None:
    """SNLI's test files of some releases hold rows with the label "-" and no hypothesis."""
    pairs = nli(("a", "b", "neutral"), ("a", "", "-"))
    origin = write(tmp_path, {f"intermediate/snli/snli_1.0_{split}.jsonl": pairs for split in ("train", "dev")})
    assert [row["text_b"] for row in rows("snli", "en", origin, tmp_path / "output")[1]["train"]] == ["b"]


HALF_NLI = nli(("a", "b", "neutral"), ("\ud83d", "b", "neutral"))
HALF_SQUAD = squad({"id": "\udc4d"}).replace('"data":', '\n"data":')


@pytest.mark.parametrize(
    ("dataset_name", "language", "name", "content"),
    [
        ("mnli", "en", "intermediate/mnli/multinli_1.0_train.jsonl", HALF_NLI),
        ("xquad", "de", "targets/xquad/xquad.de.json", HALF_SQUAD),
    ],
)
def test_half_a_character_is_named_by_file_and_row(
    tmp_path: Path, dataset_name: str, language: str, name: str, content: str
) -> None:
    whole = {"intermediate/mnli/multinli_1.0_dev_matched.jsonl": nli(("c", "d \U0001f44d", "neutral"))}
    with pytest.raises(DataError, match=rf"{Path(name).name}:2: found \\u(d83d|dc4d), half a character"):
        rows(dataset_name, language, write(tmp_path / "origin", whole | {name: content}), tmp_path / "output")


def mlqa(origin: Path, english: list[dict], german: list[dict]) -> Path:
    """Write MLQA's dev files of two languages; a passage is {question id: (answer, offset)}."""

    def document(passages: list[dict]) -> str:
        asked = [
            {
                "context": f"Ada wrote note {n}.",
                "qas": [
                    {"id": name, "question": "Who?", "answers": [{"text": text, "answer_start": start}]}
                    for name, (text, start) in passage.items()
                ],
            }
            for n, passage in enumerate(passages)
        ]
        return json.dumps({"data": [{"title": "Ada", "paragraphs": asked}]})

    place = "targets/mlqa/MLQA_V1/dev/dev-context-{0}-question-{0}.json"
    return write(origin, {place.format("en"): document(english), place.format("de"): document(german)})


def test_a_passage_with_a_misplaced_answer_is_left_out_in_all_languages(tmp_path: Path) -> None:
    right, wrong = ("Ada", 0), ("Ada", 1)
    origin = mlqa(
        tmp_path / "origin",
        english=[{"a": right, "b": wrong}, {"c": right}, {"d": right}],
        german=[{"a": right, "b": right}, {"c": right}, {"d": wrong}],
    )
    said, found = rows("mlqa", "en", origin, tmp_path / "en")
    assert [row["id"] for row in found["dev"]] == ["c", "d"] and said["left_out"] == {"dev": ["a", "b"]}
    said, found = rows("mlqa", "de", origin, tmp_path / "de")
    assert [row["id"] for row in found["dev"]] == ["c"] and said["left_out"] == {"dev": ["a", "b", "d"]}
    with pytest.raises(DataError, match=r"mlqa dev in de: found 4 rows; expected 512"):
        check_upstream("mlqa", "de", said)


def test_questions_of_a_translation_whose_answers_were_lost_are_named(tmp_path: Path) -> None:
    asked = [
        {"id": name, "question": "Wer?", "answers": [{"text": "Ada", "answer_start": start}, *more]}
        for name, start, more in (
            ("kept", 0, []),
            ("lost", 1, []),
            ("half", 0, [{"text": "Ida", "answer_start": 0}]),
            ("none", 5, [{"text": "", "answer_start": -1}]),
        )
    ]
    document = {"data": [{"title": "Ada", "paragraphs": [{"context": "Ada schrieb.", "qas": asked}]}]}
    origin = write(tmp_path / "origin", {"intermediate/translated/squad/de/train-v1.1.json": json.dumps(document)})
    said, found = rows("squad-translated", "de", origin, tmp_path / "de")
    assert [(row["id"], row["answers"]) for row in found["train"]] == [
        ("kept", [{"text": "Ada", "start": 0}]),
        ("half", [{"text": "Ada", "start": 0}]),
    ]
    assert said["left_out"] == {"train": ["lost", "none"]}
    asked[0]["answers"] = ["Ada"]  # type: ignore[assignment]
    origin = write(tmp_path / "bare", {"intermediate/translated/squad/de/train-v1.1.json": json.dumps(document)})
    with pytest.raises(DataError, match=r"train-v1\.1\.json: found a str in question kept; expected an object"):
        rows("squad-translated", "de", origin, tmp_path / "again")


def test_more_misplaced_passages_than_the_registry_allows_refuse_the_file(tmp_path: Path) -> None:
    many = dataset("mlqa").misplaced + 1
    origin = mlqa(tmp_path / "origin", [{str(n): ("Ada", 1)} for n in range(many)], [{"0": ("Ada", 0)}])
    for language in ("en", "de"):
        with pytest.raises(DataError, match=r"the answer 'Ada' of question 0 at offset 1, where"):
            rows("mlqa", language, origin, tmp_path / language)


@pytest.mark.parametrize("count", [2, 3, 6])
def test_questions_have_any_number_of_choices(tmp_path: Path, count: int) -> None:
    letters = "ABCDEF"[:count]
    asked = {"stem": "s", "choices": [{"label": letter, "text": letter.lower()} for letter in letters]}
    swag = {"ctx_a": "A man sits.", "ctx_b": "he", "endings": [*letters.lower()], "label": count - 1}
    line = json.dumps({"id": "d", "answerKey": letters[-1], "question": asked})
    for name, content in (("csqa", line), ("hellaswag", json.dumps(swag))):
        write(tmp_path, {file: content for split in ("train", "dev") for file in dataset(name).splits[split][0]})
    for name in ("csqa", "hellaswag"):
        _, found = rows(name, "en", tmp_path, tmp_path / name)
        assert len(found["train"][0]["choices"]) == count and found["train"][0]["label"] == count - 1

"""Every kind of bad input gets one message that names file, row or key, what was found and what was expected."""

import json
import tarfile
from pathlib import Path

import pytest
from data_files import check_named, nli, squad, write

from xstilts.data.prepare import prepare
from xstilts.errors import ConfigError, DataError

MNLI = "intermediate/mnli/multinli_1.0_train.jsonl"
MNLI_DEV = {"intermediate/mnli/multinli_1.0_dev_matched.jsonl": nli(("a", "b", "neutral"))}
SQUAD = "intermediate/squad/train-v1.1.json"
SQUAD_DEV = {"intermediate/squad/dev-v1.1.json": squad({"id": "d"})}
COSMOS = "intermediate/cosmosqa/train.csv"
COSMOS_HEAD = "id,context,question,answer0,answer1,answer2,answer3,label\n"
COSMOS_DEV = {"intermediate/cosmosqa/valid.csv": COSMOS_HEAD + "d,c,q,w,x,y,z,0\n"}
CSQA_DEV = {
    "intermediate/commonsenseqa/dev_rand_split.jsonl": json.dumps(
        {"id": "d", "answerKey": "A", "question": {"stem": "s", "choices": [{"label": c, "text": c} for c in "ABCDE"]}}
    )
}
BUCC = "targets/bucc2018/de-en/de-en.sample."
MLQA = "targets/mlqa/MLQA_V1/dev/dev-context-en-question-en.json"
HELLA = {"ctx_a": "A man sits.", "ctx_b": "he", "endings": ["a", "b", "c", "d"], "label": 3}
HELLA_DEV = {"intermediate/hellaswag/hellaswag_val.jsonl": json.dumps(HELLA)}

# data set, language, files of the origin, what the message holds
CASES = {
    "missing file": ("mnli", "en", MNLI_DEV, ["multinli_1.0_train.jsonl: found no such file", "the train split"]),
    "missing part": (
        "tatoeba",
        "de",
        {"targets/tatoeba/v1/tatoeba.deu-eng.deu": "a\n"},
        ["tatoeba.deu-eng.eng: found no such file"],
    ),
    "empty file": ("xnli", "de", {"targets/xnli/dev-de.tsv": "\n"}, ["dev-de.tsv: found an empty file"]),
    "byte order mark alone": (
        "udpos",
        "de",
        {"targets/udpos/test-de.tsv": "\ufeff\n"},
        ["test-de.tsv: found an empty"],
    ),
    "nothing but blanks": (
        "xcopa",
        "et",
        {"targets/xcopa/data/et/test.et.jsonl": "\u00a0\n"},
        ["test.et.jsonl: found an empty file; expected at least one row"],
    ),
    "truncated jsonl": (
        "mnli",
        "en",
        {MNLI: nli(("a", "b", "neutral")) + '{"gold_label": "neut', **MNLI_DEV},
        ["multinli_1.0_train.jsonl:2: found broken JSON", "a whole JSON object a line"],
    ),
    "truncated json": ("squad", "en", {SQUAD: squad({"id": "1"})[:-9], **SQUAD_DEV}, ["train-v1.1.json:1", "broken"]),
    "truncated csv": (
        "cosmosqa",
        "en",
        {COSMOS: COSMOS_HEAD + '1,"c', **COSMOS_DEV},
        ["train.csv:2: found broken CSV"],
    ),
    "broken UTF-8": (
        "xnli",
        "de",
        {"targets/xnli/dev-de.tsv": b"a\tb\tneutral\r\n\xff\tb\tneutral\r\n"},
        ["dev-de.tsv:2: found a byte 0xff that is not UTF-8; expected UTF-8 text"],
    ),
    "broken UTF-8 in JSON": ("xquad", "de", {"targets/xquad/xquad.de.json": b'{"data": "\xff"}'}, ["not UTF-8"]),
    "too few columns": (
        "xnli",
        "de",
        {"targets/xnli/dev-de.tsv": "a\tb\tneutral\na\tb\n"},
        ["dev-de.tsv:2: found 2 columns; expected 3 separated by tabs"],
    ),
    "too few columns in a csv": (
        "cosmosqa",
        "en",
        {COSMOS: COSMOS_HEAD + "1,c,q,w,x\n", **COSMOS_DEV},
        ["train.csv:2: found 5 columns; expected 8"],
    ),
    "too few columns in word tags": (
        "udpos",
        "de",
        {"targets/udpos/dev-de.tsv": "Der\tDET\nHund\n"},
        ["dev-de.tsv:2: found 1 column; expected 2"],
    ),
    "csv without a column": ("cosmosqa", "en", {COSMOS: "id,context\n1,c\n", **COSMOS_DEV}, ["train.csv:1", "answer0"]),
    "qqp without its header": (
        "qqp",
        "en",
        {"intermediate/qqp/train.tsv": "1\t2\t3\ta\tb\t0\n", "intermediate/qqp/dev.tsv": "1\t2\t3\ta\tb\t0\n"},
        ["dev.tsv:1: found a header without id", "is_duplicate"],
    ),
    "missing key": (
        "mnli",
        "en",
        {MNLI: '{"gold_label": "neutral", "sentence1": "a"}\n', **MNLI_DEV},
        ["train.jsonl:1: found no key 'sentence2'"],
    ),
    "wrong kind of value": (
        "mnli",
        "en",
        {MNLI: '{"gold_label": 1, "sentence1": "a", "sentence2": "b"}\n', **MNLI_DEV},
        ["train.jsonl:1: found int under 'gold_label'; expected a str"],
    ),
    "unknown NLI label": (
        "mnli",
        "en",
        {MNLI: nli(("a", "b", "maybe")), **MNLI_DEV},
        ["train.jsonl:1: found the label 'maybe'; expected one of contradiction entailment neutral"],
    ),
    "unknown PAWS-X label": (
        "pawsx",
        "de",
        {"targets/pawsx/dev-de.tsv": "a\tb\t2\r\n"},
        ["dev-de.tsv:1: found the label '2'; expected one of 0 1"],
    ),
    "a labelled test row that lost its second text": (
        "pawsx",
        "en",
        dict.fromkeys(["targets/pawsx/train-en.tsv", "targets/pawsx/dev-en.tsv"], "a\tb\t1\n")
        | {"targets/pawsx/test-en.tsv": "a\tb\t0\nc d\t1\n"},
        ["test-en.tsv:2: found 2 columns; expected 3 separated by tabs"],
    ),
    "unknown tag": (
        "udpos",
        "de",
        {"targets/udpos/dev-de.tsv": "Der\tDET\nHund\tNN\n"},
        ["dev-de.tsv:2: found the tag 'NN'"],
    ),
    "unknown PAN-X tag": (
        "panx",
        "de",
        {"targets/panx/de/dev": "de:Rom\tB-LOC\nde:x\tB-MISC\n"},
        ["de/dev:2: found the tag 'B-MISC'"],
    ),
    "unknown multiple-choice label": (
        "hellaswag",
        "en",
        {"intermediate/hellaswag/hellaswag_train.jsonl": json.dumps(HELLA | {"label": 4}), **HELLA_DEV},
        ["hellaswag_train.jsonl:1: found the label 4; expected one of 0 1 2 3"],
    ),
    "unknown answer key": (
        "csqa",
        "en",
        {
            "intermediate/commonsenseqa/train_rand_split.jsonl": CSQA_DEV[
                "intermediate/commonsenseqa/dev_rand_split.jsonl"
            ].replace('"answerKey": "A"', '"answerKey": "F"'),
            **CSQA_DEV,
        },
        ["train_rand_split.jsonl:1: found the label 'F'; expected one of A B C D E"],
    ),
    "too few endings": (
        "hellaswag",
        "en",
        {"intermediate/hellaswag/hellaswag_train.jsonl": json.dumps(HELLA | {"endings": ["a"]}), **HELLA_DEV},
        ["hellaswag_train.jsonl:1: found 1 endings; expected two"],
    ),
    "empty text": (
        "xnli",
        "de",
        {"targets/xnli/dev-de.tsv": "a\t \tneutral\n"},
        ["dev-de.tsv:1: found an empty second text"],
    ),
    "empty question": (
        "squad",
        "en",
        {SQUAD: squad({"id": "1", "question": " "}), **SQUAD_DEV},
        ["train-v1.1.json: found an empty question in question 1"],
    ),
    "empty context": (
        "squad",
        "en",
        {SQUAD: squad({"id": "1"}, context=""), **SQUAD_DEV},
        ["an empty context in article 1"],
    ),
    "empty word": ("udpos", "de", {"targets/udpos/dev-de.tsv": "\tDET\n"}, ["dev-de.tsv:1: found an empty word"]),
    "empty sentence": (
        "tatoeba",
        "de",
        {"targets/tatoeba/v1/tatoeba.deu-eng.deu": "a\n\nc\n", "targets/tatoeba/v1/tatoeba.deu-eng.eng": "a\nb\nc\n"},
        ["tatoeba.deu-eng.deu:2: found an empty sentence"],
    ),
    "duplicate question id": (
        "squad",
        "en",
        {SQUAD: squad({"id": "7"}, {"id": "7"}), **SQUAD_DEV},
        ["train-v1.1.json: found the id '7' twice; expected unique ids"],
    ),
    "a column twice": (
        "cosmosqa",
        "en",
        {COSMOS: COSMOS_HEAD.replace("id,", "id,question,") + "1,p,c,q,w,x,y,z,1\n", **COSMOS_DEV},
        ["train.csv:1: found a header with question more than once"],
    ),
    "duplicate csv id": (
        "cosmosqa",
        "en",
        {COSMOS: COSMOS_HEAD + "1,c,q,w,x,y,z,0\n1,c,q,w,x,y,z,0\n", **COSMOS_DEV},
        ["train.csv:3: found the id '1' twice (first in row 2)"],
    ),
    "duplicate BUCC id": (
        "bucc2018",
        "de",
        {BUCC + "de": "de-1\ta\nde-1\tb\n", BUCC + "en": "en-1\ta\n", BUCC + "gold": "de-1\ten-1\n"},
        ["de-en.sample.de:2: found the id 'de-1' twice"],
    ),
    "answer at the wrong offset": (
        "squad",
        "en",
        {SQUAD: squad({"id": "7", "answers": [("Ada", 4)]}), **SQUAD_DEV},
        ["the answer 'Ada' of question 7 at offset 4, where the context reads 'wro'"],
    ),
    "answer outside the context": (
        "squad",
        "en",
        {SQUAD: squad({"id": "7", "answers": [("Ada", -3)]}), **SQUAD_DEV},
        ["question 7 at offset -3"],
    ),
    "question without an answer": (
        "squad",
        "en",
        {SQUAD: squad({"id": "7"}, {"id": "8", "answers": []}), **SQUAD_DEV},
        ["train-v1.1.json: found no answer to question 8"],
    ),
    "training rows without labels": (
        "squad",
        "en",
        {SQUAD: squad({"id": "7", "answers": [("", 0)]}), **SQUAD_DEV},
        ["train-v1.1.json: found 1 training rows without labels"],
    ),
    "passage without its context": (
        "mlqa",
        "en",
        {MLQA: '{"data": [{"paragraphs": [{"qas": []}]}]}'},
        ["question-en.json: found no key 'context' in article 1"],
    ),
    "question without an id": (
        "mlqa",
        "en",
        {MLQA: '{"data": [{"paragraphs": [{"context": "Ada", "qas": [{"answers": []}]}]}]}'},
        ["question-en.json: found no key 'id' in article 1"],
    ),
    "question without a list of answers": (
        "mlqa",
        "en",
        {MLQA: '{"data": [{"paragraphs": [{"context": "Ada", "qas": [{"id": "7", "question": "Who?"}]}]}]}'},
        ["question-en.json: found no key 'answers' in article 1"],
    ),
    "not a SQuAD document": ("xquad", "de", {"targets/xquad/xquad.de.json": '{"rows": []}'}, ["found no key 'data'"]),
    "article that is no object": (
        "xquad",
        "de",
        {"targets/xquad/xquad.de.json": '{"data": [1]}'},
        ["found a int in article 1"],
    ),
    "English TyDi QA with other languages": (
        "tydiqa",
        "en",
        {
            "targets/tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.en.train.json": squad(
                {"id": "english-1"}, {"id": "arabic-2"}
            )
        },
        ["tydiqa.goldp.en.train.json: found questions in other languages (1 of ar); expected", "with english-"],
    ),
    "labels of another length": (
        "xnli",
        "de",
        {"targets/xnli/test-de.tsv": "a\tb\n" * 3, "targets/xnli/test-labels.tsv": "neutral\n" * 2},
        ["test-labels.tsv: found 2 labels; expected 3, one for each row of test-de.tsv"],
    ),
    "translation with fewer rows": (
        "xnli",
        "de",
        {"targets/xnli/dev-de.tsv": "a\tb\tneutral\n", "targets/xnli/dev-en.tsv": "a\tb\tneutral\n" * 2},
        ["dev-de.tsv: found 1 rows; expected 2, as in dev-en.tsv"],
    ),
    "parallel files of different length": (
        "tatoeba",
        "de",
        {"targets/tatoeba/v1/tatoeba.deu-eng.deu": "a\nb\n", "targets/tatoeba/v1/tatoeba.deu-eng.eng": "a\n"},
        ["tatoeba.deu-eng.eng: found 1 lines; expected 2, as in tatoeba.deu-eng.deu"],
    ),
    "gold pair of an unknown id": (
        "bucc2018",
        "de",
        {BUCC + "de": "de-1\ta\n", BUCC + "en": "en-1\ta\n", BUCC + "gold": "de-1\ten-9\n"},
        ["de-en.sample.gold:1: found the id 'en-9'; expected an id of de-en.sample.en"],
    ),
    "broken archive": (
        "panx",
        "de",
        {"targets/panx/de.tar.gz": b"\x1f\x8b\x08 no archive"},
        ["de.tar.gz: found a broken archive"],
    ),
    "Bible line without a reference": (
        "text",
        "de",
        {"text/bible/de.tsv": "Am Anfang\n"},
        ["de.tsv:1: found 1 column"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_named(case: str, tmp_path: Path) -> None:
    check_named(*CASES[case], tmp_path)


def test_truncated_archive(tmp_path: Path) -> None:
    write(tmp_path, {"dev": "de:Rom\tB-LOC\n" * 2000})
    archive = tmp_path / "targets/panx/de.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as handle:
        handle.add(tmp_path / "dev", arcname="dev")
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"de\.tar\.gz: found a broken archive"):
        prepare("panx", "de", tmp_path, tmp_path / "output")


def test_archive_without_a_split(tmp_path: Path) -> None:
    write(tmp_path, {"dev": "de:Rom\tB-LOC\n"})
    archive = tmp_path / "targets/panx/de.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as handle:
        handle.add(tmp_path / "dev", arcname="dev")
    with pytest.raises(DataError, match=r"no member 'test'"):
        prepare("panx", "de", tmp_path, tmp_path / "output")


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown data set 'mnlli'; known: mnli snli"):
        prepare("mnlli", "en", tmp_path, tmp_path / "output")
    with pytest.raises(ConfigError, match="xnli has no language 'xx'; known: ar bg"):
        prepare("xnli", "xx", tmp_path, tmp_path / "output")
    with pytest.raises(ConfigError, match="mnli has no language 'de'; known: en"):
        prepare("mnli", "de", tmp_path, tmp_path / "output")
    with pytest.raises(DataError, match="no such folder"):
        prepare("mnli", "en", tmp_path / "nowhere", tmp_path / "output")


def test_what_is_not_there_is_a_reason_and_no_file(tmp_path: Path) -> None:
    stale = write(tmp_path / "output", {"dev.jsonl": "{}\n"})
    origin = tmp_path / "origin"
    origin.mkdir()
    said = prepare("qqp", "en", origin, stale)
    nothing = {"rows": {}, "labelled": {}, "left_out": {}, "evaluate": [], "files": {}}
    assert said == nothing | {"reason": said["reason"]}
    assert "licence" in said["reason"] and "intermediate/qqp/train.tsv is not there" in said["reason"]
    assert list(stale.iterdir()) == []
    assert prepare("xquad", "vi", origin, stale)["reason"] == "targets/xquad/xquad.vi.json is not there"
    write(origin, {"targets/xnli/test-labels.tsv": "neutral\n"})
    assert prepare("xnli", "de", origin, stale)["reason"] == "targets/xnli/dev-de.tsv is not there"
    assert prepare("udpos", "fi", origin, stale)["reason"] == "targets/udpos/dev-fi.tsv is not there"

"""Bad input of what XTREME-R adds gets one message, too: XCOPA with COPA and Social IQa, LAReQA, Mewsli-X."""

import json
from pathlib import Path

import pytest
from data_files import check_named

COPA = {"premise": "It rained.", "choice1": "a", "choice2": "b", "question": "cause", "label": 0, "idx": 0}
COPA_TRAIN, COPA_DEV = "targets/copa/train.en.jsonl", "targets/copa/val.en.jsonl"
XCOPA = "targets/xcopa/data/et/{}.et.jsonl"
SIQA = {"context": "c", "question": "q?", "answerA": "a", "answerB": "b", "answerC": "c"}
SIQA_DEV = {"targets/siqa/dev.jsonl": json.dumps(SIQA), "targets/siqa/dev-labels.lst": "1\n"}
SIQA_TRAIN = {"targets/siqa/train.jsonl": "\n".join([json.dumps(SIQA)] * 2)}


def copa(**changes: object) -> dict[str, str]:
    return {COPA_TRAIN: json.dumps(COPA), COPA_DEV: json.dumps({**COPA, "premise": "It froze.", **changes})}


def of_lareqa(**changes: object) -> dict[str, str]:
    question = {"id": "q", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}]} | changes
    passage = {"context": "Ada wrote. So.", "sentence_breaks": [[0, 10]], "qas": [question]}
    return {"targets/lareqa/xquad-r/de.json": json.dumps({"data": [{"paragraphs": [passage]}]})}


def of_mewslix(said: str = "Ada", text: str = "Ada left. So.", **changes: object) -> dict[str, str]:
    context = {"document_id": "d", "language": "de", "text": text, "sentence_spans": [{"start": 0, "end": 9}]}
    span = {"start": 0, "end": len(said), "text": said} | changes
    found = {"context": context, "mentions": [{"example_id": "m", "entity_id": "Q1", "mention_span": span}]}
    return {"targets/mewslix/wikinews_mentions-dev.jsonl": json.dumps(found)}


def of_entities(*changes: dict[str, object]) -> dict[str, str]:
    one = {"entity_id": "Q1", "description": "Ada.", "description_language": "en", "sentence_spans": []}
    found = [{key: value for key, value in (one | change).items() if value is not None} for change in changes]
    return {"targets/mewslix/candidate_set_entities.jsonl": "\n".join(map(json.dumps, found))}


# data set, language, files of the origin, what the message holds
CASES = {
    "a question whose answer is in no sentence": (
        "lareqa",
        "de",
        of_lareqa(answers=[{"text": "So", "answer_start": 11}]),
        ["de.json: found the question q without a target: its answer begins at 11"],
    ),
    "a question of another language without its id": (
        "lareqa",
        "de",
        of_lareqa()
        | {place.replace("de.", "es."): text.replace('"id"', '"no"') for place, text in of_lareqa().items()},
        ["es.json: found no key 'id'; expected a str under 'id'"],
    ),
    "a question without an answer": ("lareqa", "de", of_lareqa(answers=[]), ["the question q without an answer"]),
    "sentences beyond their passage": (
        "lareqa-candidates",
        "de",
        {place: text.replace("[0, 10]", "[0, 99]") for place, text in of_lareqa().items()},
        ["de.json: found sentence breaks that do not fit in passage 1"],
    ),
    "a mention whose braces do not match": (
        "mewslix",
        "de",
        of_mewslix("A{da", "A{da left. So."),
        ["wikinews_mentions-dev.jsonl:1: found the mention m 'A{da', whose braces do not match"],
    ),
    "a mention elsewhere": (
        "mewslix",
        "de",
        of_mewslix(start=4, end=7),
        ["mentions-dev.jsonl:1: found the mention m 'Ada' where the text reads 'lef'"],
    ),
    "a mention in two sentences": (
        "mewslix",
        "de",
        of_mewslix("Ada left. So"),
        ["mentions-dev.jsonl:1: found the mention m 'Ada left. So' in no one sentence"],
    ),
    "no mention in a language": ("mewslix", "fa", of_mewslix(), ["no rows", "the dev split of mewslix in fa"]),
    "mentions of dev as those of test": (
        "mewslix",
        "de",
        {**of_mewslix(), "targets/mewslix/wikinews_mentions-test.jsonl": next(iter(of_mewslix().values()))},
        ["wikinews_mentions-test.jsonl:1: found the very rows of targets/mewslix/wikinews_mentions-dev.jsonl"],
    ),
    "a candidate without id": (
        "mewslix-candidates",
        "all",
        of_entities({}, {"entity_id": None}),
        ["candidate_set_entities.jsonl:2: found no key 'entity_id'"],
    ),
    "a candidate with an empty id": (
        "mewslix-candidates",
        "all",
        of_entities({"entity_id": " "}),
        ["candidate_set_entities.jsonl:1: found an empty entity_id"],
    ),
    "a candidate without text": (
        "mewslix-candidates",
        "all",
        of_entities({}, {"entity_id": "Q2", "description": " "}),
        ["candidate_set_entities.jsonl:2: found an empty description of Q2"],
    ),
    "two candidates of one id": (
        "mewslix-candidates",
        "all",
        of_entities({}, {"description": "Other."}),
        ["candidate_set_entities.jsonl:2: found the id 'Q1' twice (first in row 1)"],
    ),
    "half a line of candidates": (
        "mewslix-candidates",
        "all",
        {place: text[:-5] for place, text in of_entities({}).items()},
        ["candidate_set_entities.jsonl:1: found broken JSON"],
    ),
    "a val file given as test": (
        "xcopa",
        "et",
        {XCOPA.format(split): json.dumps(COPA) for split in ("val", "test")},
        ["test.et.jsonl:1: found the very rows of targets/xcopa/data/et/val.et.jsonl; expected another split"],
    ),
    "a question of COPA that is none": (
        "copa",
        "en",
        copa(question="why"),
        ["val.en.jsonl:1: found the question 'why'; expected one of cause effect"],
    ),
    "a label beyond the two choices": ("copa", "en", copa(label=2), ["val.en.jsonl:1: found the label '2'", "0 1"]),
    "a row of COPA without its number": ("copa", "en", copa(idx="0"), ["val.en.jsonl:1: found str under 'idx'"]),
    "a choice that is empty": ("copa", "en", copa(choice2=" "), ["val.en.jsonl:1: found an empty choice2"]),
    "fewer labels than rows": (
        "siqa",
        "en",
        {**SIQA_TRAIN, "targets/siqa/train-labels.lst": "1\n", **SIQA_DEV},
        ["train-labels.lst:1: found 1 labels; expected one for each row of train.jsonl"],
    ),
    "more labels than rows": (
        "siqa",
        "en",
        {**SIQA_TRAIN, "targets/siqa/train-labels.lst": "1\n2\n3\n", **SIQA_DEV},
        ["train-labels.lst:3: found 3 labels; expected 2"],
    ),
    "a fourth answer of SIQA": (
        "siqa",
        "en",
        {**SIQA_TRAIN, "targets/siqa/train-labels.lst": "1\n4\n", **SIQA_DEV},
        ["train-labels.lst:2: found the label '4'; expected one of A B C or 1 2 3"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_named(case: str, tmp_path: Path) -> None:
    check_named(*CASES[case], tmp_path)

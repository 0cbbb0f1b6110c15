"""Tiny repositories of every data set that is read from the Hub, as parquet that the `datasets` library wrote."""

import io
from functools import cache
from typing import Any

from data_files import NLI_ROWS
from datasets import ClassLabel, Dataset, Features, Value, disable_progress_bars
from datasets import Sequence as ListOf
from hub_server import Hub

from xstilts.data.registry import dataset, language_names

disable_progress_bars()
TEXT, NUMBER = Value("string"), Value("int32")
NLI = ["entailment", "neutral", "contradiction"]
TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
ANSWERS = {"text": ListOf(TEXT), "answer_start": ListOf(NUMBER)}
ROWS = {  # of each split of the tiny repositories
    **NLI_ROWS,
    "qqp": {"train": 2, "dev": 2},
    "squad": {"train": 3, "dev": 3},
    "squad2": {"train": 3, "dev": 3},
    "hellaswag": {"train": 2, "dev": 2},
    "cosmosqa": {"train": 2, "dev": 2},
    "csqa": {"train": 2, "dev": 2, "test": 2},
    "xnli": {"dev": 3, "test": 3},
    "pawsx": {"train": 2, "dev": 2, "test": 2},
    "panx": {"train": 2, "dev": 2, "test": 2},
    "xquad": {"test": 3},
    "mlqa": {"dev": 3, "test": 3},
    "tydiqa": {"train": 3, "test": 3},
}


def parquet(features: dict[str, Any], rows: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    Dataset.from_list(rows, features=Features(features)).to_parquet(buffer)
    return buffer.getvalue()


def nli(names: list[str] = NLI, extra: tuple[dict[str, Any], ...] = (), **more: Any) -> bytes:
    """A pair for each of NLI's labels, named in their hypotheses, whatever the order of the names on the Hub."""
    features = {"premise": TEXT, "hypothesis": TEXT, "label": ClassLabel(names=names), **dict.fromkeys(more, TEXT)}
    rows = [{"premise": f'"A {n}', "hypothesis": f"is\t{name}", "label": name} for n, name in enumerate(NLI)]
    return parquet(
        features, [{**row, **{k: f"{v}{n}" for k, v in more.items()}} for n, row in enumerate([*rows, *extra])]
    )


def pairs(texts: tuple[str, str], names: list[str], extra: str = "idx") -> bytes:
    features = {extra: NUMBER, texts[0]: TEXT, texts[1]: TEXT, "label": ClassLabel(names=names)}
    return parquet(features, [{extra: n, texts[0]: f"a {n}", texts[1]: f"b {n}", "label": n} for n in (0, 1)])


def squad(ids: tuple[str, ...] = ("q1", "q2", "q3"), title: bool = True, unanswerable: bool = False) -> bytes:
    """Two passages of one article; the last question has no answer where that is allowed."""
    rows = []
    for n, name in enumerate(ids):
        found = (
            {"text": ["Ada"], "answer_start": [5]} if not unanswerable or n < 2 else {"text": [], "answer_start": []}
        )
        context = f"Ω 𝔸, Ada wrote note {n // 2}."
        found["answer_start"] = [context.index("Ada") for _ in found["text"]]
        rows.append({"id": name, "title": "Ada", "context": context, "question": f"Who {n}?", "answers": found})
    features = {"id": TEXT, "title": TEXT, "context": TEXT, "question": TEXT, "answers": ANSWERS}
    if not title:
        del features["title"]
        rows = [{key: value for key, value in row.items() if key != "title"} for row in rows]
    return parquet(features, rows)


def choices(split: str) -> bytes:
    options = [{"label": list("ABCDE"), "text": [f"choice {letter}" for letter in "ABCDE"]} for _ in range(2)]
    features = {
        "id": TEXT,
        "question": TEXT,
        "choices": {"label": ListOf(TEXT), "text": ListOf(TEXT)},
        "answerKey": TEXT,
    }
    key = "" if split == "test" else "B"
    rows = [{"id": f"q{n}", "question": f"Where {n}?", "choices": c, "answerKey": key} for n, c in enumerate(options)]
    return parquet(features, rows)


def hellaswag() -> bytes:
    features = {"ctx_a": TEXT, "ctx_b": TEXT, "endings": ListOf(TEXT), "label": TEXT}
    rows = [
        {"ctx_a": f"A man {n}.", "ctx_b": "he", "endings": ["sits", "runs", "eats", "reads"], "label": str(n)}
        for n in (0, 3)
    ]
    return parquet(features, rows)


def cosmosqa() -> bytes:
    answers = {f"answer{n}": TEXT for n in range(4)}
    features = {"id": TEXT, "context": TEXT, "question": TEXT, **answers, "label": NUMBER}
    rows = [
        {
            "id": f"i{n}",
            "context": 'She said "no",\nthen left.',
            "question": "Why?",
            **{a: a for a in answers},
            "label": n,
        }
        for n in (1, 2)
    ]
    return parquet(features, rows)


def panx(names: list[str] = TAGS) -> bytes:
    features = {"tokens": ListOf(TEXT), "ner_tags": ListOf(ClassLabel(names=names)), "langs": ListOf(TEXT)}
    words, tags = ["Ada", ":", "Paris"], ["B-PER", "O", "B-LOC"]
    numbers = [names.index(tag) for tag in tags]
    return parquet(features, [{"tokens": words, "ner_tags": numbers, "langs": ["xx"] * 3} for _ in range(2)])


@cache
def repositories() -> dict[str, dict[str, bytes]]:
    """Return the files of every repository."""
    shard = "00000-of-00001.parquet"
    return {
        "nyu-mll/glue": {
            **{f"mnli/{split}-{shard}": nli(idx="n") for split in ("train", "validation_matched", "test_matched")},
            **{
                f"qqp/{split}-{shard}": pairs(("question1", "question2"), ["not_duplicate", "duplicate"])
                for split in ("train", "validation")
            },
        },
        "stanfordnlp/snli": {
            f"plain_text/{split}-{shard}": nli(extra=({"premise": "A", "hypothesis": "not agreed", "label": -1},))
            for split in ("train", "validation", "test")
        },
        "facebook/anli": {
            f"plain_text/{split}_r{number}-{shard}": nli(uid=f"{split}{number}-", reason="because")
            for split in ("train", "dev")
            for number in (1, 2, 3)
        },
        "rajpurkar/squad": {f"plain_text/{split}-{shard}": squad() for split in ("train", "validation")},
        "rajpurkar/squad_v2": {
            f"squad_v2/{split}-{shard}": squad(unanswerable=True) for split in ("train", "validation")
        },
        "Rowan/hellaswag": {f"data/{split}-{shard}": hellaswag() for split in ("train", "validation")},
        "allenai/cosmos_qa": {f"default/{split}/0000.parquet": cosmosqa() for split in ("train", "validation")},
        "tau/commonsense_qa": {f"data/{split}-{shard}": choices(split) for split in ("train", "validation", "test")},
        "facebook/xnli": {
            f"{language}/{split}-{shard}": nli()
            for language in dataset("xnli").languages
            for split in ("train", "validation", "test")
        },
        "google-research-datasets/paws-x": {
            f"{language}/{split}-{shard}": pairs(("sentence1", "sentence2"), ["0", "1"], "id")
            for language in dataset("pawsx").languages
            for split in ("train", "validation", "test")
        },
        "unimelb-nlp/wikiann": {
            f"{language}/{split}-{shard}": panx()
            for language in dataset("panx").languages
            for split in ("train", "validation", "test")
        },
        "google/xquad": {
            f"xquad.{language}/validation-{shard}": squad(title=False) for language in dataset("xquad").languages
        },
        "google/xtreme": {
            f"MLQA.{language}.{other}/{split}-{shard}": squad(title=False)
            for language in dataset("mlqa").languages
            for other in (language, "en")
            for split in ("validation", "test")
        },
        "google-research-datasets/tydiqa": {
            f"secondary_task/{split}-{shard}": squad(
                tuple(
                    f"{language_names(code)['name']}-{n}-{split}"
                    for n in range(3)
                    for code in dataset("tydiqa").languages
                )
            )
            for split in ("train", "validation")
        },
    }


def publish(hub: Hub, without: tuple[str, ...] = ()) -> None:
    """Put every repository on the Hub, but for some."""
    for repository, content in repositories().items():
        if repository not in without:
            hub.put(f"datasets/{repository}", **{"README.md": b"# A data set\n"}, **content)
    cosmos = "datasets/allenai/cosmos_qa"
    if cosmos in hub.repositories:  # main has a script only
        hub.refs[cosmos, "refs/convert/parquet"] = hub.commit(cosmos)
        hub.repositories[cosmos] = {"cosmos_qa.py": b"raise SystemExit"}

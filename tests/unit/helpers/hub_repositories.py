"""Tiny repositories of every data set that is read from the Hub, as parquet that the `datasets` library wrote."""

import io
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from data_files import NLI_ROWS
from datasets import ClassLabel, Dataset, Features, Value, disable_progress_bars
from datasets import Sequence as ListOf
from dual_encoder_files import mewslix_files
from hub_server import Hub
from upstream_archives import tarred

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
    "siqa": {"train": 3, "dev": 3},
    "copa": {"train": 2, "dev": 2},
    "xcopa": {"dev": 2, "test": 2},
    "lareqa-train": {"train": 3, "dev": 3},
    "mewslix": {"dev": 2, "test": 2},
    "mewslix-candidates": {"test": 3},
    "mewslix-train": {"train": 2, "dev": 2},
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


def squad(
    ids: tuple[str, ...] = ("q1", "q2", "q3"), title: bool = True, unanswerable: bool = False, cut: int = 0
) -> bytes:
    """Two passages of one article; the last question has no answer where that is allowed.

    ``cut`` characters of white space were lost at the beginning of each passage, and the offsets left as they were.
    """
    rows = []
    for n, name in enumerate(ids):
        found = (
            {"text": ["Ada"], "answer_start": [5]} if not unanswerable or n < 2 else {"text": [], "answer_start": []}
        )
        context = f"Ω 𝔸, Ada wrote note {n // 2}."
        found["answer_start"] = [context.index("Ada") + cut for _ in found["text"]]
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
        "question_concept": TEXT,
        "choices": {"label": ListOf(TEXT), "text": ListOf(TEXT)},
        "answerKey": TEXT,
    }
    key = "" if split == "test" else "B"
    rows = [
        {"id": f"q{n}", "question": f"Where {n}?", "question_concept": "place", "choices": c, "answerKey": key}
        for n, c in enumerate(options)
    ]
    return parquet(features, rows)


def hellaswag() -> bytes:
    others = dict.fromkeys(("activity_label", "ctx", "source_id", "split", "split_type"), TEXT)
    features = {"ind": NUMBER, **others, "ctx_a": TEXT, "ctx_b": TEXT, "endings": ListOf(TEXT), "label": TEXT}
    endings = ["sits", "runs", "eats", "reads"]
    rows = [
        {"ind": n, **dict.fromkeys(others, "x"), "ctx_a": f"A man {n}.", "ctx_b": "he", "endings": endings}
        | {"label": str(n)}
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


def siqa() -> bytes:
    answers = {f"answer{letter}": TEXT for letter in "ABC"}
    features = {"context": TEXT, "question": TEXT, **answers, "label": TEXT}
    row = {"context": "Ada wrote.", "question": "Why?", **{key: f"in {key}" for key in answers}}
    return parquet(features, [{**row, "label": str(number)} for number in (1, 2, 3)])


def copa(split: str, language: str = "en") -> bytes:
    """Two rows; English COPA names its labels, XCOPA numbers them and says whether a translation was changed."""
    label = ClassLabel(names=["choice1", "choice2"]) if language == "en" else NUMBER
    features = {**dict.fromkeys(("premise", "choice1", "choice2", "question"), TEXT), "idx": NUMBER, "label": label}
    features |= {} if language == "en" else {"changed": Value("bool")}
    rows = [
        {"premise": f"{split} {language} {n}.", "choice1": "It rained.", "choice2": "It froze.", "question": asked}
        | {"idx": n, "label": 1 - n, "changed": False}
        for n, asked in enumerate(("cause", "effect"))
    ]
    return parquet(features, [{key: row[key] for key in features} for row in rows])


def panx(names: list[str] = TAGS, language: str = "en") -> bytes:
    """Two sentences, each with a line that had no colon in the archive: an empty word, and the line under ``langs``."""
    features = {"tokens": ListOf(TEXT), "ner_tags": ListOf(ClassLabel(names=names))}
    features |= dict.fromkeys(("langs", "spans"), ListOf(TEXT))
    words, tags = ["Ada", ":", "", "Paris"], ["B-PER", "O", "O", "B-LOC"]
    row = {"tokens": words, "ner_tags": [names.index(tag) for tag in tags], "spans": ["PER: Ada", "LOC: Paris"]}
    row["langs"] = [language, language, "stray", language]
    return parquet(features, [row, row])


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
            f"{language}/{split}-{shard}": panx(language=language)
            for language in dataset("panx").languages
            for split in ("train", "validation", "test")
        },
        "google/xquad": {
            f"xquad.{language}/validation-{shard}": squad(title=False, cut=1) for language in dataset("xquad").languages
        },
        "google/xtreme": {
            f"MLQA.{language}.{other}/{split}-{shard}": squad(cut=3)
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
                ),
                cut=2,
            )
            for split in ("train", "validation")
        },
        "lighteval/siqa": {f"data/{split}-{shard}": siqa() for split in ("train", "validation")},
        "aps/super_glue": {f"copa/{split}-{shard}": copa(split) for split in ("train", "validation", "test")},
        "cambridgeltl/xcopa": {
            f"{folder}{language}/{split}-{shard}": copa(split, language)
            for language in dataset("xcopa").languages
            for folder in ("", "translation-")
            for split in ("validation", "test")
        },
        "izhx/mewsli-x": {"raw.tar.gz": tarred({f"raw/{name}": text for name, text in mewslix_files().items()})},
    }


def forget_sizes(registry: Path) -> None:
    """Take upstream's numbers of rows out of a registry, but for splits that upstream has not: the twins are tiny."""
    known = yaml.safe_load(registry.read_text(encoding="utf-8"))
    for entry in known["datasets"].values():
        sizes = {name: rows for name, rows in entry.pop("rows", {}).items() if isinstance(rows, dict)}
        entry["rows"] = {name: {code: 0 for code, n in rows.items() if n == 0} for name, rows in sizes.items()}
    registry.write_text(yaml.safe_dump(known, sort_keys=False), encoding="utf-8")


def publish(hub: Hub, without: tuple[str, ...] = ()) -> None:
    """Put every repository on the Hub, but for some."""
    for repository, content in repositories().items():
        if repository not in without:
            hub.put(f"datasets/{repository}", **{"README.md": b"# A data set\n"}, **content)
    cosmos = "datasets/allenai/cosmos_qa"
    if cosmos in hub.repositories:  # main has a script only
        hub.refs[cosmos, "refs/convert/parquet"] = hub.commit(cosmos)
        hub.repositories[cosmos] = {"cosmos_qa.py": b"raise SystemExit"}

"""A task of the user's own whose queries search candidates: what its files become, and what is wrong with them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.config.run import Run, load
from xstilts.data.prepare import prepare
from xstilts.data.registry import dataset
from xstilts.errors import ConfigError, DataError
from xstilts.graph.inputs import read_by
from xstilts.graph.jobs import Jobs
from xstilts.tasks import outside, task, training_set

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
FACTS: dict[str, Any] = {
    "family": "dual_encoder",
    "reader": "jsonl",
    "files": {"train": "train.jsonl", "dev": "dev-{language}.jsonl", "test": "test-{language}.jsonl"},
    "fields": {"id": "n", "text": "asked"},
    "candidates": {"files": "pool-{language}.tsv", "reader": "delimited", "fields": {"id": "n", "text": "said"}},
    "gold": {
        "files": {"train": "gold-train.tsv", "dev": "gold-dev-{language}.tsv"},
        "reader": "delimited",
        "fields": {"query": "q", "candidate": "c"},
    },
    "languages": ["en", "qu"],
    "training": {"batch_size": 16, "epochs": 3},
}
QUERIES = '{"n": 1, "asked": "Who?"}\n{"n": 2, "asked": "Where?"}\n'
FILES = {
    "train.jsonl": QUERIES,
    "dev-en.jsonl": QUERIES,
    "dev-qu.jsonl": QUERIES,
    "test-qu.jsonl": QUERIES,
    "pool-en.tsv": "n\tsaid\na\tAda did.\nb\tHere it is.\n",
    "pool-qu.tsv": "n\tsaid\nx\tAda.\ny\tKaypi.\n",
    "gold-train.tsv": "q\tc\n1\ta\n2\tb\n2\ta\n",
    "gold-dev-en.tsv": "q\tc\n1\ta\n1\tx\n2\ty\n",
    "gold-dev-qu.tsv": "q\tc\n1\tx\n2\ty\n2\tb\n",
}


@pytest.fixture(autouse=True)
def _no_files() -> Iterator[None]:
    """Whatever a test names is forgotten after it."""
    yield
    outside.name_files(())


def loaded(folder: Path, changes: dict[str, Any], files: dict[str, str | None]) -> Run:
    for name, text in (FILES | files).items():
        if text is not None:
            (folder / name).write_text(text)
    entry = {key: value for key, value in (FACTS | changes).items() if value is not None}
    (folder / "own.yaml").write_text(yaml.safe_dump({"facts": entry}))
    return load(BASE | {"tasks": [str(folder / "own.yaml")], "sources": ["none"]})


def rows(name: str, language: str, output: Path) -> dict[str, list[dict[str, Any]]]:
    """Return what is prepared by split, as a job does it."""
    prepare(name, language, Path(str(dataset(name).folder)), output / name / language)
    return {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()]
        for path in (output / name / language).iterdir()
    }


def test_queries_candidates_and_gold_become_what_the_benchmarks_have(tmp_path: Path) -> None:
    run = loaded(tmp_path, {}, {})
    assert task("facts").candidates == "facts-candidates" and task("facts").metrics == ("ap20",)
    assert training_set("facts").parts == ("facts-train",)
    assert run.languages_of("facts") == run.candidate_languages("facts") == ["en", "qu"]
    found = rows("facts", "qu", tmp_path)
    assert [(row["id"], row["text"], row["targets"]) for row in found["dev"]] == [
        ("1", "Who?", ["qu-x"]),
        ("2", "Where?", ["qu-y", "en-b"]),
    ]
    assert [row["targets"] for row in found["test"]] == [[], []], "a test split may be without gold"
    pool = rows("facts-candidates", "qu", tmp_path)["test"]
    assert [(row["id"], row["language"], row["text"]) for row in pool] == [
        ("qu-x", "qu", "Ada."),
        ("qu-y", "qu", "Kaypi."),
    ]
    taught = rows("facts-train", "en", tmp_path)
    assert [(row["id"], row["query"], row["target"]) for row in taught["train"]] == [
        ("1/a", "Who?", "Ada did."),
        ("2/b", "Where?", "Here it is."),
        ("2/a", "Where?", "Ada did."),
    ]
    assert [row["id"] for row in taught["dev"]] == ["1/a"], "of candidates in other languages none chooses"


def test_translations_have_one_id_and_all_of_them_are_right(tmp_path: Path) -> None:
    pool = {"pool-qu.tsv": "n\tsaid\na\tAda.\nb\tKaypi.\n"}
    loaded(
        tmp_path,
        {"parallel": True},
        {**pool, "gold-dev-en.tsv": "q\tc\n1\ta\n2\tb\n", "gold-dev-qu.tsv": "q\tc\n1\ta\n2\tb\n"},
    )
    assert [row["targets"] for row in rows("facts", "qu", tmp_path)["dev"]] == [["en-a", "qu-a"], ["en-b", "qu-b"]]


def test_one_file_is_searched_by_all_languages_and_pairs_may_have_candidates_of_their_own(tmp_path: Path) -> None:
    candidates = FACTS["candidates"] | {"files": "pool.tsv", "train": "taught.tsv"}
    files = {
        "pool.tsv": FILES["pool-en.tsv"] + "x\tAda.\ny\tKaypi.\n",
        "taught.tsv": "n\tsaid\na\tAda once did.\nb\tB.\n",
    }
    run = loaded(tmp_path, {"candidates": candidates}, files)
    assert run.candidate_languages("facts") == ["all"]
    assert [row["id"] for row in rows("facts-candidates", "all", tmp_path)["test"]] == ["a", "b", "x", "y"]
    assert rows("facts", "qu", tmp_path)["dev"][1]["targets"] == ["y", "b"]
    taught = rows("facts-train", "en", tmp_path)
    assert [row["target"] for row in taught["train"]] == ["Ada once did.", "B.", "Ada once did."]
    assert [row["id"] for row in taught["dev"]] == ["1/a", "1/x", "2/y"]


def test_a_task_without_training_data_is_asked_of_what_another_training_set_taught(tmp_path: Path) -> None:
    files = {"dev": "dev-{language}.jsonl"}
    gold = FACTS["gold"] | {"files": {"dev": "gold-dev-{language}.tsv"}}
    run = loaded(tmp_path, {"files": files, "gold": gold, "target": "mewslix", "training": None}, {})
    assert run.targets == ["mewslix"] and task("facts").candidates == "facts-candidates"
    read = {job[1] for job in Jobs(run, ROOT).every() if job[0] == "prepare"}
    assert read == {"facts", "facts-candidates", "mewslix-train"}


def test_a_job_reads_the_files_that_its_rows_come_from(tmp_path: Path) -> None:
    jobs = Jobs(loaded(tmp_path, {}, {}), ROOT)
    read = {job[1:]: {path.name for path in read_by(jobs, *job)} for job in jobs.every() if job[0] == "prepare"}
    pool = {"pool-en.tsv", "pool-qu.tsv"}
    assert read == {
        ("facts", "en"): {"dev-en.jsonl", "gold-dev-en.tsv", *pool},
        ("facts", "qu"): {"dev-qu.jsonl", "test-qu.jsonl", "gold-dev-qu.tsv", *pool},
        ("facts-candidates", "en"): {"pool-en.tsv"},
        ("facts-candidates", "qu"): {"pool-qu.tsv"},
        ("facts-train", "en"): {"train.jsonl", "gold-train.tsv", "dev-en.jsonl", "gold-dev-en.tsv", "pool-en.tsv"},
    }


@pytest.mark.parametrize(
    ("data", "files", "words"),
    [
        (
            "facts/qu",
            {"gold-dev-qu.tsv": "q\tc\n1\tx\n2\tz\n"},
            "gold-dev-qu.tsv:3: found the candidate 'z'; expected an id of pool-en.tsv, pool-qu.tsv",
        ),
        (
            "facts/qu",
            {"gold-dev-qu.tsv": "q\tc\n3\tx\n"},
            "gold-dev-qu.tsv:2: found the query '3'; expected an id of dev-qu.jsonl",
        ),
        (
            "facts/qu",
            {"gold-dev-qu.tsv": "q\tc\n1\tx\n"},
            "dev-qu.jsonl:2: found the query '2' without a gold pair; expected one at least in gold-dev-qu.tsv",
        ),
        (
            "facts/qu",
            {"gold-dev-qu.tsv": "q\tc\n1\tx\n2\ty\n1\tx\n"},
            r"gold-dev-qu.tsv:4: found the pair '1 x' twice \(first in row 2\)",
        ),
        ("facts/qu", {"gold-dev-qu.tsv": None}, "gold-dev-qu.tsv: found no such file; expected it beside dev-qu.jsonl"),
        ("facts/en", {"pool-qu.tsv": None}, "pool-qu.tsv: found no such file; expected it beside dev-en.jsonl"),
        ("facts/en", {"pool-qu.tsv": ""}, "pool-qu.tsv: found an empty file; expected at least one row"),
        ("facts/en", {"pool-qu.tsv": "n\tsaid\n"}, "pool-qu.tsv: found no rows; expected one candidate at least"),
        ("facts-candidates/qu", {"pool-qu.tsv": "n\tsaid\n"}, "pool-qu.tsv: found no rows"),
        ("facts/en", {"pool-qu.tsv": "n\tsaid\nx\t \n"}, "pool-qu.tsv:2: found an empty 'said'; expected a text"),
        (
            "facts/en",
            {"pool-qu.tsv": "n\tsaid\nx\tAda.\na\tKaypi.\n"},
            "pool-qu.tsv:3: found the id 'a' of pool-en.tsv:2; expected an id for each candidate of all files",
        ),
        (
            "facts-train/en",
            {"gold-train.tsv": "q\tc\n1\ta\n2\ty\n"},
            "gold-train.tsv:3: found the candidate 'y'; expected an id of pool-en.tsv: nothing but English is trained",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_file_and_row(
    tmp_path: Path, data: str, files: dict[str, str | None], words: str
) -> None:
    loaded(tmp_path, {}, files)
    with pytest.raises(DataError, match=words):
        rows(*data.split("/"), tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"candidates": None}, "facts: candidates: is missing; expected files and fields"),
        ({"gold": None}, "facts: gold: is missing; expected files and fields of pairs"),
        ({"fields": {"text": "asked"}}, "facts: fields: found no id; expected id text, and of group what there is"),
        (
            {"candidates": FACTS["candidates"] | {"fields": {"id": "n"}}},
            "candidates.fields: found id; expected id text",
        ),
        (
            {"candidates": FACTS["candidates"] | {"reader": "tsv"}},
            "candidates.reader: found 'tsv'; expected one of jsonl",
        ),
        (
            {"candidates": FACTS["candidates"] | {"files": ["a.tsv", "b-{language}.tsv"]}},
            "candidates.files: found a.tsv b-{language}.tsv; expected some, {language} in all of them or in none",
        ),
        (
            {"candidates": FACTS["candidates"] | {"file": "a"}},
            "facts.candidates.file: unknown key; did you mean 'files'",
        ),
        (
            {"gold": FACTS["gold"] | {"files": {"train": "g.tsv"}}},
            "gold.files: found no dev; expected dev test train as in files, test where it is known",
        ),
        (
            {"files": None, "reader": None, "hub": {"repository": "a/b", "splits": {"dev": "x"}}},
            "hub: found a/b; expected files",
        ),
        (
            {"family": "retrieval", "fields": {"text": "a", "english": "b"}},
            "candidates: found some; expected none: retrieval",
        ),
        ({"scoring": "tatoeba"}, "scoring: found 'tatoeba'; expected one of lareqa mewslix"),
    ],
)
def test_a_mistake_of_the_entry_is_a_line_with_file_and_key(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, changes, {})
    assert "own.yaml" in str(raised.value) and words in str(raised.value) and "\n" not in str(raised.value)

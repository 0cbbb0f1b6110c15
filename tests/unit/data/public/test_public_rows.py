"""What the Hub's tables become: rows of every data set, their labels, tags and answers."""

from pathlib import Path
from typing import Any

import hub_repositories
import pytest
import upstream_archives
from data_files import rows
from hub_repositories import NLI, ROWS, TAGS, TEXT
from hub_server import Hub
from public_jobs import download, files
from upstream_server import Server

from xstilts.cli import main
from xstilts.data.fetching import hub_sets, lock
from xstilts.data.fetching.lock import LOCK
from xstilts.data.registry import dataset
from xstilts.files import read_json


def test_every_repository_becomes_rows(everything: Path, tmp_path: Path) -> None:
    assert set(hub_sets.load()) == set(ROWS)
    for name, expected in ROWS.items():
        languages = dataset(name).languages
        for language in sorted({*languages[:2], languages[-1], "en"} & {*languages}):
            said, _ = rows(name, language, everything / files(name), tmp_path / name / language)
            wanted = {split: n for split, n in expected.items() if split != "train" or language == "en"}
            assert said["rows"] == wanted, (name, language)
            labelled = wanted | ({"test": 0} if name == "csqa" else {})
            assert said["labelled"] == labelled, (name, language)


def test_what_the_columns_become(everything: Path, tmp_path: Path) -> None:
    def read(name: str, language: str, split: str) -> list[dict[str, Any]]:
        place = tmp_path / "rows" / name / language
        return rows(name, language, everything / files(name), place)[1][split]

    for name, language, text in (
        ("mnli", "en", "is\t"),
        ("snli", "en", "is\t"),
        ("anli", "en", "is\t"),
        ("xnli", "de", "is "),
    ):
        found = read(name, language, "dev")
        assert [row["text_b"] for row in found] == [f"{text}{row['label']}" for row in found], name
        assert {row["label"] for row in found} == set(NLI) and found[0]["text_a"] == '"A 0'
    assert [row["id"] for row in read("anli", "en", "dev")][:2] == ["dev1-0", "dev1-1"]
    assert [row["label"] for row in read("qqp", "en", "train")] == ["0", "1"]
    assert [row["label"] for row in read("pawsx", "ko", "test")] == ["0", "1"]
    assert [row["impossible"] for row in read("squad2", "en", "dev")] == [False, False, True]
    asked = read("squad", "en", "train")
    assert [row["answers"] for row in asked] == [[{"text": "Ada", "start": 5}]] * 3
    assert {row["document"] for row in asked} == {"Ada"} and len({row["group"] for row in asked}) == 2
    assert [row["label"] for row in read("hellaswag", "en", "train")] == [0, 3]
    assert read("hellaswag", "en", "dev")[0]["choices"][1] == "he runs"
    story = read("cosmosqa", "en", "dev")[0]
    assert (story["prompt"], story["label"]) == ('She said "no",\nthen left. Why?', 1)
    assert read("csqa", "en", "dev")[0]["choices"][1] == "choice B" and read("csqa", "en", "dev")[0]["label"] == 1
    assert read("panx", "sw", "test")[0]["tokens"] == ["Ada", ":", "Paris"]
    assert read("panx", "sw", "test")[0]["tags"] == ["B-PER", "O", "B-LOC"]
    assert [row["id"] for row in read("tydiqa", "fi", "test")] == [f"finnish-{n}-validation" for n in range(3)]


def test_tydiqa_is_trained_on_in_english_only(everything: Path) -> None:
    train = list((everything / files("tydiqa")).rglob("*train.json"))
    assert [path.name for path in train] == ["tydiqa.goldp.en.train.json"]
    asked = [q["id"] for a in read_json(train[0])["data"] for p in a["paragraphs"] for q in p["qas"]]
    assert asked == [f"english-{n}-train" for n in range(3)]


def test_the_training_sets_of_other_languages_stay_on_the_hub(everything: Path) -> None:
    pins = lock.read(everything / LOCK)
    for repository in ("facebook/xnli", "google-research-datasets/paws-x", "unimelb-nlp/wikiann"):
        train = [name for name in pins[repository].files if "/train-" in name]
        assert train == ([] if repository == "facebook/xnli" else ["en/train-00000-of-00001.parquet"])
    assert not any(".en/" in name and "MLQA.en.en" not in name for name in pins["google/xtreme"].files)


@pytest.mark.parametrize("names", [NLI[::-1], [NLI[1], NLI[0], NLI[2]]])
def test_labels_go_by_their_names_on_the_hub(hub: Hub, any_size: None, tmp_path: Path, names: list[str]) -> None:
    for split in ("train", "validation_matched"):
        hub.put("datasets/nyu-mll/glue", **{f"mnli/{split}-0.parquet": hub_repositories.nli(names)})
    assert main(["lock", "--data", "mnli"]) == 0
    download("mnli")
    found = rows("mnli", "en", files("mnli"), tmp_path / "rows")[1]["train"]
    assert [row["text_b"] for row in found] == [f"is\t{row['label']}" for row in found]


def test_tags_go_by_their_names_on_the_hub(hub: Hub, any_size: None, tmp_path: Path) -> None:
    hub_repositories.publish(hub)
    for split in ("train", "validation", "test"):
        name = f"en/{split}-00000-of-00001.parquet"
        hub.put("datasets/unimelb-nlp/wikiann", **{name: hub_repositories.panx(TAGS[::-1])})
    main(["lock", "--data", "panx"])
    download("panx")
    assert rows("panx", "en", files("panx"), tmp_path / "rows")[1]["dev"][0]["tags"] == ["B-PER", "O", "B-LOC"]


def test_a_table_without_label_names_is_refused(hub: Hub, any_size: None, archives: Server) -> None:
    plain = hub_repositories.parquet(
        {"premise": hub_repositories.TEXT, "hypothesis": hub_repositories.TEXT, "label": hub_repositories.NUMBER},
        [{"premise": "A", "hypothesis": "B", "label": 1}],
    )
    hub.put("datasets/nyu-mll/glue", **{f"mnli/{split}-0.parquet": plain for split in ("train", "validation_matched")})
    main(["lock", "--data", "mnli"])
    assert "found int under 'gold_label'; expected a str" in (download("mnli").reason or "")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (upstream_archives.tarred({"raw/other.jsonl": "{}"}), "found no candidate_set_entities.jsonl; expected it in"),
        (upstream_archives.tarred({"raw/candidate_set_entities.jsonl": "x" * 50_000})[:40], "found a broken archive ("),
        (b"<html>moved</html>", "found a broken archive ("),
    ],
    ids=["another file", "cut", "a page"],
)
def test_an_archive_on_the_hub_without_the_file_or_broken_is_named(
    hub: Hub, any_size: None, archives: Server, content: bytes, found: str
) -> None:
    hub.put("datasets/izhx/mewsli-x", **{"raw.tar.gz": content})
    assert main(["lock", "--data", "mewslix-candidates"]) == 0
    reason = download("mewslix-candidates").reason or ""
    assert reason.startswith(f"izhx/mewsli-x/raw.tar.gz: {found}"), reason


def stripped(context: str, answers: list[str], at: list[int]) -> dict[str, Any]:
    """A row as the scripts behind the Hub's tables write it: texts stripped, offsets left as they were."""
    found = {"text": [one.strip() for one in answers], "answer_start": at}
    return {"id": f"q{at[0]}", "context": context.strip(), "question": "Who?", "answers": found}


def test_answers_of_stripped_passages_are_put_back(hub: Hub, any_size: None, archives: Server, tmp_path: Path) -> None:
    passages = [
        stripped("  \n Ada met Bo.", ["Ada"], [4]),
        stripped("  \n Ada met Bo.", [" Bo"], [11]),
        stripped("Cy went. Cy came.", ["Cy"], [9]),
    ]
    features = {"id": TEXT, "context": TEXT, "question": TEXT, "answers": hub_repositories.ANSWERS}
    hub_repositories.publish(hub)
    table = hub_repositories.parquet(features, passages)
    for code in dataset("xquad").languages:
        hub.put("datasets/google/xquad", **{f"xquad.{code}/validation-0.parquet": table})
    hub.repositories["datasets/google/xquad"] = {
        name: content for name, content in hub.repositories["datasets/google/xquad"].items() if "00000" not in name
    }
    main(["lock", "--data", "xquad"])
    assert set(download("xquad").results["from"]) == set(dataset("xquad").languages)
    found = rows("xquad", "de", files("xquad"), tmp_path / "rows")[1]["test"]
    assert [row["answers"][0] for row in found] == [
        {"text": "Ada", "start": 0},
        {"text": "Bo", "start": 8},
        {"text": "Cy", "start": 9},
    ]


def test_answers_that_no_shift_puts_back_are_refused(hub: Hub, any_size: None, archives: Server) -> None:
    table = hub_repositories.parquet(
        {"id": TEXT, "context": TEXT, "question": TEXT, "answers": hub_repositories.ANSWERS},
        [stripped("Ada met Bo.", ["Ada"], [0]) | {"id": "a"}, stripped("Ada met Bo.", ["Bo"], [9]) | {"id": "b"}],
    )
    hub_repositories.publish(hub)
    for code in dataset("xquad").languages:
        hub.put("datasets/google/xquad", **{f"xquad.{code}/validation-00000-of-00001.parquet": table})
    main(["lock", "--data", "xquad"])
    manifest = download("xquad")
    assert manifest.results["from"] == {} and "'Bo' of question b at offset 9" in "".join(manifest.results["missing"])


def test_another_number_of_rows_than_upstream_is_no_data_set(hub: Hub, archives: Server) -> None:
    hub_repositories.publish(hub)
    main(["lock", "--data", "squad"])
    reason = download("squad").reason
    assert reason is not None and reason.startswith("squad train in en: found 3 rows; expected 87599, the size of the")


def test_a_broken_table_is_named(hub: Hub, any_size: None, archives: Server) -> None:
    hub_repositories.publish(hub)
    name = "plain_text/train-00000-of-00001.parquet"
    whole = hub.repositories["datasets/rajpurkar/squad"][name]
    hub.put("datasets/rajpurkar/squad", **{name: whole[: len(whole) // 2]})
    main(["lock", "--data", "squad"])
    reason = download("squad").reason
    assert reason is not None and reason.startswith(f"rajpurkar/squad/{name}: found broken parquet")

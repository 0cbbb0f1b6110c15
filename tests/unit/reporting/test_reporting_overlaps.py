"""What is scored and chose a checkpoint too is counted, whatever part of it a run evaluates."""

import csv
from pathlib import Path
from types import SimpleNamespace

from xstilts.artifacts import entries, remember
from xstilts.data.rows.subset import first
from xstilts.files import write_jsonl
from xstilts.reporting.main.results import chosen_on_scored, contaminated
from xstilts.reporting.run import RunFolder
from xstilts.reporting.tables.overlaps import overlap_counts

LIMIT = 5


def pair(number: int) -> dict:
    return {
        **{"id": str(number), "language": "en", "group": str(number), "label": str(number % 2)},
        **{"text_a": f"first {number}", "text_b": f"second {number}"},
    }


def test_the_first_dev_examples_choose_and_are_found_among_those_that_a_limit_leaves(tmp_path: Path) -> None:
    data, dev = tmp_path / "data/pawsx/en", [pair(number) for number in range(40)]
    dev[3]["label"] = None  # which chooses nothing: one more of the others does
    data.mkdir(parents=True)
    for split, rows in (("train", [pair(number) for number in range(100, 120)]), ("dev", dev)):
        write_jsonl(data / f"{split}.jsonl", rows)
    results = {"rows": {"train": 20, "dev": 40}, "evaluate": ["dev"]}
    files = entries(data, ["train.jsonl", "dev.jsonl"])
    remember(data / "manifest.json", {"key": "k", "digest": "d", "files": files, "results": results, "reason": ""})
    run = RunFolder(
        {
            **{"languages": {"pawsx": ["en"]}, "data": str(tmp_path / "data"), "limit": LIMIT, "text": None},
            **{"training": {"pawsx": [str(data / "manifest.json")]}, "chosen_on": {}},
            **{"selection": {"recipe": "paper", "examples": 12}},
        },
        tmp_path,
        tmp_path,
    )
    overlap_counts(run)
    with open(tmp_path / "overlaps.csv", encoding="utf-8", newline="") as handle:
        found = {row["field"]: (row["used"], row["shared"], row["texts"]) for row in csv.DictReader(handle)}
    scored = {row["id"] for row in first(dev, LIMIT)}
    both = len(scored & {row["id"] for row in dev[:13]} - {"3"})
    assert 0 < both < LIMIT, "the example tells the first rows of the file from those that are first by hash"
    assert found["rows"] == ("selection", str(both), str(LIMIT))
    assert chosen_on_scored(SimpleNamespace(tables=tmp_path)) == {
        ("pawsx", "dev"): f"pawsx {both} of {LIMIT} examples (en)"
    }


def test_of_evaluated_texts_that_were_trained_on_the_language_with_most_is_told(tmp_path: Path) -> None:
    columns = "training,used,task,language,split,field,shared,texts"
    rows = ["qqp,train,xnli,en,dev,text_a,100,100", "mnli,train,xnli,en,dev,text_a,90,100"]
    rows += [
        "mnli,train,xnli,en,dev,rows,90,100",
        "mnli,train,xnli,de,dev,text_b,6,100",
        "mnli,train,pawsx,en,dev,rows,4,100",
    ]
    (tmp_path / "overlaps.csv").write_text("\n".join([columns, *rows, ""]), encoding="utf-8")
    run = SimpleNamespace(tables=tmp_path, settings={"trained_on": {"mnli": ["mnli"], "multi": ["mnli", "qqp"]}})
    assert contaminated(run) == {
        ("mnli", "xnli"): "90 of 100 evaluated rows (en) occur in the training data of mnli",
        ("multi", "xnli"): "100 of 100 evaluated text_a texts (en) occur in the training data of qqp",
    }

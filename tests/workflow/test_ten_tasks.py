"""The ten tasks of XTREME-R on generated languages, from data to the average that the benchmark's code cannot give."""

import csv
import json
import shutil
from pathlib import Path
from statistics import fmean

import pytest
import yaml
from checkout import CONFIGURATION, Checkout, check_out

from xstilts.data.rows.subset import first
from xstilts.files import read_json, read_jsonl
from xstilts.reporting.aggregate import metric_column
from xstilts.tasks import task
from xstilts.tasks.benchmark import XTREME_R

pytestmark = pytest.mark.slow

LIMIT = 20
OVERLAY = {
    "run": "ten",
    "benchmark": "xtreme_r",
    "tasks": ["all", "tatoeba"],
    "languages": ["en", "qaa"],
    "sources": ["none"],
    "evaluation": {"limit": LIMIT},
    "target": {
        "sets": {
            name: {"batch_size": 16, "epochs": 1}
            for name in ("siqa", "copa", "udpos27", "panx", "tydiqa", "lareqa", "mewslix")
        }
    },
}
RESULTS = Path("results/ten")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    folder = check_out(tmp_path_factory.mktemp("ten")).folder
    (folder / "ten.yaml").write_text(yaml.safe_dump(OVERLAY))
    checkout = Checkout(folder, (*CONFIGURATION, "ten.yaml"))
    checkout.snakemake()
    return checkout


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_average_is_the_mean_of_the_ten_task_scores_and_tatoeba_as_it_is_counts_in_none(run: Checkout) -> None:
    (row,) = rows(run.folder / RESULTS / "tables/main_test.csv")
    columns = {
        name: [metric_column(name, task(name).metrics, metric) for metric in task(name).metrics]
        for name in XTREME_R.tasks
    }
    expected = [column for names in columns.values() for column in names]
    assert list(row) == ["source", *expected, "tatoeba", "avg"]
    scores = [fmean(float(row[column]) for column in names) for names in columns.values()]
    assert len(scores) == 10 and float(row["avg"]) == pytest.approx(fmean(scores), abs=1e-5)
    by_task: dict[str, set[str]] = {}
    for found in rows(run.folder / RESULTS / "tables/scores.csv"):
        assert found["status"] != "missing", found
        by_task.setdefault(found["task"], set()).add(found["target"])
    assert by_task["tatoeba"] == {"none"} and by_task["tatoeba_squad"] == {"squad"}, "both rows, apart by name"
    (interval,) = [
        found
        for found in rows(run.folder / RESULTS / "tables/intervals.csv")
        if found["task"].startswith("avg") and found["table"] == "main_test"
    ]
    assert interval["task"] == "avg" and float(interval["value"]) == pytest.approx(float(row["avg"]), abs=1e-4)


def test_one_job_trains_the_chain_and_one_index_serves_all_languages(run: Checkout) -> None:
    manifest = read_json(run.folder / RESULTS / "models/tiny/none/siqa-copa/1/manifest.json")
    assert manifest["results"]["before"]["siqa"]["train_examples"] == 60
    assert {"target/siqa", "target/copa"} < set(manifest["inputs"])
    assert len([*(run.folder / RESULTS / "specs/index").rglob("*.json")]) == 2, "LAReQA's and Mewsli-X's"


def test_submission_and_scorer_give_the_same_numbers_as_the_run(run: Checkout) -> None:
    said = run.xstilts("submission", str(RESULTS), "--source", "none", "--partial", "-o", "english")
    assert "english: 8 files of tiny, source none" in said and "missing:  xcopa: all languages" in said
    assert {path.name for path in (run.folder / "english").iterdir()} >= {"udpos", "lareqa"}, "the benchmark's names"
    for name in ("xcopa", "lareqa", "mewslix"):  # a generated language is no part of a submission
        made = run.folder / RESULTS / "predictions/tiny/none" / task(name).target / "1" / name
        (run.folder / "packed" / name).mkdir(parents=True)
        for path in made.glob("test-*"):
            shutil.copy(path, run.folder / "packed" / name)
    gold = run.folder / "gold"
    (store,) = (run.folder / "results/store/data").iterdir()
    for name in ("xcopa", "lareqa", "mewslix"):
        (gold / name).mkdir(parents=True)
        for language in ("en", "qaa"):
            place = store / task(name).dataset / language / "test.jsonl"
            if not place.is_file():
                continue
            known = list(first(read_jsonl(place), LIMIT))
            if name == "xcopa":
                lines = "".join(json.dumps({"label": row["label"]}) + "\n" for row in known)
                (gold / name / f"test-{language}.jsonl").write_text(lines)
                continue
            searched = store / str(task(name).candidates)
            there = {row["id"] for path in searched.glob("*/test.jsonl") for row in read_jsonl(path)}
            targets = {row["id"]: [one for one in row["targets"] if one in there] for row in known}
            (gold / name / f"test-{language}.json").write_text(json.dumps(targets))
    run.xstilts("score", "packed", "gold", "--benchmark", "xtreme_r", "--json", "scores.json")
    scored = read_json(run.folder / "scores.json")
    found = rows(run.folder / RESULTS / "tables/scores.csv")
    compared = 0
    for name in ("xcopa", "lareqa", "mewslix"):
        (metric,) = task(name).metrics
        for language, value in scored[name][metric].items():
            (ours,) = [
                row["value"]
                for row in found
                if (row["source"], row["task"], row["language"]) == ("none", name, language)
                and (row["split"], row["metric"]) == ("test", metric)
            ]
            assert value == pytest.approx(float(ours), abs=1e-6), (name, language)
            compared += 1
    assert compared >= 5


def test_a_language_more_costs_its_own_passes_and_no_training(run: Checkout) -> None:
    jobs = run.plan("--config", "languages=en,qaa,qab")
    rules = {job.partition("/")[0] for job in jobs}
    assert "predict" in rules and not rules & {"train_target", "train_intermediate", "pretrain"}

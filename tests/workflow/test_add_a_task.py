"""Tasks of the user's own, one of each family: some files, a YAML file, and no line of the package."""

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from checkout import ROOT, Checkout, check_out

from xstilts.artifacts import read_manifest
from xstilts.files import read_json

OWN = "my tasks/own.yaml"
FAMILIES = {
    "colours": "multiple_choice",
    "moods": "classification",
    "tags": "tagging",
    "places": "span_qa",
    "pairs": "retrieval",
    "facts": "dual_encoder",  # the page's own, in a file of its own
}
STAGES = ("prepare", "featurise", "train", "predict", "score")
ANIMALS = ("dog", "cat", "bird", "fish", "horse")
COLOURS = ("red", "blue", "green", "white")


def blocks() -> list[str]:
    """What the page shows, block by block."""
    text = (ROOT / "docs/howto/add-a-task.md").read_text(encoding="utf-8")
    return re.findall(r"```(?:\w+)\n(.*?)```", text, re.DOTALL)


def page() -> tuple[str, str, str]:
    """What the page shows first: the file with rows, the file that says what they are, and the words to run it."""
    rows, task, run = blocks()[:3]
    return rows, task, run


def conllu(count: int) -> str:
    lines = []
    for row in range(count):
        lines.append(f"# sent_id = {row}")
        lines.append("1-2\tthedog\t_\t_\t_\t_\t_\t_\t_\t_")
        for place, (word, tag) in enumerate((("the", "DET"), (ANIMALS[row % 5], "NOUN"), ("runs", "VERB")), 1):
            lines.append(f"{place}\t{word}\t_\t{tag}\t_\t_\t0\t_\t_\t_")
        lines.append("")
    return "\n".join(lines)


def squad(count: int) -> str:
    paragraphs = []
    for row in range(count):
        context = f"The {ANIMALS[row % 5]} lives in house {row}."
        answer = f"house {row}"
        question = {
            "id": f"q{row}",
            "question": f"Where does the {ANIMALS[row % 5]} live?",
            "answers": [{"text": answer, "answer_start": context.index(answer)}],
        }
        paragraphs.append({"context": context, "qas": [question]})
    return json.dumps({"data": [{"title": "houses", "paragraphs": paragraphs}]})


def write_own(folder: Path) -> None:
    """Write a file of twenty rows a task and split, and what they are."""
    folder.mkdir()
    choices = [
        {
            "asked": f"the {ANIMALS[row % 5]} is",
            "a": COLOURS[row % 4],
            "b": f"not {row}",
            "right": "A" if row % 3 else "B",
        }
        for row in range(20)
    ]
    for name in ("colours-train", "colours-en", "colours-qaa"):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in choices))
    moods = [f'{row},"a {ANIMALS[row % 5]}, {COLOURS[row % 4]}",{row % 3}\n' for row in range(20)]
    for name in ("moods-train", "moods-en", "moods-qaa"):
        (folder / f"{name}.csv").write_text("number,said,mood\n" + "".join(moods))
    for name in ("tags-train", "tags-en", "tags-qaa"):
        (folder / f"{name}.conllu").write_text(conllu(20))
    for name in ("places-train", "places-en", "places-qaa"):
        (folder / f"{name}.json").write_text(squad(20))
    pairs = [f"za {ANIMALS[row % 5]} {row}\tthe {ANIMALS[row % 5]} {row}\n" for row in range(20)]
    (folder / "pairs-qaa.tsv").write_text("foreign\tenglish\n" + "".join(pairs))

    def files(name: str, suffix: str) -> dict[str, str]:
        return {"train": f"{name}-train.{suffix}", "dev": f"{name}-{{language}}.{suffix}"}

    both, training = ["en", "qaa"], {"batch_size": 8, "epochs": 1}
    entries = {
        "colours": {
            "reader": "jsonl",
            "files": files("colours", "jsonl"),
            "fields": {"prompt": "asked", "choices": ["a", "b"], "label": "right"},
            "label_names": {"A": 0, "B": 1},
        },
        "moods": {
            "reader": "delimited",
            "files": files("moods", "csv"),
            "fields": {"id": "number", "text_a": "said", "label": "mood"},
            "labels": ["bad", "fair", "good"],
            "label_names": {0: "bad", 1: "fair", 2: "good"},
        },
        "tags": {"reader": "conllu", "files": files("tags", "conllu")},
        "places": {"reader": "squad", "files": files("places", "json")},
    }
    entries = {name: {"languages": both, "training": training, **entry} for name, entry in entries.items()}
    entries["pairs"] = {
        "languages": ["qaa"],
        "reader": "delimited",
        "files": {"test": "pairs-{language}.tsv"},
        "fields": {"text": "foreign", "english": "english"},
    }
    entries = {name: {"family": FAMILIES[name], **entry} for name, entry in entries.items()}
    (folder / "own.yaml").write_text(yaml.safe_dump(entries, sort_keys=False))


def write_pages(folder: Path, language: str) -> str:
    """Write the files that the page shows, each row ten times; return the task's name."""
    rows, task, _ = page()
    (name,) = yaml.safe_load(task)
    for split in ("train", "dev-en", f"dev-{language}"):
        (folder / f"{name}-{split}.jsonl").write_text(rows * 10)
    (folder / f"{name}.yaml").write_text(task.replace("languages: [en, qu]", f"languages: [en, {language}]"))
    return name


def write_searches(folder: Path, language: str) -> str:
    """Write the files of the page's queries, candidates and pairs, each row ten times; return the YAML file's name."""
    queries, pool, gold, task = blocks()[3:]
    head, *said = pool.splitlines()
    columns, *pairs = gold.splitlines()
    copies = range(10)
    asked = [json.loads(line) for line in queries.splitlines()]
    more = [one | {"number": f"{one['number']}.{n}", "asked": f"{one['asked']} {n}"} for n in copies for one in asked]
    for split in ("train", "dev-en", f"dev-{language}"):
        (folder / f"facts-{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in more))
        right = ["{}.{n}\t{}.{n}".format(*pair.split("\t"), n=n) for n in copies for pair in pairs]
        (folder / f"facts-gold-{split}.tsv").write_text("\n".join([columns, *right]) + "\n")
    for code in ("en", language):
        rows = ["{}.{n}\t{} {n} {code}".format(*row.split("\t"), n=n, code=code) for n in copies for row in said]
        (folder / f"facts-pool-{code}.tsv").write_text("\n".join([head, *rows]) + "\n")
    (folder / "facts.yaml").write_text(task.replace("languages: [en, qu]", f"languages: [en, {language}]"))
    return "facts.yaml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which a tiny run of nothing but the user's own tasks has finished; the page's own is among them."""
    checkout = check_out(tmp_path_factory.mktemp("own"))
    write_own(checkout.folder / "my tasks")
    named = [f"{write_pages(checkout.folder, 'qaa')}.yaml", OWN, write_searches(checkout.folder, "qaa")]
    (checkout.folder / "run.yaml").write_text(
        yaml.safe_dump({"tasks": named, "sources": ["none", "colours"], "seeds": [1]})
    )
    checkout = Checkout(checkout.folder, (*checkout.configuration, "run.yaml"))
    checkout.snakemake("--workflow-profile", "none")
    return checkout


def table(run: Checkout, name: str) -> list[dict[str, str]]:
    with open(run.folder / "results/tiny/tables" / name, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.slow
def test_a_task_of_each_family_comes_to_the_tables_from_its_files_and_a_yaml_file_alone(run: Checkout) -> None:
    (name,) = yaml.safe_load(page()[1])
    scored = {(row["task"], row["language"]): row for row in table(run, "scores.csv") if row["source"] == "colours"}
    assert {task for task, _ in scored} == {name, *FAMILIES}
    assert {row["status"] for row in scored.values()} <= {"ok", "collapsed", "not learned"}
    assert scored["colours", "qaa"]["examples"] == scored["moods", "en"]["examples"] == "20"
    main = {row["source"]: row for row in table(run, "main.csv")}
    columns = ("colours", "moods", "tags", "places_f1", "places_em", "pairs", "facts", name)
    assert all(main["none"][task] for task in columns)
    predictions = run.folder / "results/tiny/predictions/tiny/colours/places/1/places"
    assert len(read_json(predictions / "dev-qaa.json")) == 20, "answers are looked for as JSON whatever the task"


@pytest.mark.slow
def test_queries_are_searched_for_among_the_candidates_of_all_languages(run: Checkout) -> None:
    of_source = "tiny/none/facts/1/facts"
    index = read_manifest(run.folder / f"results/tiny/indexes/{of_source}/manifest.json").results
    assert index["languages"] == {"en": 20, "qaa": 20} and not index["left_out"]
    trained = read_manifest(run.folder / "results/tiny/models/tiny/none/facts/1/manifest.json").results
    assert trained["selected_on"] == {"facts": "20 English examples (facts-train dev)"}
    with open(run.folder / "facts-gold-train.tsv", encoding="utf-8", newline="") as handle:
        right = {row["query-id"]: row["corpus-id"] for row in csv.DictReader(handle, delimiter="\t")}
    for code in ("en", "qaa"):
        found = read_json(run.folder / f"results/tiny/predictions/{of_source}/dev-{code}.json")
        assert {len(names) for names in found.values()} == {40}
        scores = read_json(run.folder / f"results/tiny/scores/{of_source}/{code}.json")["splits"]["dev"]
        ranks = [[one.partition("-")[2] for one in found[name]].index(right[name]) + 1 for name in right]
        assert scores["examples"] == 20
        assert scores["metrics"]["mrr20"] == pytest.approx(5 * sum(1 / rank for rank in ranks if rank <= 20))
    with run.edited("facts-pool-qaa.tsv", ("goethe.0\t", "goethe.0\tOld ")):
        planned = run.plan("--workflow-profile", "none")
        assert {"prepare/facts/en", "prepare/facts-candidates/qaa", "index/tiny/none/facts/1/facts"} <= planned
        assert not any(job.startswith(("train", "prepare/facts-train")) for job in planned), "English trains"


@pytest.mark.slow
def test_a_number_of_an_own_task_is_followed_back_to_its_files(run: Checkout) -> None:
    text = run.xstilts("trace", "results/tiny/tables/main.csv", "--row", "colours", "--column", "moods")
    assert "moods-qaa.csv" in text and "moods-train.csv" in text


@pytest.mark.slow
def test_every_own_task_has_its_baselines(run: Checkout) -> None:
    rows = read_json(run.folder / "results/tiny/tables/baselines/colours.json")
    assert {row["value"] for row in rows if row["baseline"] == "random"} == {50.0}
    for name in FAMILIES:
        assert read_json(run.folder / f"results/tiny/tables/baselines/{name}.json")


@pytest.mark.slow
def test_a_change_of_a_file_or_an_entry_reruns_what_it_touches_and_nothing_else(run: Checkout, tmp_path: Path) -> None:
    assert run.plan("--workflow-profile", "none") == set()
    with run.edited("my tasks/moods-qaa.csv", ("19,", "190,")):
        planned = {
            job for job in run.plan("--workflow-profile", "none") if job.startswith(("prepare", "train", "feat"))
        }
        assert planned >= {"prepare/moods/qaa", "featurise/tiny/pretrained/task/moods"}
        assert not any("colours" in job.split("/", 1)[-1].split("/")[-1] for job in planned if "moods" not in job)
        assert not any(job.startswith("train") for job in planned), "English trains, and it is what it was"
        os.utime(run.folder / "my tasks/moods-qaa.csv", (1_000_000_000, 1_000_000_000))
        older = run.plan("--workflow-profile", "none")
        assert "prepare/moods/qaa" in older, "a file that was moved into its place with an older date"
    with run.edited(OWN, ("- fair", "- usual"), ("1: fair", "1: usual")):
        planned = run.plan("--workflow-profile", "none")
        assert {"prepare/moods/en", "train_target/tiny/none/moods/1"} <= planned
        assert not {job for job in planned if job.startswith(STAGES) and "moods" not in job}


@pytest.mark.slow
def test_the_words_of_the_readme_plan_what_it_says(tmp_path: Path) -> None:
    checkout = check_out(tmp_path)
    name = write_pages(checkout.folder, "qu")
    listed = checkout.xstilts("tasks", f"{name}.yaml")
    assert re.search(rf"^  {name} +multiple_choice", listed, re.MULTILINE) and "conllu" in listed
    make = ["make", "-n", *shlex.split(page()[2])[1:]]
    said = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (called,) = re.findall(r"bin/(snakemake .*) --logger xstilts", said)
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(called), "--dry-run"],
        cwd=checkout.folder,
        env=os.environ | {"PYTHONPATH": str(checkout.folder / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Train xlm-roberta-base on {name} (seed 1)" in done.stdout + done.stderr
    assert f"Train xlm-roberta-base after {name} on {name} (seed 1)" in done.stdout + done.stderr
    assert "(seed 2)" not in done.stdout + done.stderr

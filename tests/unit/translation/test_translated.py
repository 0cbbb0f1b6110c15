"""Translated training data: where its files lie, what is read of it, and that nothing else than it may be foreign."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from data_files import nli, rows, squad, write

from xstilts.artifacts import Manifest, produce
from xstilts.config.run import load
from xstilts.data.job import prepare_dataset
from xstilts.errors import DataError, UserError
from xstilts.featurising.training_set import divide
from xstilts.files import read_jsonl, write_json, write_jsonl
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
HERE = "intermediate/translated"
GERMAN = nli(("Es regnet.", "Es ist nass.", "entailment"), ("Es regnet.", "Es ist Nacht.", "neutral"))
PUBLISHED = "premise\thypo\tlabel\nEs regnet .\tEs ist nass .\tentailment\nEs regnet .\tEs schneit .\tcontradictory\n"
PAWS = 'id\tsentence1\tsentence2\tlabel\n1\tEins " .\tZwei .\t0\n2\tDrei .\tDrei .\t1\n'


@pytest.mark.parametrize(
    ("name", "files", "labels"),
    [
        ("mnli", {"multinli_1.0_train.jsonl": GERMAN}, ["entailment", "neutral"]),
        ("mnli", {"multinli.train.de.tsv": PUBLISHED}, ["entailment", "contradiction"]),
        ("pawsx", {"translated_train.tsv": PAWS}, ["0", "1"]),
        ("pawsx", {"train-de.tsv": "Eins .\tZwei .\t0\n"}, ["0"]),
        ("qqp", {"train.tsv": "id\tquestion1\tquestion2\tis_duplicate\n7\tWer?\tWer?\t1\n"}, ["1"]),
    ],
)
def test_own_and_published_files_are_read_from_the_folder_of_task_and_language(
    tmp_path: Path, name: str, files: dict[str, str], labels: list[str]
) -> None:
    origin = write(tmp_path / "mirror", {f"{HERE}/{name}/de/{file}": text for file, text in files.items()})
    said, found = rows(f"{name}-translated", "de", origin, tmp_path / "out")
    assert said["reason"] is None and found.keys() == {"train"}
    assert [row["label"] for row in found["train"]] == labels
    assert {row["language"] for row in found["train"]} == {"de"}
    if "translated_train.tsv" in files:
        assert [row["id"] for row in found["train"]] == ["0", "1"], "as train-en.tsv, which has no ids, is counted"


def test_questions_keep_their_ids_and_one_without_its_answer_is_left_out(tmp_path: Path) -> None:
    text = squad({"id": "a"}, {"id": "b", "answers": [("Ada", 4)]}, {"id": "c", "answers": [("notes", 10)]})
    for place in ("squad.translate.train.en-de.json", "de_squad-translate-train-train-v1.1.json", "train-v1.1.json"):
        origin = write(tmp_path / place, {f"{HERE}/squad/de/{place}": text})
        found = rows("squad-translated", "de", origin, tmp_path / f"out-{place}")[1]["train"]
        assert [row["id"] for row in found] == ["a", "c"]
    with pytest.raises(DataError, match="the answer 'Ada' of question b at offset 4"):
        rows("squad", "en", write(tmp_path, {"intermediate/squad/train-v1.1.json": text,
                                             "intermediate/squad/dev-v1.1.json": text}), tmp_path / "out")  # fmt: skip


def test_what_is_not_there_is_the_reason_and_english_is_no_translation(tmp_path: Path) -> None:
    said = rows("hellaswag-translated", "ru", write(tmp_path, {"x": ""}), tmp_path / "out")[0]
    assert said["reason"] == f"{HERE}/hellaswag/ru/hellaswag_train.jsonl is not there"
    with pytest.raises(UserError, match="mnli-translated has no language 'en'"):
        rows("mnli-translated", "en", tmp_path, tmp_path / "out")


def prepared(folder: Path, name: str, language: str, origin: Path) -> Manifest:
    """Make a data artifact as the workflow does."""
    spec = folder / f"{name}-{language}.json"
    settings = {"dataset": name, "language": language}
    write_json(spec, {"rule": "prepare", "wildcards": [name, language], "settings": settings, "code": ""})
    place = folder / name / language / "manifest.json"
    return produce(place, spec, {}, lambda *given: prepare_dataset(*given, origin=origin))


def premise(number: int, language: str) -> tuple[str, str, str]:
    return f"premise {number} {language}", f"hypothesis {number} {language}", "neutral"


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Manifest]:
    train = {language: nli(*(premise(number, language) for number in range(40))) for language in ("en", "de")}
    files: dict[str, Any] = {"intermediate/snli/snli_1.0_train.jsonl": train["en"]}
    files["intermediate/snli/snli_1.0_dev.jsonl"] = nli(*(premise(number, "dev") for number in range(5)))
    files[f"{HERE}/snli/de/snli_1.0_train.jsonl"] = train["de"]
    origin = write(tmp_path / "mirror", files)
    return {
        "snli/en": prepared(tmp_path, "snli", "en", origin),
        "snli-translated/de": prepared(tmp_path, "snli-translated", "de", origin),
    }


def test_the_checkpoint_is_chosen_on_english_dev(data: dict[str, Manifest]) -> None:
    found = divide("snli-translated/de", "snli/en", "paper", data, [], "classification")
    assert len(found.train) == 40 and {row["language"] for row in found.train} == {"de"}
    assert [row["text_a"] for row in found.dev] == [f"premise {number} dev" for number in range(5)]


def test_the_clean_recipe_holds_the_same_rows_out_of_the_translation(data: dict[str, Manifest]) -> None:
    found = divide("snli-translated/de", "snli/en", "clean", data, [], "classification")
    held = {row["id"] for row in found.dev}
    assert len(held) == 4 and {row["language"] for row in found.dev} == {"en"}
    assert {row["id"] for row in found.train} == {str(number) for number in range(40)} - held


@pytest.mark.parametrize(("name", "planted"), [("snli-translated/de", "fr"), ("snli/en", "de")])
def test_a_row_in_a_language_that_was_not_declared_is_refused(
    data: dict[str, Manifest], name: str, planted: str
) -> None:
    path = data[name].folder / "train.jsonl"
    write_jsonl(path, [row | {"language": planted} if row["id"] == "3" else row for row in read_jsonl(path)])
    with pytest.raises(UserError, match=rf"{name}: training row 4 \(id 3\) is in '{planted}'; expected English only"):
        divide(name, "snli/en", "paper", data, [], "classification")


def test_only_the_intermediate_phase_of_a_translated_source_reads_another_language() -> None:
    jobs = Jobs(load(BASE | {"sources": ["none", "anli-de", "mnli-sw+mlm"], "seeds": [1]}), ROOT)
    (part,) = settings_of(jobs, "train_intermediate", "xlm-roberta-large", "anli-de", 1)["parts"]
    assert part["data"] == ["anli-translated/de", "mnli-translated/de", "snli-translated/de"]
    assert part["chosen_on"] == ["anli/en", "mnli/en", "snli/en"] and part["batch_size"] == 24
    english, translated = jobs.data("mnli", "en"), jobs.data("mnli-translated", "sw")
    assert set(jobs.data_of_source("mnli-sw+mlm")) == {english, translated, jobs.text}
    for job in jobs.every():
        if job[0] == "train_target":
            assert "translated" not in json.dumps(settings_of(jobs, *job))
    assert [source.block for source in jobs.run.parsed_sources] == ["", "Translated into de", "Translated into sw"]

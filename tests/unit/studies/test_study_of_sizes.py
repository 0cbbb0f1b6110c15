"""The study of sizes in the frame: encoders of its own, a page with every size, and no answer from tiny ones."""

import csv
import json
from pathlib import Path

import pytest
from planted_studies import ROOT, plant

from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.config.study import Study, read_study
from xstilts.errors import DataError, UserError
from xstilts.files import write_json
from xstilts.graph.jobs import Jobs
from xstilts.planning.numbers import find_number
from xstilts.planning.trace import trace
from xstilts.reporting.run import RunFolder
from xstilts.studies.job import run_study

PLANTED = {"demo-1/mnli": 1.0, "demo-2/mnli": 2.0, "demo-4/mnli": 4.0}


def test_the_twin_has_every_size_on_its_page_and_is_not_identified(tmp_path: Path) -> None:
    run = plant(tmp_path, "size", PLANTED)
    run_study(run)
    found = json.loads((run.tables / "verdict.json").read_text(encoding="utf-8"))
    assert found["verdict"] == "not identified" and "0 sizes above 30 B, and the rule needs 3" in found["reason"]
    with open(run.tables / "gains.csv", encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["task"] == "average"]
    assert [row["model"] for row in rows] == ["demo-1", "demo-2", "demo-4"], "by size"
    for row, gain in zip(rows, PLANTED.values(), strict=True):
        assert float(row["gain"]) == pytest.approx(gain, abs=0.8)
        assert float(row["lower"]) <= float(row["gain"]) <= float(row["upper"])
    with open(run.tables / "costs.csv", encoding="utf-8", newline="") as handle:
        costs = {row["arm"]: row for row in csv.DictReader(handle)}
    assert set(costs) == {f"demo-{size}, {arm}" for size in (1, 2, 4) for arm in ("none", "mnli")}
    assert all(row["finished"] == row["jobs"] == row["predicted_jobs"] for row in costs.values())
    assert {path.name for path in run.tables.iterdir()} >= set(read_study(ROOT, "size", generated=True).files)
    page = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert "**Answer: not identified.**" in page and "tiny encoders" in page and "demo-2 (0.00101 B)" in page
    assert found["limit"] in page.partition("![gain by size]")[0], "beside the answer, as on the run's page"
    assert found["limit"].startswith("Each training has the same learning rate in all sizes (")


def test_learning_rates_of_sizes_that_differ_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = read_study(ROOT, "size", generated=True)
    own = study.settings["encoders"]
    slower = own["demo-4"] | {"method": {"kind": "lora", "learning_rate": 5e-4}}
    changes = {"settings": study.settings | {"encoders": own | {"demo-4": slower}}}
    monkeypatch.setattr("xstilts.graph.jobs.read_study", lambda *_: study.model_copy(update=changes))
    run = plant(tmp_path, "size", PLANTED)
    run_study(run)
    page = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert "Learning rates: demo-1 0.0003 0.0004, demo-2 0.0003 0.0004, demo-4 0.0005." in page


def test_trainings_that_failed_stand_on_the_page(tmp_path: Path) -> None:
    run = plant(tmp_path, "size", PLANTED, failed=["mnli"])
    run_study(run)
    page = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert "Trainings that failed: demo-1 after mnli (not learned); demo-2 after mnli" in page


def verdict(run: RunFolder) -> tuple[str, str, str]:
    """Return verdict, reason and page."""
    run_study(run)
    found = json.loads((run.tables / "verdict.json").read_text(encoding="utf-8"))
    return found["verdict"], found["reason"], (run.tables / "verdict.md").read_text(encoding="utf-8")


@pytest.fixture
def bent(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """A study of six sizes, three above 30 B: the gains of its models, which rise up to 10 B and fall from 40 B on."""
    study = read_study(ROOT, "size", generated=True)
    gains = {"m1": 1.0, "m3": 3.0, "m10": 5.0, "m40": 6.0, "m100": 3.0, "m300": 0.0}
    encoders = dict.fromkeys(gains, study.settings["encoders"]["demo-1"])
    changes = {"families": {"demo": {name: float(name[1:]) for name in gains}}}
    changes |= {"settings": study.settings | {"encoders": encoders}}
    monkeypatch.setattr("xstilts.graph.jobs.read_study", lambda *_: study.model_copy(update=changes))
    return {f"{name}/mnli": gain for name, gain in gains.items()}


def test_only_what_counts_takes_an_answer_away(tmp_path: Path, bent: dict[str, float]) -> None:
    """Tatoeba is in no average: what is missing of it stands on the page, and is no training that failed."""
    run = plant(tmp_path, "size", bent)
    (run.folder / "scores/m100/mnli/none/1/tatoeba/qab.json").unlink()
    for path in run.folder.glob("scores/*/*/pawsx/*/pawsx/qab.json"):
        path.unlink()
    found, reason, page = verdict(run)
    assert found == "yes", reason
    assert "Trainings that failed" not in page
    assert "Test scores that are missing: PAWS-X in qab of all; Tatoeba in qab of m100." in page
    assert "Not all languages are there: PAWS-X 2 of 3 languages." in page
    assert "No answer on Tatoeba alone: found tatoeba: 100 B without seed 1 qab" in page

    for path in run.folder.glob("scores/m300/*/udpos/*/udpos/en.json"):
        path.unlink()
    found, reason, _ = verdict(run)
    assert found == "not identified" and "trainings that failed" not in reason
    assert reason == (
        "models lack scores that others have, so that their averages are of other tasks: POS in en of m300"
    ), "in English the largest would have the gain on PAWS-X alone"


def test_trainings_that_failed_take_the_answer_away(tmp_path: Path, bent: dict[str, float]) -> None:
    found, reason, page = verdict(plant(tmp_path, "size", bent, failed=["mnli"]))
    assert found == "not identified" and reason.startswith("trainings that failed: m1 after mnli (not learned), m10")
    assert "Trainings that failed: m1 after mnli (not learned); m10 after mnli" in page


def test_its_encoders_are_the_studys_alone(tmp_path: Path) -> None:
    jobs = Jobs(load(read_layers(ROOT, ["demo"], {"study": "size"})), ROOT, tmp_path)
    assert jobs.study is not None and jobs.study.run.models == ["demo-1", "demo-2", "demo-4"]
    assert jobs.owner("trim", "demo-2") is jobs.study and jobs.owner("fetch_model", "demo-4") is jobs.study
    assert ("trim", "demo-1") in set(jobs.every())
    assert jobs.study.settings.files == jobs.decided
    with pytest.raises(ValueError, match="expected two beside `families`"):
        Study.model_validate(jobs.study.settings.model_dump() | {"arms": {"none": "none"}})
    with pytest.raises(ValueError, match="families: found an encoder twice"):
        twice = {"families": {"demo": {"demo-1": 1}, "other": {"demo-1": 2}}}
        Study.model_validate(jobs.study.settings.model_dump() | twice)
    with pytest.raises(ValueError, match=r"families.demo: found one size of two encoders"):
        Study.model_validate(jobs.study.settings.model_dump() | {"families": {"demo": {"demo-1": 1, "demo-2": 1}}})


def test_gains_are_followed_to_the_scores_of_both_arms_and_the_sizes(tmp_path: Path) -> None:
    """Of the average each language has the tasks that have it: PAWS-X lacks one here, and Tatoeba is in no average."""
    run = plant(tmp_path, "size", PLANTED)
    for path in run.folder.glob("scores/*/*/pawsx/*/pawsx/qab.json"):
        path.unlink()
    write_json(run.folder / "specs/study/size.json", {"settings": json.loads(json.dumps(run.settings))})
    run_study(run)
    table = run.tables / "gains.csv"
    with open(table, encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert {row["task"] for row in rows} == {"average", "pawsx", "udpos", "tatoeba"}
    for row in rows:
        wanted = f"{row['model']},{row['task']}"
        for column in ("billions", "gain", "lower", "upper", "direct", "of_what_was_left"):
            number = find_number(run, table, wanted, column)
            assert number.value == pytest.approx(float(row[column]), abs=1e-9), (wanted, column)
            assert bool(number.cells) == (column in ("gain", "direct", "of_what_was_left"))
            assert {cell.model for cell in number.cells} <= {row["model"]}
    average = find_number(run, table, "demo-2,average", "gain")
    assert {cell.source for cell in average.cells} == {"none", "mnli"}
    assert {(cell.task, cell.language) for cell in average.cells} == {
        *(("udpos", code) for code in ("en", "qaa", "qab")), ("pawsx", "en"), ("pawsx", "qaa")
    }  # fmt: skip
    for task, languages in (("udpos", "en qaa qab"), ("pawsx", "en qaa")):
        share = f"none on {task} (test), mean over seeds 1 2 3, languages {languages}"
        assert any("+0.5000 x " in word and share in word for word in average.words), "each task weighs the same"
    assert {cell.source for cell in find_number(run, table, "demo-2,average", "direct").cells} == {"none"}

    text, problems = trace(table, "demo-2,average", "gain")
    assert problems == []
    for source in ("none", "mnli"):
        assert f"predictions  {run.folder}/predictions/demo-2/{source}/pawsx/1/pawsx\n" in text
        assert f"checkpoint  {run.folder}/models/demo-2/{source}/pawsx/1\n" in text
    assert f"encoder  {run.folder}/models/demo-2/mnli/none/1\n" in text
    assert f"encoder  {run.folder}/models/demo-2\n" in text
    assert "the size: 0.00101 billions of parameters, by the study's file; 1,568 without a head, by " in text
    text, problems = trace(table, "demo-2,average", "billions")
    assert problems == [] and f"checkpoint  {run.folder}/models/demo-2\n" in text and "predictions" not in text
    text, _ = trace(run.tables / "costs.csv", "demo-2, mnli", "training_seconds")
    assert "models/demo-2/mnli/none/1/manifest.json" in text, "the name of an arm has a comma"

    with pytest.raises(UserError, match=r"4 rows fit 'demo-2'; name more of their fields, with commas: task: average"):
        find_number(run, table, "demo-2", "gain")
    with pytest.raises(UserError, match=r"column 'family' is no number; known: billions gain"):
        find_number(run, table, "demo-2,average", "family")
    table.write_text(table.read_text(encoding="utf-8").replace(rows[0]["gain"], "9.9"), encoding="utf-8")
    with pytest.raises(DataError, match=r"found 9\.9 at demo-1,average, gain; expected .*, by its scores"):
        find_number(run, table, "demo-1,average", "gain")

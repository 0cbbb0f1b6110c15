"""Each study tells yes from no, and from neither, on score files in which the answer was planted."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted_studies import ROOT, plant

from xstilts.config.study import read_study
from xstilts.files import write_json
from xstilts.planning.numbers import find_number
from xstilts.planning.tables import open_run
from xstilts.reporting.run import RunFolder
from xstilts.scoring.score_file import read_scores, write_scores
from xstilts.studies.job import run_study
from xstilts.studies.measure import best_by_seed
from xstilts.tasks import task

YES, NO, UNKNOWN = "yes", "no", "not identified"
BETTER = {  # study -> the sources that are better where the answer is yes
    "robustness": {"mnli": 4.0, "squad": 2.0},
    "order": {"mnli-many-then-mnli": 4.0},
    "xcopa-cost": {"siqa": 4.0},
}
WORSE = {"robustness": {"none-tuned": 4.0}, "order": {"mnli-then-mnli": 4.0}, "xcopa-cost": {"none": 4.0}}
STUDIES = sorted(BETTER)


def decided(run: RunFolder) -> dict[str, str]:
    run_study(run)
    return json.loads((run.tables / "verdict.json").read_text(encoding="utf-8"))


def rows(run: RunFolder, table: str) -> list[dict[str, str]]:
    with open(run.tables / f"{table}.csv", encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize("name", STUDIES)
def test_a_planted_effect_is_found_and_all_of_the_study_is_written(tmp_path: Path, name: str) -> None:
    run = plant(tmp_path, name, BETTER[name])
    found = decided(run)
    assert found["verdict"] == YES, found["reason"]
    primary, *others = rows(run, "contrasts")
    assert primary["kind"] == "primary" and float(primary["lower"]) > 0
    assert float(primary["estimate"]) == pytest.approx(4.0, abs=1.0)
    without = [row["without"] for row in others if row["kind"] == "without"]
    apart = ["qaa", "qab", "qac"] if name == "xcopa-cost" else primary["tasks"].split()
    assert without == apart
    secondary = [row for row in others if row["kind"] == "secondary"]
    assert secondary and all(float(row["p_holm"]) >= float(row["p"]) for row in secondary if row["p_holm"])
    costs = {row["arm"]: row for row in rows(run, "costs")}
    assert set(costs) == set(run.settings["study"]["arms"]) == {row["arm"] for row in rows(run, "arms")}
    for row in costs.values():
        assert row["finished"] == row["jobs"] == row["predicted_jobs"] and int(row["jobs"]) > 0
        assert float(row["training_seconds"]) == 2 * int(row["tokens"]) / 100, "20 s a training of 1,000 tokens"
        assert float(row["predicted_tokens"]) > 0 and float(row["predicted_gpu_seconds"]) > 0
        assert row["energy_joules"] == "not measured" and row["energy_jobs"] == row["gpu_seconds"] == "0"
        assert 10 * int(row["padded_tokens"]) == 11 * int(row["tokens"])
    page = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert f"**Answer: {YES}.**" in page and "Generated languages" in page and found["question"] in page
    assert {path.name for path in run.tables.glob("*.svg")} == {"forest.svg", "pareto.svg"}


def test_a_task_without_test_labels_counts_by_its_dev_split_and_the_page_says_so(tmp_path: Path) -> None:
    run = plant(tmp_path, "order", BETTER["order"])
    files = [path for path in run.folder.glob("scores/**/*.json") if "udpos" in path.parts]
    assert files
    for path in files:
        content = read_scores(path)
        del content["splits"]["test"], content["seal"]
        write_scores(path, content)
    assert decided(run)["verdict"] == YES
    assert rows(run, "contrasts")[0]["tasks"].split() == ["udpos", "tatoeba"]
    page = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert "Test splits; POS on dev, as test labels are not there or in fewer languages" in page
    assert "not all are there" not in page


def test_a_task_whose_test_labels_are_in_fewer_languages_counts_by_dev(tmp_path: Path) -> None:
    """English alone is no score across languages; where dev lacks languages as well, page and reason say how many."""
    run = plant(tmp_path, "order", BETTER["order"])
    files = [path for path in run.folder.glob("scores/**/*.json") if "udpos" in path.parts and path.stem != "en"]
    for path in files:
        content = read_scores(path)
        del content["splits"]["test"], content["seal"]
        write_scores(path, content)
    found = decided(run)
    assert found["verdict"] == YES and "languages" not in found["reason"]
    made = json.loads((run.tables / "contrasts.cells.json").read_text(encoding="utf-8"))["parts"]
    of_pos = next(part for part in made["M->E minus E->E"]["estimate"] if part["task"] == "udpos")
    assert (of_pos["split"], of_pos["languages"]) == ("dev", ["en", "qaa", "qab"])
    for path in files:
        if path.stem == "qab":
            path.unlink()
    found = decided(replace(run))  # which reads its scores anew
    assert found["verdict"] == YES and found["reason"].endswith("; not in all languages: POS 2 of 3 languages")
    page = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert "on the languages of each task; not all are there: POS 2 of 3 languages." in page


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_the_opposite_effect_is_a_no(tmp_path: Path, name: str) -> None:
    found = decided(plant(tmp_path, name, WORSE[name]))
    assert found["verdict"] == NO, found["reason"]
    assert " points fixed beforehand" in found["reason"] and "below" in found["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_with_seeds_removed_it_is_not_identified(tmp_path: Path, name: str) -> None:
    found = decided(plant(tmp_path, name, BETTER[name], seeds=read_study(ROOT, name, True).seeds[:2]))
    assert found["verdict"] == UNKNOWN and "2 seeds in both arms, and the rule needs 3" in found["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_of_trainings_on_permuted_labels_it_is_not_identified(tmp_path: Path, name: str) -> None:
    """What learned nothing is no evidence, whatever its scores: the trainings of every arm failed."""
    everything = {source for run in [plant(tmp_path / "a", name, {})] for source in run.settings["sources"]}
    found = decided(plant(tmp_path / "b", name, BETTER[name], failed=everything))
    assert found["verdict"] == UNKNOWN and "not learned" in found["reason"]


def test_an_arm_whose_first_stage_learned_nothing_is_no_evidence(tmp_path: Path) -> None:
    """M->E rests on M, which is a row of no table of its own where another arm has it."""
    found = decided(plant(tmp_path, "order", BETTER["order"], unlearned=["mnli-many"]))
    assert found["verdict"] == UNKNOWN and "not learned" in found["reason"]
    assert found["would_change"] == "Trainings that do not fail, in these arms.", "no score is missing"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "task", "title"), [("order", "tatoeba", "Tatoeba"), ("robustness", "udpos", "POS")])
def test_an_effect_of_one_task_alone_is_not_identified(tmp_path: Path, name: str, task: str, title: str) -> None:
    strong = {source: 5 * points for source, points in BETTER[name].items()}
    found = decided(plant(tmp_path, name, strong, only={source: [task] for source in strong}))
    assert found["verdict"] == UNKNOWN and f"{title} drives it" in found["reason"]


def test_a_gain_in_retrieval_is_no_answer_about_the_rate_of_the_baseline(tmp_path: Path) -> None:
    """Nothing is trained for retrieval: the baseline with a chosen rate is the plain one there."""
    better = {"mnli": 30.0, "squad": 30.0}
    run = plant(tmp_path, "robustness", better, only={source: ["tatoeba"] for source in better})
    assert decided(run)["verdict"] != YES
    primary, *others = rows(run, "contrasts")
    assert primary["tasks"] == "pawsx udpos"
    gains = {row["contrast"]: float(row["estimate"]) for row in others}
    assert gains["best-en minus none-tuned"] > 9 and gains["best-en minus none-tuned (retrieval)"] > 28


def test_learning_nothing_is_an_outcome_of_what_xcopa_costs(tmp_path: Path) -> None:
    """COPA alone stays at chance in all seeds, and what follows SIQA does not: that is the answer, and no lost arm."""
    run = plant(tmp_path, "xcopa-cost", BETTER["xcopa-cost"], failed=["none"])
    found = decided(run)
    assert found["verdict"] == YES, found["reason"]
    assert "learned nothing count at their scores" in found["rule"]
    page = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert "Learned nothing on a target, and count at their scores (trainings): COPA (3)." in page


@pytest.mark.slow
def test_an_arm_without_scores_says_which(tmp_path: Path) -> None:
    run = plant(tmp_path, "order", BETTER["order"])
    for path in run.folder.glob("scores/*/mnli-then-mnli/udpos/*/udpos/*.json"):
        path.unlink()
    found = decided(run)
    assert found["verdict"] == UNKNOWN and "E->E on udpos" in found["reason"]
    page = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert "The scores that are missing." in page


@pytest.mark.slow
def test_best_en_is_chosen_by_english_dev_of_the_other_seeds(tmp_path: Path) -> None:
    """Retrieval has no English dev: it takes the source that was fixed beforehand."""
    run = plant(tmp_path, "robustness", {"mnli": 1.0, "squad": 6.0})
    decided(run)
    chosen = json.loads((run.tables / "arms.cells.json").read_text(encoding="utf-8"))["parts"]["best-en"]
    assert set(chosen["udpos"][0]["by_seed"].values()) == {"squad"}
    assert set(chosen["tatoeba"][0]["by_seed"].values()) == {"mnli"}


def test_best_en_of_retrieval_behind_a_training_is_chosen_by_its_english_dev() -> None:
    """XTREME-R finds sentences with the encoder trained on SQuAD: its dev score chooses, as it does in best.md."""
    study = {"candidates": ["mnli", "squad"]}
    cell = (50.0, np.zeros(3))
    runs = {
        name: {source: {1: cell, 2: cell} for source in study["candidates"]} for name in ("tatoeba", "tatoeba_squad")
    }
    entries = {name: {"family": task(name).family, "target": task(name).target} for name in runs}
    own_dev = {
        (source, "squad", seed): (score, 500) for source, score in (("mnli", 60.0), ("squad", 70.0)) for seed in (1, 2)
    }
    chosen = best_by_seed(study, entries, runs, own_dev, {"statistic": "mean", "retrieval_source": "mnli"})
    assert chosen == {"tatoeba": {1: "mnli", 2: "mnli"}, "tatoeba_squad": {1: "squad", 2: "squad"}}


@pytest.mark.parametrize("name", ["order", "xcopa-cost"])
def test_every_number_is_followed_back_to_scores_and_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    study = name
    run = plant(tmp_path, study, BETTER[study])
    run_study(run)
    spec = run.folder / f"specs/study/{study}.json"
    write_json(spec, {"settings": run.settings})
    monkeypatch.chdir(tmp_path)
    of_task = "tatoeba" if study == "order" else "xcopa_copa"
    for table, column in (("arms", "avg"), ("arms", of_task), ("contrasts", "estimate"), ("costs", "tokens")):
        for row in rows(run, table):
            if not row[column]:
                continue
            name = next(iter(row.values()))
            number = find_number(open_run(run.tables / f"{table}.csv"), run.tables / f"{table}.csv", name, column)
            assert number.value == pytest.approx(float(row[column])), (table, name)
            assert number.cells or table == "costs"
    first = next(iter(rows(run, "contrasts")))["contrast"]
    lower = find_number(open_run(run.tables / "arms.csv"), run.tables / "contrasts.csv", first, "lower")
    assert lower.words == ("it follows from the scores by resampling",)


@pytest.mark.slow
def test_a_harness_that_fails_its_null_test_says_that_instead_of_an_answer(tmp_path: Path) -> None:
    found = decided(plant(tmp_path, "xcopa-cost", BETTER["xcopa-cost"], slower=1.5))
    assert found["verdict"] == UNKNOWN and found["reason"].startswith("the null test of the harness failed"), found
    assert "+50.0 %" in found["reason"]
    assert found["would_change"] == "A null test that holds, on a quieter machine or over more seeds.", "no scores"
    found = decided(plant(tmp_path / "one seed", "xcopa-cost", BETTER["xcopa-cost"], seeds=[1]))
    assert found["would_change"].endswith("over more seeds. At least 3 seeds of both arms.")
    assert found["verdict"] == UNKNOWN and found["reason"].startswith(
        "the null test of the harness is too coarse: 1 pair"
    )


@pytest.mark.slow
def test_the_longer_baseline_has_the_steps_of_the_whole_chain(tmp_path: Path) -> None:
    run = plant(tmp_path, "robustness", {})
    decided(run)
    page = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert (
        "Steps of none-longer: 20 on pawsx (" in page and "20 on udpos (mnli and then udpos has as many in all)" in page
    )


def test_a_study_of_chosen_rates_decides_on_them_and_shows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(ROOT, "order", True).model_copy(update={"tuned": True})
    monkeypatch.setattr("xstilts.graph.jobs.read_study", lambda *_: study)
    run = plant(tmp_path, "order", {"mnli-many-then-mnli-tuned": 4.0})
    assert decided(run)["verdict"] == YES
    page = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert "chosen on English dev among 3e-06 1e-05 3e-05" in page and "| M->E | 0.011 0.012 0.013 |" in page
    jobs = {row["arm"]: int(row["jobs"]) for row in rows(run, "costs")}
    assert jobs["M->E"] == jobs["E"] + 3, "a training more before; three candidates a seed in both"

"""K-fold scores of arms with examples stand beside the test scores, and are followed back to scores of dev."""

import csv
import json
from pathlib import Path

import pytest
from planted_studies import plant

from xstilts.files import write_json
from xstilts.planning.numbers import find_number
from xstilts.planning.tables import open_run
from xstilts.reporting.run import RunFolder
from xstilts.scoring.score_file import read_scores, write_scores
from xstilts.studies.job import run_study

LANGUAGES = {"qaa": 70.0, "qab": 60.0, "qac": 20.0}


def decided(run: RunFolder) -> tuple[str, dict[str, dict[str, str]]]:
    write_json(
        run.folder / "specs" / "study" / f"{run.tables.name}.json", json.loads(json.dumps({"settings": run.settings}))
    )
    run_study(run)
    with open(run.tables / "arms.csv", encoding="utf-8", newline="") as handle:
        rows = {row["arm"]: row for row in csv.DictReader(handle)}
    return (run.tables / "verdict.md").read_text(encoding="utf-8"), rows


def dev_scores(run: RunFolder, source: str, language: str, value: float | None, examples: int = 200) -> None:
    for path in run.folder.glob(f"scores/*/{source}/copa/*/xcopa_copa/{language}.json"):
        content = read_scores(path)
        if value is None:
            del content["splits"]["dev"]
        else:
            content["splits"]["dev"] |= {"metrics": {"accuracy": value}, "examples": examples}
        write_scores(path, {name: content[name] for name in ("task", "language", "splits", "reason")})


def test_k_fold_scores_stand_beside_the_test_scores_and_say_what_they_are_for(tmp_path: Path) -> None:
    run = plant(tmp_path, "xcopa-cost", {"siqa": 4.0})
    for language, value in LANGUAGES.items():
        dev_scores(run, "none+50shots", language, value)
        dev_scores(run, "none+5shots", language, value, examples=7)
    dev_scores(run, "siqa+5shots", "qab", None)
    page, arms = decided(run)
    assert float(arms["COPA +50"]["k_fold"]) == pytest.approx(50.0), "the mean over languages, not the test score"
    assert float(arms["COPA +50"]["avg"]) == pytest.approx(55.0, abs=1)
    for arm in ("COPA", "SIQA->COPA", "COPA, LoRA", "SIQA->COPA +5"):
        assert arms[arm]["k_fold"] == "", arm
    shown = page.partition("## What could have been known")[2].partition("\n## ")[0]
    assert f"| COPA +50 | 50 | {float(arms['COPA +50']['avg']):.1f} | 50.0 | 50 |" in shown
    assert "| COPA +5 | 5 |" in shown and "| 50.0 | 3 |" in shown, "of seven rows in two folds three are left"
    assert f"| SIQA->COPA +5 | 5 | {float(arms['SIQA->COPA +5']['avg']):.1f} | – | – |" in shown
    assert "Without a k-fold score: SIQA->COPA +5 (k = 5): qab, seed 1: no labelled dev rows for qab." in shown
    assert "| COPA |" not in shown and "Nothing is chosen on a language's dev set" in shown
    table = run.tables / "arms.csv"
    found = find_number(open_run(table), table, "COPA +50", "k_fold")
    assert {(cell.source, cell.split) for cell in found.cells} == {("none+50shots", "dev")}
    assert len(found.cells) == 3 * len(LANGUAGES) and {cell.language for cell in found.cells} == set(LANGUAGES)


def test_an_arm_without_test_scores_has_no_k_fold_score(tmp_path: Path) -> None:
    run = plant(tmp_path, "xcopa-cost", {})
    for path in run.folder.glob("scores/*/50shots/**/*.json"):
        path.unlink()
    page, arms = decided(run)
    assert arms["50 alone"]["k_fold"] == "" and "Without a k-fold score: 50 alone (k = 50): no scores." in page
    assert float(arms["COPA +5"]["k_fold"]) > 0


def test_a_study_without_examples_says_nothing_of_it(tmp_path: Path) -> None:
    page, arms = decided(plant(tmp_path, "order", {}))
    assert all("k_fold" not in row for row in arms.values()) and "could have been known" not in page

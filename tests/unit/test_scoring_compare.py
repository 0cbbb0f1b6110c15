"""`xstilts compare`: two submission folders on one gold folder."""

import json
import shutil
from pathlib import Path

import pytest
from scoring_golden import HERE

from xstilts.cli import main
from xstilts.scoring.comparison import linked_passages
from xstilts.scoring.reading import Question

PREDICTIONS, GOLD = HERE / "made_up/predictions", HERE / "made_up/labels"


def test_passages_that_share_a_question_are_one_unit() -> None:
    links = linked_passages(
        {
            "de": [Question("q1", "0.0", ("x",)), Question("q2", "0.1", ("x",)), Question("q4", "0.2", ("x",))],
            "en": [Question("q1", "7.0", ("x",)), Question("q2", "7.0", ("x",)), Question("q3", "7.1", ("x",))],
        }
    )
    assert links["de"]["0.0"] == links["de"]["0.1"] == links["en"]["7.0"]
    assert len({links["de"]["0.0"], links["de"]["0.2"], links["en"]["7.1"]}) == 3


def test_better_predictions_are_told_from_equal_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    better = tmp_path / "better"
    shutil.copytree(PREDICTIONS, better)
    for path in (GOLD / "udpos").iterdir():
        shutil.copyfile(path, better / "udpos" / path.name)
    out = tmp_path / "rows.json"
    assert main(["compare", str(PREDICTIONS), str(better), str(GOLD), "--json", str(out)]) == 0
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert "item sampling only" in " ".join(lines["item"])
    assert lines["udpos"][2:5] == ["74.53", "100.00", "+25.47"] and float(lines["udpos"][-1]) < 0.001
    assert lines["xnli"][4] == "+0.00" and float(lines["xnli"][-1]) == 1
    assert float(lines["avg"][-1]) < 0.001
    rows = {(row["task"], row["source"]): row for row in json.loads(out.read_text())}
    assert rows["udpos", "B"]["diff_lower"] < 25.47 < rows["udpos", "B"]["diff_upper"]
    assert rows["udpos", "B"]["p_holm"] is None and rows["udpos", "A"]["difference"] is None


def test_only_common_languages_are_compared(tmp_path: Path) -> None:
    fewer = tmp_path / "fewer"
    (fewer / "xnli").mkdir(parents=True)
    for code in ("de", "en"):
        shutil.copyfile(PREDICTIONS / f"xnli/test-{code}.tsv", fewer / f"xnli/test-{code}.tsv")
    out = tmp_path / "rows.json"
    assert main(["compare", str(PREDICTIONS), str(fewer), str(GOLD), "--json", str(out)]) == 0
    rows = json.loads(out.read_text())
    assert {row["task"] for row in rows} == {"xnli", "avg_available"}
    assert rows[0]["examples"] == 120 and rows[1]["difference"] == 0

"""`xstilts compare`: two submission folders on one gold folder."""

import json
import re
import shutil
from pathlib import Path

import pytest
from scoring_golden import HERE

from xstilts.cli import main
from xstilts.scoring.reading import Question
from xstilts.tasks.benchmark import XTREME_R
from xstilts.xtreme.compare import _unit, compare_folders, linked_passages, p_text
from xstilts.xtreme.frames import compare

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


def test_a_system_does_not_differ_from_itself() -> None:
    rows = compare_folders(PREDICTIONS, PREDICTIONS, GOLD, resamples=200).rows
    assert {(row.difference, row.p) for row in rows if row.p is not None} == {(0.0, 1.0)}


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


def test_only_common_languages_are_compared_and_the_others_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fewer = tmp_path / "fewer"
    (fewer / "xnli").mkdir(parents=True)
    for code in ("de", "en"):
        shutil.copyfile(PREDICTIONS / f"xnli/test-{code}.tsv", fewer / f"xnli/test-{code}.tsv")
    out = tmp_path / "rows.json"
    assert main(["compare", str(PREDICTIONS), str(fewer), str(GOLD), "--json", str(out)]) == 0
    rows = json.loads(out.read_text())
    assert {row["task"] for row in rows} == {"xnli", "avg_available"}
    assert rows[0]["examples"] == 120 and rows[1]["difference"] == 0
    notes = capsys.readouterr().err.splitlines()
    assert any(re.fullmatch(r"note: B: xnli: no predictions for .*\bfr\b.*", note) for note in notes), notes
    assert any(re.fullmatch(r"note: xnli: A alone has .*\bfr\b.*: left out for both", note) for note in notes), notes
    assert any(note.startswith("note: udpos: A alone has ") for note in notes), notes
    with pytest.warns(UserWarning, match=r"xnli: A alone has"):
        compare(PREDICTIONS, fewer, GOLD)


def test_tasks_have_the_names_that_a_submission_to_xtreme_r_gives_them(tmp_path: Path) -> None:
    for task in ("udpos", "tatoeba"):
        shutil.copytree(PREDICTIONS / task, tmp_path / task)
    rows = compare_folders(tmp_path, tmp_path, GOLD, 200, XTREME_R).rows
    assert {row.task for row in rows} == {"udpos", "tatoeba", "avg_available"}


def test_three_lines_of_xnli_are_of_one_premise(tmp_path: Path) -> None:
    """B is right where A is wrong, premise by premise: as wide an interval as a third of the lines would give."""
    width = {}
    for name, size in (("premises", 3), ("lines", 1)):
        right = [line // size % 2 == 0 for line in range(90)]
        for folder, correct in (("gold", [True] * 90), ("a", [True] * 90), ("b", right)):
            path = tmp_path / name / folder / "xnli" / "test-de.tsv"
            path.parent.mkdir(parents=True)
            path.write_text("".join("neutral\n" if one else "entailment\n" for one in correct), encoding="utf-8")
        rows = compare_folders(*(tmp_path / name / folder for folder in ("a", "b", "gold")), resamples=2_000).rows
        (row,) = [row for row in rows if (row.source, row.task) == ("B", "xnli")]
        assert row.diff_upper is not None and row.diff_lower is not None
        width[name] = row.diff_upper - row.diff_lower
    assert width["premises"] > 1.5 * width["lines"]


def test_small_p_values_are_said_to_be_small() -> None:
    assert [p_text(p, 20_000) for p in (1 / 20_001, 0.0421, 1.0)] == ["< 0.0001", "0.0421", "1.0000"]
    assert p_text(1 / 1_001, 1_000) == "< 0.0010"


def test_lines_of_one_number_are_one_item_of_parallel_tasks_alone() -> None:
    assert _unit("pawsx", "de", "3", {}) == _unit("pawsx", "fr", "3", {})
    assert _unit("panx", "de", "3", {}) != _unit("panx", "fr", "3", {})

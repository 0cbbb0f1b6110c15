"""Submissions to XTREME-R: its three new tasks by hand, and what belongs to the other benchmark or split."""

import json
from pathlib import Path

import pytest

from xstilts.cli import main
from xstilts.errors import DataError
from xstilts.tasks.benchmark import XTREME_R
from xstilts.xtreme.evaluate import report, score_folders
from xstilts.xtreme.submission import check


def write(folder: Path, content: dict[str, object]) -> None:
    for name, value in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A system that is right on half of XCOPA's, one of two LAReQA questions at rank 2, one mention at rank 4."""
    write(
        tmp_path / "labels",
        {
            "xcopa/test-et.jsonl": '{"premise": "a", "label": 0}\n{"premise": "b", "label": 1}\n',
            "xcopa/test-sw.tsv": "1\n1\n",
            "lareqa/test-de.json": {"q1": ["de-1", "en-1"], "q2": ["de-2"]},
            "mewslix/test-uk.json": {"m1": ["Q1"], "m2": ["Q2"]},
        },
    )
    write(
        tmp_path / "predictions",
        {
            "xcopa/test-et.tsv": "0\n0\n",
            "xcopa/test-sw.jsonl": '{"label": 1}\n{"label": 0}\n',
            "lareqa/test-de.json": {"q1": ["x", "de-1", "en-1"], "q2": ["x"]},
            "mewslix/test-uk.json": {"m1": ["Q3", "Q4", "Q5", "Q1"], "other": ["Q1"]},
        },
    )
    return tmp_path / "predictions", tmp_path / "labels"


def test_the_new_tasks_are_scored_without_a_run(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    result = score_folders(*folders, XTREME_R)
    found = report(result)
    assert found["xcopa"]["accuracy"] == {"et": 50.0, "sw": 50.0}
    assert found["lareqa"]["avg_ap20"] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2 / 2)
    assert found["mewslix"]["avg_mrr20"] == pytest.approx(100 / 4 / 2)
    assert found["shown"] == {"xcopa": [2, 11], "mewslix": [1, 11], "lareqa": [1, 11]}
    assert main(["score", *map(str, folders), "--benchmark", "xtreme_r"]) == 0
    printed = capsys.readouterr()
    assert "mean of the 3 shown" in printed.out and "average" not in printed.out
    assert "mewslix: 1 questions without an answer: wrong (uk 1)" in printed.err


def test_of_two_files_of_choices_in_a_language_the_one_that_is_not_read_is_named(folders: tuple[Path, Path]) -> None:
    write(folders[0], {"xcopa/test-et.jsonl": '{"label": 1}\n{"label": 1}\n'})
    result = score_folders(*folders, XTREME_R)
    assert result.scores["xcopa"]["et"]["metrics"]["accuracy"] == 50.0
    assert "not read, a .tsv of that language is beside it: xcopa/test-et.jsonl" in result.notes


BAD = [
    ("xcopa/test-et.tsv", "0\n2\n", "xtreme_r", "test-et.tsv:2: found the choice 2; expected one of 0 to 1"),
    ("xcopa/test-sw.jsonl", '{"label": 1}\n{"label": "0"}\n', "xtreme_r", "test-sw.jsonl:2: found"),
    ("xcopa/test-sw.jsonl", "", "xtreme_r", "test-sw.jsonl: found"),
    ("mewslix/test-uk.json", '{"m1": "Q1"}', "xtreme_r", "test-uk.json:1: found 'Q1'"),
    ("panx/test-lt.tsv", "O\n", "xtreme", "test-lt.tsv:1: found lt, which panx has in XTREME-R alone; expected"),
    ("udpos/test-uk.tsv", "NOUN\n", "xtreme", "--benchmark xtreme_r"),
]


@pytest.mark.parametrize(("name", "content", "benchmark", "message"), BAD, ids=[f"{bad[0]}" for bad in BAD])
def test_bad_input_is_one_line_that_names_file_and_row(
    folders: tuple[Path, Path],
    name: str,
    content: str,
    benchmark: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for folder in folders:
        write(folder, {"xnli/test-de.tsv": "neutral\n"})
    write(folders[0], {name: content})
    assert main(["score", *map(str, folders), "--benchmark", benchmark]) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.count("\n") == 1


def test_a_task_of_the_other_benchmark_is_named(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    for folder in folders:
        write(folder, {"pawsx/test-de.tsv": "1\n"})
    assert main(["score", *map(str, folders), "--benchmark", "xtreme_r"]) == 0
    assert "not among XTREME-R's ten tasks, so not scored: pawsx" in capsys.readouterr().err
    assert main(["score", *map(str, folders)]) == 0
    assert "not among XTREME's nine tasks, so not scored: lareqa mewslix xcopa" in capsys.readouterr().err


def test_a_val_file_given_as_test_is_refused(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    for folder in folders:
        write(folder, {"xcopa/test-th.tsv": "0\n" * 100})
    assert main(["score", *map(str, folders), "--benchmark", "xtreme_r"]) == 2
    expected = "test-th.tsv:100: found 100 examples, as the dev file of xcopa has; expected the 500 of test\n"
    assert capsys.readouterr().err.endswith(expected)


def test_a_submission_with_one_file_of_xcopa_shorter_than_the_others_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"xcopa/test-et.tsv": "0\n1\n", "xcopa/test-sw.tsv": "0\n"})
    files = {f"xcopa/{path.name}": path for path in (tmp_path / "xcopa").iterdir()}
    with pytest.raises(DataError, match=r"test-sw.tsv:2: found 1 lines; expected 2 as in xcopa's other languages"):
        check(files, XTREME_R)

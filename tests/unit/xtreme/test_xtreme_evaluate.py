"""Two folders in the submission layout: what is refused, with file and line, and what is said about missing parts."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from scoring_golden import HERE

from xstilts.cli import main


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("predictions", "labels"):
        shutil.copytree(HERE / "made_up" / name, tmp_path / name)
    return tmp_path / "predictions", tmp_path / "labels"


def lines(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        path.write_text("\n".join(change(path.read_text(encoding="utf-8").split("\n"))), encoding="utf-8")

    return rewrite


def repeat_answer(path: Path) -> None:
    answers = json.loads(path.read_text(encoding="utf-8"))
    entries = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in answers.items()]
    path.write_text("{\n" + ",\n".join([*entries, entries[2]]) + "\n}", encoding="utf-8")
    assert len(entries) == 38


BROKEN = [
    ("xnli/test-de.tsv", lines(lambda rows: rows[:50]), ":51: found 50 lines; expected 60"),
    ("pawsx/test-ko.tsv", lines(lambda rows: ["0", *rows]), ":61: found 61 lines; expected 60"),
    ("xnli/test-sw.tsv", lines(lambda rows: [*rows[:6], "entails", *rows[7:]]), ":7: found the label 'entails'"),
    ("xnli/test-fr.tsv", lines(lambda rows: [*rows[:3], "", *rows[4:]]), ":4: found an empty line"),
    ("xnli/test-ar.tsv", lines(lambda rows: []), ": found an empty file"),
    ("tatoeba/test-af.tsv", lines(lambda rows: ["[3]", *rows[1:]]), ":1: found '[3]'; expected a row number"),
    (
        "tatoeba/test-af.tsv",
        lines(lambda rows: ["80", *rows[1:]]),
        ":1: found the row number 80; expected one of 0 to 79",
    ),
    ("udpos/test-en.tsv", lines(lambda rows: ["dog\tNOUN", *rows[1:]]), r":1: found 'dog\tNOUN'; expected one tag"),
    ("udpos/test-en.tsv", lines(lambda rows: [rows[0], "CONJ", *rows[2:]]), ":2: found the tag 'CONJ'"),
    ("panx/test-en.tsv", lines(lambda rows: ["O", *rows]), "found a sentence of "),
    ("panx/test-en.tsv", lines(lambda rows: rows[: rows.index("") + 1]), "found 1 sentences; expected "),
    ("bucc2018/test-zh.tsv", lines(lambda rows: [rows[4], *rows]), ":6: found the pair "),
    ("bucc2018/test-zh.tsv", lines(lambda rows: ["zh-1 en-1", *rows]), ":1: found 'zh-1 en-1'; expected two ids"),
    ("xquad/test-de.json", repeat_answer, ":40: found the id 'xquad-de-"),
    ("xquad/test-de.json", lambda path: path.write_text('{"a": "b",\n"c": 7}'), ":2: found 7 as the answer to 'c'"),
    ("xquad/test-de.json", lambda path: path.write_text('{"a": "b",\n"c'), ":2: found broken JSON"),
    ("xquad/test-de.json", lambda path: path.write_text('["a"]'), ":1: found a JSON list"),
    ("mlqa/test-de.json", lambda path: path.write_bytes(b'{"a":\n"\xff"}'), ":2: found bytes that are not UTF-8"),
    ("pawsx/test-en.tsv", lambda path: path.write_bytes(b"0\n1\n\xc3\n"), ":3: found bytes that are not UTF-8"),
]


@pytest.mark.parametrize(("name", "damage", "message"), BROKEN, ids=[message for _, _, message in BROKEN])
def test_broken_predictions_are_refused(
    name: str,
    damage: Callable[[Path], None],
    message: str,
    folders: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    predictions, gold = folders
    damage(predictions / name)
    assert main(["score", str(predictions), str(gold), "--json", str(tmp_path / "out.json")]) == 2
    error = capsys.readouterr().err
    assert f"{predictions / name}" in error and message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out.json").exists()


def test_a_sentence_of_the_wrong_length_is_named_by_its_line(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    predictions, gold = folders
    (gold / "panx/test-en.tsv").write_text("O\nO\n\nO\nB-PER\n")
    (predictions / "panx/test-en.tsv").write_text("O\nO\n\nO\nB-PER\nI-PER\n")
    assert main(["score", str(predictions), str(gold)]) == 2
    assert "test-en.tsv:6: found a sentence of 3 tags; expected 2 tags" in capsys.readouterr().err


def test_broken_gold_is_named_too(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    predictions, gold = folders
    (gold / "tydiqa/test-fi.json").write_text('{"data": [{"paragraphs": [{"questions": []}]}]}')
    assert main(["score", str(predictions), str(gold)]) == 2
    error = capsys.readouterr().err
    assert f"{gold / 'tydiqa/test-fi.json'}: found no usable 'qas'" in error


def test_line_ends_of_any_system_and_trailing_blank_lines_score_the_same(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    predictions, gold = folders
    for name in ("xnli/test-en.tsv", "panx/test-en.tsv", "bucc2018/test-de.tsv", "tatoeba/test-de.tsv"):
        text = (predictions / name).read_bytes().rstrip(b"\n")
        (predictions / name).write_bytes(text.replace(b"\n", b"\r\n"))
    (predictions / "udpos/test-en.tsv").open("a").write("\n\n")
    assert main(["score", str(predictions), str(gold), "--json", str(tmp_path / "out.json")]) == 0
    found = json.loads((tmp_path / "out.json").read_text())
    expected = json.loads((HERE / "made_up/expected.json").read_text(encoding="utf-8"))
    assert found["all_task"] == pytest.approx(expected["all_task"], abs=1e-9)


def test_fewer_tasks_get_no_nine_task_average(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions, gold = folders
    shutil.rmtree(predictions / "bucc2018")
    shutil.rmtree(predictions / "tydiqa")
    (predictions / "xnli/test-sw.tsv").unlink()
    assert main(["score", str(predictions), str(gold), "--json", str(tmp_path / "out.json")]) == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert not {"all_task", "qa", "retrieval", "classification"} & found.keys()
    shown = ("pawsx", "xnli", "udpos", "panx", "xquad", "mlqa", "tatoeba")
    assert found["mean_of_shown"] == pytest.approx(sum(found[name]["avg_metric"] for name in shown) / 7)
    assert found["shown"]["xnli"] == [14, 15] and found["shown"]["pawsx"] == [7, 7]
    printed = capsys.readouterr()
    assert "mean of the 7 shown" in printed.out and "xnli 14/15" in printed.out
    assert "nine-task" not in printed.out
    assert "xnli: no predictions for sw" in printed.err


def test_generated_languages_are_scored_but_are_not_the_benchmark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("predictions", "gold"):
        (tmp_path / name / "xnli").mkdir(parents=True)
        (tmp_path / name / "xnli/test-qab.tsv").write_text("neutral\nentailment\n")
    assert main(["score", str(tmp_path / "predictions"), str(tmp_path / "gold")]) == 0
    printed = capsys.readouterr().out
    assert "qab 100.00" in printed and "mean of the 1 shown: 100.0000" in printed


def test_nothing_to_score_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["score", str(tmp_path / "empty"), str(tmp_path / "empty")]) == 2
    assert main(["score", str(tmp_path / "absent"), str(tmp_path / "empty")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_answers_to_unknown_questions_are_counted(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    predictions, gold = folders
    path = predictions / "tydiqa/test-fi.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"nobody-asked": "x"}))
    assert main(["score", str(predictions), str(gold)]) == 0
    assert "tydiqa: 1 answers to no question: ignored (fi 1)" in capsys.readouterr().err

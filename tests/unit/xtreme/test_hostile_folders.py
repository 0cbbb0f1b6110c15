"""Folders as people really have them: marks, other names, other tag sets, zips; and what a person does to a command."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from scoring_golden import HERE

from xstilts.cli import main

GOLD, PREDICTIONS = HERE / "made_up/labels", HERE / "made_up/predictions"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def scored(tmp_path: Path, predictions: dict[str, str], gold: dict[str, str]) -> tuple[int, dict[str, dict]]:
    """Return the exit status and the scores."""
    folders = write(tmp_path / "predictions", predictions), write(tmp_path / "gold", gold)
    status = main(["score", *map(str, folders), "--json", str(tmp_path / "out.json")])
    return status, json.loads((tmp_path / "out.json").read_text()) if status == 0 else {}


@pytest.mark.parametrize("marked", ["predictions", "gold"])
def test_a_byte_order_mark_is_no_part_of_the_first_tag(tmp_path: Path, marked: str) -> None:
    files = {"predictions": "NOUN\nVERB\n", "gold": "NOUN\nVERB\n"}
    files[marked] = "\ufeff" + files[marked]
    name = "udpos/test-de.tsv"
    assert scored(tmp_path, {name: files["predictions"]}, {name: files["gold"]})[1]["udpos"]["avg_f1"] == 100


def test_a_byte_order_mark_is_no_part_of_answers(tmp_path: Path) -> None:
    gold = {"data": [{"paragraphs": [{"qas": [{"id": "a", "answers": [{"text": "x"}]}]}]}]}
    name = "xquad/test-de.json"
    _, found = scored(tmp_path, {name: '\ufeff{"a": "x"}'}, {name: "\ufeff" + json.dumps(gold)})
    assert found["xquad"]["avg_exact_match"] == 100


@pytest.mark.parametrize(("answers", "shown"), [([{"text": None}], "None"), (7, "7"), ([{"text": 1987}], "1987")])
def test_a_gold_answer_that_is_no_text_is_named_with_its_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answers: object, shown: str
) -> None:
    gold = {"data": [{"paragraphs": [{"qas": [{"id": "q-7", "answers": answers}]}]}]}
    name = "xquad/test-de.json"
    assert scored(tmp_path, {name: "{}"}, {name: json.dumps(gold)})[0] == 2
    said = capsys.readouterr().err
    assert f"{name}:1: found {shown} as the gold answer to 'q-7'" in said and len(said.splitlines()) == 1


def test_every_file_and_language_that_was_not_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = {"xnli/test-de.tsv": "neutral\n", "udpos/test-ka.tsv": "NOUN\n"}
    wrong = {"pawsx/de.tsv": "0\n", "panx/test-de.txt": "O\n", "udpos/de/test.tsv": "X\n", "xnli/test-zh-CN.tsv": "a\n"}
    gold = {"pawsx/test-de.tsv": "0\n", "panx/test-de.tsv": "O\n"}
    assert scored(tmp_path, right | wrong, right | gold)[0] == 0
    said = capsys.readouterr().err
    assert "panx/test-de.txt pawsx/de.tsv udpos/de/test.tsv" in said
    assert "udpos ka, xnli zh-CN" in said, "languages of other tasks, and codes that XTREME does not write"
    assert "pawsx: no predictions for any language" in said and "panx: no predictions for any language" in said


def test_gold_tags_of_another_set_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "udpos/test-vi.tsv"
    assert scored(tmp_path, {name: "NOUN\nVERB\n"}, {name: "noun\nverb\n"})[0] == 0
    assert "udpos vi: gold tags outside the tag set: noun (1) verb (1)" in capsys.readouterr().err


def test_rows_that_are_counted_from_1_are_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "tatoeba/test-de.tsv"
    gold = "".join(f"{row}\n" for row in range(5))
    assert scored(tmp_path, {name: "1\n2\n3\n4\n4\n"}, {name: gold})[0] == 0
    assert "rows counted from 1? 1 are right as they are, 4 with 1 taken off" in capsys.readouterr().err


@pytest.mark.parametrize("inside", ["", "mine/"])
def test_a_zip_is_scored_as_the_folder_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], inside: str) -> None:
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for path in PREDICTIONS.rglob("test-*"):
            archive.write(path, inside + str(path.relative_to(PREDICTIONS)))
    assert main(["score", str(tmp_path / "mine.zip"), str(GOLD)]) == 0
    assert "nine-task average 64.5234" in capsys.readouterr().out
    assert main(["compare", str(tmp_path / "mine.zip"), str(PREDICTIONS), str(GOLD)]) == 0


def test_a_mistake_in_a_zip_names_the_zip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        archive.writestr("xnli/test-de.tsv", "perhaps\n")
    assert main(["score", str(tmp_path / "mine.zip"), str(GOLD)]) == 2
    assert f"{tmp_path / 'mine.zip'}/xnli/test-de.tsv:1: found the label 'perhaps'" in capsys.readouterr().err
    (tmp_path / "no.zip").write_bytes(b"PK")
    assert main(["score", str(tmp_path / "no.zip"), str(GOLD)]) == 2
    assert f"{tmp_path / 'no.zip'}: found a file that is no zip" in capsys.readouterr().err
    for kind, said in ((zipfile.ZIP_DEFLATED, "a damaged zip"), (9, "a zip that cannot be unpacked")):  # 9: Deflate64
        with zipfile.ZipFile(tmp_path / "mine.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xnli/test-de.tsv", "neutral\n" * 500)
        content = bytearray((tmp_path / "mine.zip").read_bytes())
        begin, name = content.index(b"xnli/"), len("xnli/test-de.tsv")
        if kind == zipfile.ZIP_DEFLATED:
            content[begin + name : begin + name + 2] = b"\xff\xff"
        else:
            for at in (begin - 22, content.rindex(b"PK\x01\x02") + 10):
                content[at : at + 2] = bytes([kind, 0])
        (tmp_path / "mine.zip").write_bytes(content)
        assert main(["score", str(tmp_path / "mine.zip"), str(GOLD)]) == 2
        assert said in capsys.readouterr().err


def command(*arguments: object, **settings: str) -> subprocess.Popen[bytes]:
    call = [sys.executable, "-m", "xstilts.cli", *map(str, arguments)]
    return subprocess.Popen(call, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_reader_that_goes_away_ends_the_command_quietly() -> None:
    process = command("score", PREDICTIONS, GOLD)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert (process.wait(), process.stderr.read()) == (141, b"")


def test_a_folder_where_the_file_should_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(PREDICTIONS), str(GOLD), "--json", str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"xstilts score: {tmp_path}: Is a directory"


def test_a_terminal_without_the_signs_gets_others() -> None:
    code = "from xstilts.console import console\nwith console(): print('best\u2020 a \u2013 b\u00a7')"
    settings = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, check=True)
    assert done.stdout == "best# a - b\xa7\n".encode("latin-1")


def test_the_best_source_of_a_run_without_tables_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(PREDICTIONS, tmp_path / "predictions/m/none/mnli/1")
    assert main(["submission", str(tmp_path), "--best"]) == 2
    said = capsys.readouterr().err
    assert "scores.csv: found no table of scores" in said and len(said.splitlines()) == 1

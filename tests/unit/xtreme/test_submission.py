"""A run's predictions packed as a submission: complete and well formed, or refused with what is wrong."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from scoring_golden import HERE

from xstilts.artifacts import Product, produce
from xstilts.cli import main
from xstilts.files import write_json
from xstilts.tasks import task
from xstilts.tasks.benchmark import XTREME


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Return a results folder whose only model has made_up's predictions for the sources none and mnli, seed 1."""
    for source in ("none", "mnli"):
        for name in XTREME.tasks:
            entry = task(name)
            folder = tmp_path / "predictions/small" / source / entry.target / "1" / name
            shutil.copytree(HERE / "made_up/predictions" / name, folder)
            (folder / "dev-en.tsv").write_text("not part of a submission")
    return tmp_path


def write_scores(run_folder: Path, mnli: float) -> None:
    (run_folder / "tables").mkdir()
    with open(run_folder / "tables/scores.csv", "w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["model", "source", "task", "language", "split", "metric", "seed", "value"])
        for source, value in (("none", 60.0), ("mnli", mnli)):
            rows.writerow(["small", source, "xnli", "de", "dev", "accuracy", 1, value])
            rows.writerow(["small", source, "xnli", "de", "test", "accuracy", 1, 100 - value])
        rows.writerow(["small", "ccg", "pawsx", "de", "test", "accuracy", 1, 99])


def test_zip_holds_the_layout_and_scores_as_before(run_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "packed.zip"
    assert main(["submission", str(run_folder), "--source", "mnli", "-o", str(out)]) == 0
    with zipfile.ZipFile(out) as archive:
        assert len(archive.namelist()) == sum(len(XTREME.languages_of(task(name))) for name in XTREME.tasks)
        assert "tydiqa/test-fi.json" in archive.namelist()
        archive.extractall(tmp_path / "unpacked")
    scores = tmp_path / "scores.json"
    assert main(["score", str(tmp_path / "unpacked"), str(HERE / "made_up/labels"), "--json", str(scores)]) == 0
    expected = json.loads((HERE / "made_up/expected.json").read_text(encoding="utf-8"))
    assert json.loads(scores.read_text())["all_task"] == pytest.approx(expected["all_task"])


def test_folder(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "packed"
    assert main(["submission", str(run_folder), "--source", "none", "-o", str(out)]) == 0
    assert (out / "xnli/test-sw.tsv").is_file() and not (out / "xnli/dev-en.tsv").exists()
    assert main(["submission", str(run_folder), "--source", "none", "-o", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_an_incomplete_run_is_refused_with_all_that_is_missing(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = run_folder / "predictions/small/mnli"
    shutil.rmtree(source / "none/1/bucc2018")
    (source / "mnli/1/xnli/test-sw.tsv").unlink()
    (source / "mnli/1/xnli/test-ur.tsv").unlink()
    assert main(["submission", str(run_folder), "--source", "mnli", "-o", str(tmp_path / "x.zip")]) == 2
    error = capsys.readouterr().err
    assert "xnli: sw ur (" in error and "bucc2018: all languages (" in error and "pawsx" not in error
    assert not (tmp_path / "x.zip").exists()


def test_what_no_finished_prediction_lists_is_missing_and_what_was_changed_is_named(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job that was stopped leaves files of new weights beside those of before."""
    folder = run_folder / "predictions/small/mnli/mnli/1/xnli"
    call = ["submission", str(run_folder), "--source", "mnli", "-o", str(tmp_path / "x.zip")]
    write_json(tmp_path / "spec.json", {"rule": "predict", "wildcards": [], "settings": {}, "code": ""})
    listed = sorted(path.name for path in folder.glob("test-*.tsv") if path.name != "test-sw.tsv")
    produce(folder / "manifest.json", tmp_path / "spec.json", {}, lambda *_: Product(listed))
    assert main(call) == 2
    assert "xnli: sw (" in (said := capsys.readouterr().err) and "which no finished prediction lists" in said
    (folder / "manifest.json").rename(tmp_path / "manifest.json")
    assert main(call) == 2
    assert "xnli: all languages (" in capsys.readouterr().err
    (tmp_path / "manifest.json").rename(folder / "manifest.json")
    (folder / "test-de.tsv").write_text("entailment\n")
    assert main([*call, "--partial"]) == 2
    assert "test-de.tsv: found SHA-256" in capsys.readouterr().err and not (tmp_path / "x.zip").exists()


def test_predictions_of_a_part_of_the_examples_are_no_whole_submission(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_folder / "predictions/small/mnli/mnli/1/xnli"
    call = ["submission", str(run_folder), "--source", "mnli", "-o", str(tmp_path / "x.zip")]
    listed = sorted(path.name for path in folder.glob("test-*.tsv"))
    for limit, code in ((60, 2), (None, 0)):
        settings = {"limit": limit}
        write_json(tmp_path / "spec.json", {"rule": "predict", "wildcards": [], "settings": settings, "code": ""})
        produce(folder / "manifest.json", tmp_path / "spec.json", {}, lambda *_: Product(listed))
        assert main(call) == code
        said = capsys.readouterr().err
        cut = "xnli: all examples but 60 of each language (evaluation.limit)"
        assert (cut in said) == bool(limit) and (tmp_path / "x.zip").exists() == (not limit)
        assert main([*call, "--partial"]) == 0
        assert (f"missing:  {cut}" in capsys.readouterr().err) == bool(limit)
        (tmp_path / "x.zip").unlink()


def test_a_broken_file_is_refused(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run_folder / "predictions/small/mnli/mnli/1/xnli/test-sw.tsv"
    path.write_text("neutral\n" * 59)
    assert main(["submission", str(run_folder), "--source", "mnli", "-o", str(tmp_path / "x.zip")]) == 2
    assert f"{path}:60: found 59 lines; expected 60" in capsys.readouterr().err


def test_best_is_chosen_on_dev_and_said(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scores(run_folder, 70.0)
    assert main(["submission", str(run_folder), "--best", "-o", str(tmp_path / "x.zip")]) == 0
    assert "source mnli: best mean on multilingual dev, 70.00 over xnli" in capsys.readouterr().out


def test_unknown_sources_and_seeds_are_named(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submission", str(run_folder), "--source", "qqp"]) == 2
    assert "there: mnli none, not qqp" in capsys.readouterr().err
    assert main(["submission", str(run_folder), "--source", "mnli", "--seed", "7"]) == 2
    assert "which seed? there: 1" in capsys.readouterr().err


def test_a_run_that_is_not_there_has_no_model_to_choose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["submission", str(tmp_path / "nope"), "--best"], ["verify-baseline", str(tmp_path / "nope")]):
        assert main(command) == 2
        said = "found no model there; expected the folder of a run that has made some: results/NAME\n"
        assert capsys.readouterr().err.endswith(said)


def test_a_partial_submission_holds_what_is_there_and_names_the_rest(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("bucc2018", "xnli"):
        shutil.rmtree(next((run_folder / "predictions/small/mnli").glob(f"*/1/{name}")))
    (run_folder / "predictions/small/mnli/pawsx/1/pawsx/test-ko.tsv").unlink()
    call = ["submission", str(run_folder), "--source", "mnli", "-o", str(tmp_path / "packed.zip")]
    assert main(call) == 2
    assert "is incomplete; --partial packs what is there; missing:" in capsys.readouterr().err
    assert main([*call, "--partial"]) == 0
    said = capsys.readouterr().err
    assert "missing:  xnli: all languages" in said and "missing:  pawsx: ko (" in said
    assert main(["score", str(tmp_path / "packed.zip"), str(HERE / "made_up/labels")]) == 0
    assert "mean of the 7 shown" in capsys.readouterr().out

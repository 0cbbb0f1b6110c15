"""Means over a task's languages beside published ones: `xstilts verify-small`."""

from pathlib import Path

import pytest

from xstilts.cli import main
from xstilts.scoring.score_file import write_scores
from xstilts.tasks import task
from xstilts.tasks.benchmark import XTREME

ROOT = Path(__file__).parents[3]


def write(run: Path, name: str, metric: str, target: str, value: float, without: tuple[str, ...] = ()) -> None:
    """Write the scores of a task in XTREME's languages: values around a mean, one a language."""
    languages = XTREME.languages_of(task(name))
    for number, language in enumerate(languages):
        if language in without:
            continue
        off = number - (len(languages) - 1) / 2
        split = {"metrics": {metric: value + off}, "examples": 10, "extra": {}, "items": {}}
        content = {"task": name, "language": language, "splits": {"test": split}, "reason": None}
        path = run / "scores/mminilmv2-l12/none" / target / "1" / name / f"{language}.json"
        write_scores(path, content)


def verify(run: Path, *more: str) -> int:
    return main(["verify-small", str(run), *more])


def test_means_near_the_published_ones_are_inside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    write(tmp_path, "xnli", "accuracy", "mnli", 71.5)
    write(tmp_path, "mlqa", "f1", "squad", 66.3)
    assert verify(tmp_path) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1].split() == ["xnli", "mean", "71.5", "72.9", "-1.40", "inside"]
    assert said[2].split() == ["mlqa", "mean", "66.3", "64.9", "+1.40", "inside"]
    assert said[-1] == "2 of 2 within 1.5 points"
    assert verify(tmp_path, "--within", "1") == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 of 2 within 1 points, 2 outside"


def test_a_mean_that_lacks_a_language_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    write(tmp_path, "xnli", "accuracy", "mnli", 72.9, without=("sw", "ur"))
    write(tmp_path, "mlqa", "f1", "squad", 64.9)
    assert verify(tmp_path) == 1
    assert "missing (no score in sw ur" in capsys.readouterr().out
    (tmp_path / "scores/mminilmv2-l12").rename(tmp_path / "scores/other")
    assert verify(tmp_path) == 2
    assert "found no rows of other" in capsys.readouterr().err


def test_a_mean_is_over_the_benchmarks_languages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The registry has Romanian for XQuAD too, which XTREME does not score."""
    published = tmp_path / "published.csv"
    published.write_text(
        "model,task,language,metric,split,value\nmminilmv2-l12,xquad,mean,f1,test,60\n", encoding="utf-8"
    )
    write(tmp_path, "xquad", "f1", "squad", 60.5)
    assert verify(tmp_path, "--expected", str(published)) == 0, capsys.readouterr().out
    assert capsys.readouterr().out.splitlines()[-1] == "1 of 1 within 1.5 points"


HEAD = "model,task,language,metric,split,value\n"


@pytest.mark.parametrize(
    ("published", "said"),
    [
        (HEAD + "mminilmv2-l12,xnli,mean,accuracy,test\n", ":2: found value None; expected a number"),
        (HEAD + "mminilmv2-l12,xnli,mean,acc,test,60\n", ":2: found metric 'acc' of xnli; expected accuracy"),
        ("task,language,metric,split,value\nxnli,mean,accuracy,test,60\n", ":1: found the columns task"),
    ],
)
def test_published_numbers_of_ones_own_are_checked(
    published: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "xnli", "accuracy", "mnli", 60)
    (tmp_path / "own.csv").write_text(published, encoding="utf-8")
    assert verify(tmp_path, "--expected", str(tmp_path / "own.csv")) == 2
    assert f"own.csv{said}" in capsys.readouterr().err

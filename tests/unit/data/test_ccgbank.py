"""CCGbank's layout to supertag lines; the sentences are invented, the format is the AUTO files'."""

from pathlib import Path

import pytest
from data_files import rows, write

from xstilts.cli import main

GULLS = (
    "ID=wsj_{number}.1 PARSER=GOLD NUMPARSE=1\n"
    r"(<T S[dcl] 0 2> (<T S[dcl] 1 2> (<T NP 0 1> (<L N NNS NNS Gulls N>) ) (<T S[dcl]\NP 0 2> "
    r"(<L (S[dcl]\NP)/NP VBP VBP steal (S[dcl]\NP_1)/NP_2>) (<T NP 0 1> (<L N NNS NNS chips N>) ) ) ) (<L . . . . .>) )"
    "\n"
)
EXPECTED = [("Gulls", "N"), ("steal", r"(S[dcl]\NP)/NP"), ("chips", "N"), (".", ".")]


def bank(folder: Path, content: str = GULLS) -> Path:
    """Write a CCGbank of one file a section; sections 22 to 24 belong to no split that is read."""
    files = {
        f"data/AUTO/{section:02}/wsj_{section:02}01.auto": content.format(number=f"{section:02}01")
        for section in range(25)
    }
    return write(folder, {**files, "data/AUTO/00/wsj_0002.auto": content.format(number="0002")})


def test_sections_0_to_18_are_train_and_19_to_21_dev_as_the_papers_authors_have_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror = tmp_path / "mirror"
    assert main(["ccgbank", str(bank(tmp_path / "bank")), str(mirror)]) == 0
    assert capsys.readouterr().out == "train: 20 sentences\ndev: 3 sentences\n"
    said, read = rows("ccg", "en", mirror, tmp_path / "rows")
    assert said["rows"] == {"train": 20, "dev": 3} and said["reason"] is None
    for row in [*read["train"], *read["dev"]]:
        assert list(zip(row["tokens"], row["tags"], strict=True)) == EXPECTED


def test_the_folder_of_the_sections_will_do_as_well(tmp_path: Path) -> None:
    assert main(["ccgbank", str(bank(tmp_path / "bank") / "data" / "AUTO"), str(tmp_path / "mirror")]) == 0


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("data/AUTO/07", "data/AUTO/07: found no *.auto files; expected section 07 of CCGbank"),
        ("data", "found no data/AUTO/00"),
    ],
)
def test_what_is_not_there_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lost: str, said: str
) -> None:
    (bank(tmp_path / "bank") / lost).rename(tmp_path / "elsewhere")
    assert main(["ccgbank", str(tmp_path / "bank"), str(tmp_path / "mirror")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "mirror").exists()


def test_a_line_that_is_no_derivation_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = bank(tmp_path / "bank", GULLS.replace("Gulls N>)", "Gulls>)"))
    assert main(["ccgbank", str(broken), str(tmp_path / "mirror")]) == 2
    assert "wsj_0001.auto:2: found '(<T S[dcl] 0 2>" in capsys.readouterr().err

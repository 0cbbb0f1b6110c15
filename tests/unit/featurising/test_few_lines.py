"""Raw text of too few lines is refused: on no held-out line any model would have a perfect score."""

from pathlib import Path

import pytest
from test_featurising import Place, rows_of

from xstilts.artifacts import Manifest
from xstilts.errors import UserError


def featurised(folder: Path, lines: int) -> Manifest:
    place = Place(folder / "run", folder / "store")
    settings = {"kind": "raw_text", "family": "mlm", "data": ["text/mlm"], "packed": True, "lengths": {"mlm": 96}}
    return place.features("text", settings, {"text/mlm": place.data("text/mlm", train=rows_of("mlm", lines, "de"))})


@pytest.mark.parametrize(("lines", "spoken"), [(9, "de"), (0, "no language")])
def test_fewer_lines_than_one_can_be_held_out_of_are_refused(tmp_path: Path, lines: int, spoken: str) -> None:
    said = f"text/mlm: found {lines} lines of raw text, in {spoken}; expected 10 at least, of which a tenth is held out"
    with pytest.raises(UserError, match=said):
        featurised(tmp_path, lines)


def test_of_ten_lines_one_is_held_out(tmp_path: Path) -> None:
    made = featurised(tmp_path, 10)
    assert (made.results["train"], made.results["held_out"]) == (9, 1)

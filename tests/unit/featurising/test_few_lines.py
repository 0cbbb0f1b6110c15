"""Lines of raw text that are held out: none trains, and with too few to hold one out the text is refused."""

from pathlib import Path

import pytest
from test_featurising import Place, rows_of

from xstilts.artifacts import Manifest
from xstilts.errors import UserError
from xstilts.families.features import Features
from xstilts.families.mlm import held_out
from xstilts.families.stored import open_features


def featurised(folder: Path, lines: int) -> Manifest:
    place = Place(folder / "run", folder / "store")
    settings = {"kind": "raw_text", "family": "mlm", "data": ["text/mlm"], "packed": True, "lengths": {"mlm": 96}}
    return place.features("text", settings, {"text/mlm": place.data("text/mlm", train=rows_of("mlm", lines, "de"))})


@pytest.mark.parametrize(("lines", "spoken"), [(9, "de"), (0, "no language")])
def test_fewer_lines_than_one_can_be_held_out_of_are_refused(tmp_path: Path, lines: int, spoken: str) -> None:
    said = f"text/mlm: found {lines} lines of raw text, in {spoken}; expected 10 different ones at least"
    with pytest.raises(UserError, match=said):
        featurised(tmp_path, lines)


def test_of_ten_lines_one_is_held_out(tmp_path: Path) -> None:
    made = featurised(tmp_path, 10)
    assert (made.results["train"], made.results["held_out"]) == (9, 1)


def test_no_copy_of_a_held_out_line_trains_and_they_come_from_all_of_the_text() -> None:
    """The sample has the lines of small languages several times, and a book one chapter after the other."""
    rows = [{"language": "de", "text": str(n % 400)} for n in range(2000)]
    rows += [{"language": "en", "text": str(n)} for n in range(1600)]
    held = held_out(rows, 200)
    assert len(held) == 200 and held == held_out(rows, 200) and len(held_out(rows, 5000)) == 2000
    places = sorted(int(text) for language, text in held if language == "en")
    assert places[0] < 160 and places[-1] > 1440 and 40 < len(places) < 160


def test_dev_and_train_of_repeated_lines_have_none_in_common(tmp_path: Path) -> None:
    place = Place(tmp_path / "run", tmp_path / "store")
    rows = [row for _ in range(3) for row in rows_of("mlm", 40, "de")]
    settings = {"kind": "raw_text", "family": "mlm", "data": ["text/mlm"], "packed": False, "lengths": {"mlm": 96}}
    made = place.features("text", settings, {"text/mlm": place.data("text/mlm", train=rows)})
    assert (made.results["train"], made.results["held_out"]) == (3 * 36, 4)
    train, dev = (open_features(made.folder / f"{name}.safetensors") for name in ("train", "dev"))

    def lines(found: Features) -> set[bytes]:
        bounds = zip(found.offsets[:-1], found.offsets[1:], strict=True)
        return {found.input_ids[begin:end].tobytes() for begin, end in bounds}

    assert len(lines(train)) == 36 and len(lines(dev)) == 4 and not lines(train) & lines(dev)

"""A file of stored features: it gives back what was stored, and names what is wrong with it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xstilts.errors import DataError
from xstilts.families.features import IGNORED, Features
from xstilts.families.stored import open_features, save_features


def features(empty: bool = False) -> Features:
    count = 0 if empty else 7
    offsets = np.zeros(1, np.int64) if empty else np.array([0, 3, 7])
    context = {"segment": np.zeros(count, np.int8), "central": np.ones(count, bool)}
    targets = {"label": np.full(len(offsets) - 1, IGNORED, np.int64)}
    return Features(
        np.arange(count, dtype=np.int32), offsets, np.arange(len(offsets) - 1, dtype=np.int32), targets, context
    )


@pytest.mark.parametrize("empty", [False, True])
def test_a_file_gives_back_what_was_stored(tmp_path: Path, empty: bool) -> None:
    stored = features(empty)
    save_features(stored, tmp_path / "one")
    found = open_features(tmp_path / "one")
    for name in ("input_ids", "offsets", "example"):
        assert np.array_equal(getattr(found, name), getattr(stored, name)), name
        assert getattr(found, name).dtype == getattr(stored, name).dtype, name
    for kind in ("targets", "context"):
        theirs, ours = getattr(found, kind), getattr(stored, kind)
        assert theirs.keys() == ours.keys()
        assert all(np.array_equal(theirs[name], ours[name]) and theirs[name].dtype == ours[name].dtype for name in ours)
    save_features(replace(stored, context=dict(reversed(stored.context.items()))), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes(), "equal features, equal bytes"


@pytest.mark.parametrize("length", [0, 5, 40, -8, 1])
def test_a_file_that_is_cut_off_or_too_long_is_named(tmp_path: Path, length: int) -> None:
    path = tmp_path / "train.safetensors"
    save_features(features(), path)
    whole = path.read_bytes()
    path.write_bytes(whole + b"x" if length == 1 else whole[:length])
    with pytest.raises(DataError, match=r"train\.safetensors: found "):
        open_features(path)


def test_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.safetensors"
    path.write_bytes((9).to_bytes(8, "little") + b"not json!" + bytes(20))
    with pytest.raises(DataError, match=r"train\.safetensors: found a damaged header"):
        open_features(path)

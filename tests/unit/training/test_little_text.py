"""Pretraining on too little text ends in one line that says how much there is, before anything is trained."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from encoder_jobs import ROOT
from family_tokenizers import LINES

from xstilts.artifacts import Manifest, Product, produce
from xstilts.errors import UserError
from xstilts.families import mlm
from xstilts.families.features import Features
from xstilts.files import read_jsonl, write_json, write_jsonl
from xstilts.modeling.encoder import EncoderShape, build_masked_lm
from xstilts.training.language_modelling import FEW, corpus, dev_scorer, pretrain

TINY = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text(encoding="utf-8"))["encoders"]["tiny"]["pretraining"]


def text(folder: Path, language: str, copies: int = 1, **splits: int) -> Manifest:
    """Write so many different lines a split, all of them so often."""

    def write(own: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        for split, count in splits.items():
            lines = [
                {"id": f"{split}{i}", "language": language, "text": f"{LINES[i % len(LINES)]} {i}"}
                for _ in range(copies)
                for i in range(count)
            ]
            write_jsonl(own / f"{split}.jsonl", lines)
        return Product([f"{split}.jsonl" for split in splits], {"rows": splits})

    write_json(folder / "spec.json", {"rule": "prepare", "wildcards": [], "settings": {}, "code": ""})
    return produce(folder / language / "manifest.json", folder / "spec.json", {}, write)


@pytest.mark.parametrize(
    ("splits", "held"), [({"train": 60}, 60), ({"train": FEW}, FEW), ({"train": 0, "dev": 30}, 30)]
)
def test_a_language_without_a_line_to_train_on_is_refused(tmp_path: Path, splits: dict[str, int], held: int) -> None:
    inputs = {"text/en": text(tmp_path, "en", train=200, dev=20), "text/de": text(tmp_path, "de", **splits)}
    said = rf"text/de: found no line to train on beside {held} held-out ones; expected more than 100 different lines"
    with pytest.raises(UserError, match=said):
        pretrain(tmp_path / "model", {"settings": {"pretraining": TINY}}, inputs)


def test_a_line_more_than_are_held_out_is_trained_on(tmp_path: Path) -> None:
    train, dev = corpus(TINY, {"text/de": text(tmp_path, "de", train=FEW + 1)})
    assert (len(train["de"]), len(dev["de"])) == (1, FEW)


def test_lines_are_held_out_of_all_places_with_their_copies(tmp_path: Path) -> None:
    """A book's first chapters are no sample of it, and a line that trains scores no model."""
    train, dev = corpus(TINY, {"text/de": text(tmp_path, "de", copies=3, train=1000)})
    held = {row["text"] for row in dev["de"]}
    assert len(dev["de"]) == len(held) == FEW and len(train["de"]) == 3 * (1000 - FEW)
    assert not held & {row["text"] for row in train["de"]}
    places = sorted(int(one.rpartition(" ")[2]) for one in held)
    assert places[0] < 100 and places[-1] > 900 and 20 < sum(place < 500 for place in places) < 80
    assert corpus(TINY, {"text/de": text(tmp_path, "de", copies=3, train=1000)})[1] == dev, "the same ones again"


def test_no_task_trains_on_a_held_out_line(tmp_path: Path) -> None:
    lines = text(tmp_path, "en", train=300)
    rows = [
        {"id": row["id"], "text_a": row["text"], "text_b": None} for row in read_jsonl(lines.folder / "train.jsonl")
    ]

    def write(own: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        write_jsonl(own / "train.jsonl", rows)
        return Product(["train.jsonl"], {"rows": {"train": len(rows)}})

    task = produce(tmp_path / "mnli/manifest.json", tmp_path / "spec.json", {}, write)
    train, dev = corpus(TINY, {"mnli/en": task, "text/en": lines})
    assert len(dev["en"]) == FEW and len(train["en"]) == 2 * (300 - FEW)
    assert not {row["text"] for row in dev["en"]} & {row["text"] for row in train["en"]}


def test_a_language_with_text_that_is_held_out_trains_on_all_of_the_other(tmp_path: Path) -> None:
    train, dev = corpus(TINY, {"text/de": text(tmp_path, "de", train=40, dev=20)})
    assert (len(train["de"]), len(dev["de"])) == (40, 20)


def test_text_without_a_held_out_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pretraining\.languages: found no held-out line in de; expected some"):
        corpus(TINY, {"text/de": text(tmp_path, "de", train=200, dev=0)})


@pytest.mark.parametrize("pieces", [0, 2])
def test_held_out_text_none_of_whose_pieces_is_masked_gives_no_score(pieces: int) -> None:
    """The loss on it would be 0, better than that of any model on any text."""
    mask = partial(mlm.masked, mask_id=4, special_ids=[0, 1, 2, 3, 4], vocab_size=50)

    def features(count: int) -> Features:
        ids = np.array([0, *range(9, 9 + count), 2], np.int32)
        return Features(ids, np.array([0, len(ids)]), np.zeros(1, np.int32))

    with pytest.raises(UserError, match=rf"text/de: found no piece to guess among the {pieces + 2} of the held-out"):
        dev_scorer(features(pieces), mask, 100, "text/de")
    dev_scorer(features(40), mask, 100, "text/de")


def test_an_encoder_reads_as_many_tokens_as_it_has_positions() -> None:
    """Which is what a configuration compares the blocks of text with."""
    shape = EncoderShape(layers=1, hidden=8, heads=1, intermediate=8, positions=6, dropout=0.0)
    encoder = build_masked_lm(shape, 20, seed=1)
    assert encoder.positions == 6 and len(encoder.places.weight) == 6 + 2

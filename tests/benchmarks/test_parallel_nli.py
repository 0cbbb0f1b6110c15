"""A mirror whose MNLI has a translation of each example."""

from pathlib import Path

import pytest

from benchmarks.parallel_nli import make
from xstilts.data.prepare import prepare
from xstilts.errors import DataError, UserError
from xstilts.files import read_jsonl

LABELS = ["entailment", "contradiction", "neutral"]


def mirror(folder: Path, german: int = 3) -> Path:
    files = {
        "targets/xnli/dev-en.tsv": [f"premise {n}\thypothesis {n}\t{label}" for n, label in enumerate(LABELS)],
        "targets/xnli/dev-de.tsv": [f"Annahme {n}\tFolge {n}\t{label}" for n, label in enumerate(LABELS[:german])],
        "targets/xnli/test-en.tsv": ["asked\twhether"],
        "intermediate/mnli/multinli_1.0_train.jsonl": ["of the mirror"],
        "intermediate/mnli/multinli_1.0_dev_matched.jsonl": [
            '{"sentence1": "a", "sentence2": "b", "gold_label": "neutral"}'
        ],
    }
    for name, lines in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def test_mnli_and_its_translations_are_the_same_examples_and_the_rest_is_the_mirrors(tmp_path: Path) -> None:
    assert make(mirror(tmp_path / "mirror"), tmp_path / "made") == ["de"]
    prepare("mnli", "en", tmp_path / "made", tmp_path / "en")
    prepare("mnli-translated", "de", tmp_path / "made", tmp_path / "de")
    english, german = (list(read_jsonl(tmp_path / code / "train.jsonl")) for code in ("en", "de"))
    assert [row["label"] for row in english] == [row["label"] for row in german] == LABELS
    assert [row["id"] for row in english] == [row["id"] for row in german]
    assert (english[1]["text_a"], german[1]["text_a"]) == ("premise 1", "Annahme 1")
    assert len(list(read_jsonl(tmp_path / "en/dev.jsonl"))) == 1, "checkpoints are chosen by MNLI's own"
    there = {path.name for path in (tmp_path / "made/targets/xnli").iterdir()}
    assert there == {"test-en.tsv"}, "what was trained on is not evaluated"


def test_what_is_not_parallel_or_would_be_overwritten_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dev-de.tsv: found 2 rows; expected 3"):
        make(mirror(tmp_path / "short", german=2), tmp_path / "made")
    with pytest.raises(UserError, match="found something there"):
        make(mirror(tmp_path / "whole"), tmp_path / "whole")
    with pytest.raises(UserError, match=r"no targets/xnli/dev-en.tsv"):
        make(tmp_path / "nothing", tmp_path / "other")

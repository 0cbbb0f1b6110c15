"""The spread between processors: which differences keep their sign, of the intervals that runs wrote."""

import csv
from pathlib import Path

import pytest

from benchmarks.spread import KINDS, command, differences, flags, spread, written


def table(path: Path, *rows: tuple[str, str, float, float, float]) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as handle:
        out = csv.writer(handle)
        out.writerow(["table", "source", "baseline", "task", "metric", "difference", "diff_lower", "diff_upper"])
        out.writerows(["main", source, "none", task, "accuracy", *numbers] for source, task, *numbers in rows)
        out.writerow(["main_test", "mnli", "none", "xnli", "accuracy", -9, -9, -9])
        out.writerow(["main", "mnli", "mlm-en", "xnli", "accuracy", -9, -9, -9])
        out.writerow(["main", "none", "none", "xnli", "accuracy", "", "", ""])
    return path


def test_a_sign_is_kept_when_every_run_has_it(tmp_path: Path) -> None:
    one = table(tmp_path / "1", ("mnli", "xnli", 3, 1, 5), ("mnli", "pawsx", 13.5, 9, 18), ("squad", "xnli", 1, -1, 3))
    two = table(
        tmp_path / "2", ("mnli", "xnli", 1, -1, 3), ("mnli", "pawsx", -0.1, -4, 4), ("squad", "xnli", -2, -5, 1)
    )
    rows = spread({"a": differences(one), "b": differences(two)})
    assert [(row["source"], row["task"], row["least"], row["most"], row["clear_in"], row["sign"]) for row in rows] == [
        ("mnli", "xnli", 1, 3, "a", "kept"),
        ("mnli", "pawsx", -0.1, 13.5, "a", "turned"),
        ("squad", "xnli", -2, 1, "", "never clear of 0"),
    ]
    written(rows, ["a", "b"], tmp_path / "spread")
    text = (tmp_path / "spread.md").read_text(encoding="utf-8")
    assert text.startswith("1 of 2 differences that are clear of 0 in some run keep their sign in all 2.")
    assert "**turned**" in text and "squad" not in text
    assert len((tmp_path / "spread.csv").read_text(encoding="utf-8").splitlines()) == 4


def test_a_processor_is_asked_for_what_a_kind_needs(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu avx2 avx512f\nbugs\t: avx512_bf16\n")
    assert flags(tmp_path / "cpuinfo") == {"fpu", "avx2", "avx512f"} and flags(tmp_path / "none") == set()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_run_of_its_own(kind: str) -> None:
    words = command("demo", kind)
    assert f"run=spread-demo-{kind}" in words and "optimisation={precision: " + kind.partition("-")[0] + "}" in words

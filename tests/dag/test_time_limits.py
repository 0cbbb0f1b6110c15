"""The time that a job asks SLURM for, and the longest that a partition gives."""

from pathlib import Path

import pytest
from checkout import Checkout, copy_workflow

pytestmark = pytest.mark.slow

ASKING = """
include: "Snakefile"
for attempt in (1, 2):
    training = minutes_for("train_target")(["tiny", "none", "mnli", 1], attempt)
    print("MINUTES", minutes_each(60)(None, attempt), training)
"""


def test_no_job_asks_for_more_than_the_longest_that_the_profile_names(tmp_path: Path) -> None:
    copy_workflow(tmp_path / "place")
    checkout = Checkout(tmp_path / "place")
    (checkout.folder / "Asking.smk").write_text(ASKING)

    def asked(*arguments: str) -> list[list[int]]:
        printed = checkout.snakemake("--snakefile", "Asking.smk", "--dry-run", *arguments)
        return [[int(n) for n in line.split()[1:]] for line in printed.splitlines() if line.startswith("MINUTES")]

    first, second = asked()
    assert first[0] == 60 and first[1] > 7 and second == [2 * minutes for minutes in first]
    assert asked("--resources", "longest_minutes=7") == [[7, 7], [7, 7]]
    assert asked("--resources", "longest_minutes=100") == [first, [100, second[1]]]

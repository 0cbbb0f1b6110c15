"""The time and memory that a job asks SLURM for, and the most that a partition or a node gives."""

from pathlib import Path

import pytest
from checkout import Checkout, copy_workflow

pytestmark = pytest.mark.slow

ASKING = """
include: "Snakefile"
for attempt in (1, 2):
    training = minutes_for("train_target")(["tiny", "none", "mnli", 1], attempt)
    print("MINUTES", minutes_each(60)(None, attempt), training)
    print("MEMORY", memory_for("train_target")(["tiny", "none", "mnli", 1], attempt))
print("FIXED", memory_of(64000)(None))
"""


def test_no_job_asks_for_more_than_the_longest_that_the_profile_names(tmp_path: Path) -> None:
    copy_workflow(tmp_path / "place")
    checkout = Checkout(tmp_path / "place")
    (checkout.folder / "Asking.smk").write_text(ASKING)

    def asked(*arguments: str, what: str = "MINUTES") -> list[list[int]]:
        printed = checkout.snakemake("--snakefile", "Asking.smk", "--dry-run", *arguments)
        return [[int(n) for n in line.split()[1:]] for line in printed.splitlines() if line.startswith(what)]

    first, second = asked()
    assert first[0] == 60 and first[1] > 7 and second == [2 * minutes for minutes in first]
    assert asked("--resources", "longest_minutes=7") == [[7, 7], [7, 7]]
    assert asked("--resources", "longest_minutes=100") == [first, [100, second[1]]]

    cluster = ("--jobs", "4")
    [here], [again] = asked(what="MEMORY")
    [first], [second] = asked(*cluster, what="MEMORY")
    assert abs(again - 1.5 * here) < 2 and abs(second - 1.5 * first) < 2
    assert 3000 <= first < 3500 and first > 1.9 * here, "a cluster ends a job that takes more than it asked for"
    assert asked(*cluster, "--resources", "largest_mem_mb=4000", what="MEMORY") == [[first], [4000]]
    assert asked(*cluster, "--resources", "largest_mem_mb=100", what="MEMORY") == [[100], [100]]
    assert asked(*cluster, what="FIXED") == [[64000]]
    assert asked(*cluster, "--resources", "largest_mem_mb=4000", what="FIXED") == [[4000]]

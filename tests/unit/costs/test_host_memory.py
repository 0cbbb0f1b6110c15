"""How much memory jobs have together: the machine's, or what a control group leaves of it."""

import os
from pathlib import Path

import pytest

from xstilts.costs.host_memory import machine_memory_mb

OF_ALL = {"proc/meminfo": "MemTotal:       16000000 kB\nMemFree:        1000000 kB\n"}
NONE = "9223372036854771712\n"  # of the first version


@pytest.mark.parametrize(
    ("files", "megabytes"),
    [
        (OF_ALL, 16_384),
        (OF_ALL | {"proc/self/cgroup": "0::/\n"}, 16_384),
        (OF_ALL | {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "4000000000\n"}, 4_000),
        (OF_ALL | {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 16_384),
        (
            OF_ALL
            | {
                "proc/self/cgroup": "0::/user.slice/run.scope\n",
                "sys/fs/cgroup/user.slice/run.scope/memory.max": "max\n",
                "sys/fs/cgroup/user.slice/memory.max": "8000000000\n",
            },
            8_000,
        ),
        (
            OF_ALL
            | {
                "proc/self/cgroup": "5:devices:/\n4:cpu,memory:/slurm/job_7/step_0\n0::/\n",
                "sys/fs/cgroup/memory/slurm/job_7/step_0/memory.limit_in_bytes": NONE,
                "sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes": "2000000000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": NONE,
            },
            2_000,
        ),
        (
            OF_ALL
            | {
                "proc/self/cgroup": "4:memory:/docker/0a1b\n",  # as the host calls it, where the container's is mounted
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "3000000000\n",
            },
            3_000,
        ),
    ],
)
def test_the_least_of_what_there_is_counts(tmp_path: Path, files: dict[str, str], megabytes: int) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert machine_memory_mb(tmp_path) == megabytes


def test_this_machine_has_some() -> None:
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6
    found = machine_memory_mb()
    assert found is not None and 100 < found < 1.01 * whole

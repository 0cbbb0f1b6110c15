"""How much main memory the jobs of one machine may use together."""

import os
from collections.abc import Iterator
from pathlib import Path


def machine_memory_mb(root: Path = Path("/")) -> int | None:
    """Return the memory of this machine, or what a cgroup leaves of it (a container, SLURM); None where nobody says.

    Args:
        root: where the kernel's own files are found.
    """
    limits = [*_whole(root), *_limits(root)]
    return round(min(limits) / 1e6) if limits else None


def _whole(root: Path) -> Iterator[int]:
    """Yield the bytes of the machine's memory: as /proc says it, which in a container may be less than the kernel's."""
    try:
        lines = (root / "proc/meminfo").read_text(encoding="utf-8").splitlines()
        yield from (1024 * int(line.split()[1]) for line in lines if line.startswith("MemTotal:"))
    except OSError:  # not Linux
        if "SC_PHYS_PAGES" in os.sysconf_names:
            yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _limits(root: Path) -> Iterator[int]:
    """Yield the bytes that the control groups of this process allow, each and those around it, in both versions.

    In a container its own group is the root of what is mounted, whatever the host calls it.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        top, file = root / "sys/fs/cgroup", "memory.max"
        if controllers:
            top, file = top / "memory", "memory.limit_in_bytes"
        if controllers and "memory" not in controllers.split(","):
            continue
        group = top / name.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(top) and (folder / file).is_file():
                said = (folder / file).read_text(encoding="utf-8").strip()
                yield from [int(said)] if said.isdecimal() else []  # else `max`: no limit of its own

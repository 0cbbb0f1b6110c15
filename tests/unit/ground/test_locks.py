"""Locks on disks that other people and other machines use: the rules of NFS, no locks at all, a second person."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# In front of the C library's flock: as NFS grants locks, or as a disk without locks does.
FLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

int flock(int handle, int kind) {
    int access = fcntl(handle, F_GETFL) & O_ACCMODE;
    if (strcmp(getenv("DISK"), "without locks") == 0) return errno = ENOLCK, -1;
    if ((kind & LOCK_EX && access == O_RDONLY) || (kind & LOCK_SH && access == O_WRONLY)) return errno = EBADF, -1;
    return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(handle, kind);
}
"""

JOB = """
import os, sys
from pathlib import Path
from xstilts.artifacts import Product, produce
from xstilts.files import write_json, write_text
from xstilts.leases import lease_device
from xstilts.locks import holder
from xstilts.planning.watch import held_gpus
from xstilts.script import one_line_errors

def make(folder, spec, inputs):
    assert holder(folder), "this process"
    write_text(folder / "out.txt", "whole")
    if os.environ.get("KILLED"):
        (folder / ".out.txt.1234.part").write_text("ha")
        (folder / ".out.txt.1234.part").chmod(0o600)
        os.kill(os.getpid(), 9)
    write_text(folder / "out.txt", "whole")
    return Product(["out.txt"])

here = Path.cwd()
with one_line_errors():
    write_json(here / "spec.json", {"rule": "r", "wildcards": [], "settings": {}, "code": ""})
    produce(here / "made/manifest.json", here / "spec.json", {}, make)
    lease_device(["0"], 2, here / "leases", 0)
    assert held_gpus(here / "leases") == ["gpu0-slot0"]
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared library with that flock."""
    if shutil.which("gcc") is None and not os.environ.get("CI"):
        pytest.skip("the disks of this test are made with gcc")
    folder = tmp_path_factory.mktemp("flock")
    (folder / "flock.c").write_text(FLOCK)
    command = ["gcc", "-shared", "-fPIC", "-o", folder / "flock.so", folder / "flock.c", "-ldl"]
    subprocess.run(command, check=True)
    return folder / "flock.so"


def job(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", JOB]
    return subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)


def test_on_a_network_disk_the_next_attempt_goes_on_after_a_killed_writer(library: Path, tmp_path: Path) -> None:
    disk = {"LD_PRELOAD": str(library), "DISK": "of NFS"}
    assert job(tmp_path, KILLED="1", **disk).returncode == -9
    assert list((tmp_path / "made").glob("*.part")) or list((tmp_path / "made").glob(".*.part"))
    done = job(tmp_path, **disk)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made/manifest.json").is_file() and not list((tmp_path / "made").glob(".*.part"))


def test_a_writer_that_follows_a_killed_one_cleans_up_on_a_network_disk(library: Path, tmp_path: Path) -> None:
    (tmp_path / ".table.csv.0123456789abcdef.part").write_text("ha")
    command = [sys.executable, "-c", "from xstilts.files import write_text; write_text('table.csv', 'whole')"]
    environment = os.environ | {"LD_PRELOAD": str(library), "DISK": "of NFS"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_disk_without_locks_is_named_with_what_to_do(library: Path, tmp_path: Path) -> None:
    done = job(tmp_path, LD_PRELOAD=str(library), DISK="without locks")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "this disk has no file locks (No locks available); mount it with locks" in done.stderr


def test_the_doctor_says_it_before_the_run(library: Path, tmp_path: Path) -> None:
    code = "from pathlib import Path; from xstilts.doctor.environment import locks; print(locks(Path('results')))"
    for disk, said in {"without locks": "this disk has no file locks", "of NFS": "files can be locked"}.items():
        environment = os.environ | {"LD_PRELOAD": str(library), "DISK": disk}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert said in done.stdout, done.stderr
        assert not list(tmp_path.iterdir()), "nothing of it stays"


def test_a_group_that_shares_results_may_write_every_file(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", JOB], cwd=tmp_path, umask=0o002, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    files = [path for path in (tmp_path / "made").rglob("*") if path.is_file()]
    assert {".lock", ".receipt.json", "manifest.json", "out.txt"} <= {path.name for path in files}
    assert {path.name: oct(path.stat().st_mode & 0o060) for path in files} == {path.name: "0o60" for path in files}


def test_a_lock_file_of_another_person_that_may_only_be_read_still_locks(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("being two people takes root")
    tmp_path.chmod(0o777)
    (tmp_path / ".lock").touch(0o644)
    for path in tmp_path.parents:
        path.chmod(path.stat().st_mode | 0o011)
    code = """
import os
from pathlib import Path
from xstilts.locks import only_writer

os.setegid(65534)
os.seteuid(65534)
with only_writer(Path()):
    print("has it")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "has it\n", done.stderr

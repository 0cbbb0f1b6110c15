"""Hashes of a mirror's files: by content, and read once."""

import os
from pathlib import Path

from xstilts.data.fetching.hashes import Hashes
from xstilts.files import sha256

LONG_AGO = 10**18


def test_a_file_is_read_once_and_again_when_it_may_have_changed(tmp_path: Path) -> None:
    path, memory = tmp_path / "dev.tsv", tmp_path / "store/hashes.json"
    path.write_text("a label")
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    about = path.stat()
    hashes = Hashes(memory)
    hashes.known[str(path)] = [about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns, "remembered"]
    hashes.learnt = True
    hashes.save()
    assert Hashes(memory).of(path) == "remembered", "it was not read"
    path.write_text("b label")
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    assert Hashes(memory).of(path) == sha256(path), "of the same size and date, but its entry was written anew"


def test_a_damaged_memory_costs_a_reading_only(tmp_path: Path) -> None:
    (tmp_path / "hashes.json").write_text('{"half')
    (tmp_path / "x").write_text("x")
    assert Hashes(tmp_path / "hashes.json").of(tmp_path / "x") == sha256(tmp_path / "x")


def test_a_store_that_may_only_be_read_is_no_reason_to_refuse_a_plan(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("a")
    os.utime(path, (1, 1))
    hashes = Hashes(Path("/proc/store/hashes.json"))  # where nobody can make a folder
    hashes.learnt = True
    hashes.save()
    assert hashes.of(path) == sha256(path)

"""Files that appear whole or not at all, whatever the machine does meanwhile."""

import subprocess
import sys
from pathlib import Path

import pytest

from xstilts.errors import DataError
from xstilts.files import copy_file, read_jsonl, replacing, write_text


def python(code: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **more)  # type: ignore[call-overload]


def test_a_file_keeps_its_old_content_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "table.csv"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), replacing(path) as beside:
        beside.write_text("new, but not whole")
        assert path.read_text() == "old"
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(path.parent.iterdir()) == [path]
    write_text(path, "new")
    assert path.read_text() == "new" and list(path.parent.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed_by_the_next_and_a_living_one_keeps_its_own(tmp_path: Path) -> None:
    path = tmp_path / "table[1].csv"
    code = (
        f"import os, sys, time; from xstilts.files import replacing\nwith replacing({str(path)!r}) as beside:\n"
        "    beside.write_text('half'); print(beside, flush=True); sys.stdin.readline(); beside.write_text('whole')"
    )
    start = [sys.executable, "-c", code]
    with subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        left = Path(writer.stdout.readline().strip())
        write_text(path, "from another")
        assert left.read_text() == "half", "its writer lives"
        writer.communicate("go on\n")
    assert writer.returncode == 0 and path.read_text() == "whole"
    with subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        left = Path(writer.stdout.readline().strip())
        writer.kill()
    assert left.read_text() == "half" and path.read_text() == "whole"
    write_text(path, "next")
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "next"


WRITERS = {
    "text": "from xstilts.files import write_text\nwrite_text('{path}', 'x' * 100_000)",
    "tensors": "import torch; from xstilts.tensors import save_tensors\n"
    "save_tensors({{'a': torch.zeros(50_000)}}, Path('{path}'))",
    "features": "import numpy as np; from xstilts.families.features import Features\n"
    "from xstilts.families.stored import save_features\n"
    "i = np.zeros(50_000, np.int32); save_features(Features(i, np.arange(9), i[:8]), Path('{path}'))",
    "a copy": "from xstilts.files import copy_file\ncopy_file(Path('{source}'), Path('{path}'))",
}


@pytest.mark.parametrize("what", WRITERS)
def test_a_file_that_the_machine_does_not_take_is_one_line_with_its_name(tmp_path: Path, what: str) -> None:
    path, source = tmp_path / "model" / "weights", tmp_path / "source"
    source.write_bytes(bytes(100_000))
    code = (
        "import resource; from pathlib import Path; from xstilts.script import one_line_errors\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "with one_line_errors():\n    " + WRITERS[what].format(path=path, source=source).replace("\n", "\n    ")
    )
    done = python(code)
    assert done.returncode == 2 and done.stderr == f"error: {path}: File too large\n", done.stderr
    assert list(path.parent.iterdir()) == []


def test_weights_can_be_read_by_whoever_may_read_the_rest(tmp_path: Path) -> None:
    code = (
        "import os, torch; from pathlib import Path; from xstilts.tensors import save_tensors\n"
        f"os.umask(0o027); save_tensors({{'a': torch.zeros(3)}}, Path({str(tmp_path / 'model')!r}))"
    )
    assert python(code).returncode == 0
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o640


def test_a_copy_is_whole(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"weights")
    copy_file(tmp_path / "source", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"weights"


@pytest.mark.parametrize("damage", [b'{"id": 2', b'{"id": "\xff"}', b""])
def test_a_damaged_line_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'{"id": 1}\n' + damage + b"\n")
    with pytest.raises(DataError, match=r"train.jsonl:2: found a damaged line"):
        read_jsonl(path)


def test_what_is_no_fault_of_the_machine_keeps_its_traceback() -> None:
    illegal = "RuntimeError('CUDA error: an illegal memory access was encountered')"
    for error in ("ValueError('no')", "RuntimeError('shapes differ')", illegal, "FileNotFoundError(2, 'none', 'x')"):
        done = python(f"from xstilts.script import one_line_errors\nwith one_line_errors():\n    raise {error}")
        assert done.returncode == 1 and "Traceback" in done.stderr


def test_a_job_without_memory_says_so_in_one_line() -> None:
    code = (
        "import resource, torch; from xstilts.script import one_line_errors\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 34, 1 << 34))\n"
        "with one_line_errors():\n    {}"
    )
    for greedy in ("torch.zeros(1 << 34)", "bytes(1 << 35)"):
        done = python(code.format(greedy))
        assert done.returncode == 2 and done.stderr.startswith("error: out of memory"), done.stderr
        assert done.stderr.count("\n") == 1

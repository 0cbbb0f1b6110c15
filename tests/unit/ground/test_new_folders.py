"""Folders that commands make for a person are there whole or not at all."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from xstilts.artifacts import seal
from xstilts.cli import main
from xstilts.modeling import trim
from xstilts.modeling.trim import PIECES


@pytest.fixture
def trimmed(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / PIECES).write_text("{}")
    content: dict[str, Any] = {"files": {}, "inputs": {"encoder": {"manifest": "whole/manifest.json"}}}
    (folder / "manifest.json").write_text(json.dumps(content | {"seal": seal(content)}))
    return folder


@pytest.mark.parametrize("ending", [OSError(errno.ENOSPC, "No space left on device", "x"), KeyboardInterrupt()])
def test_what_a_full_disk_or_a_person_stopped_is_not_there(
    trimmed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: BaseException
) -> None:
    def half(folder: Path, small: Path, whole: Path, dest: Path) -> list[str]:
        (dest / "config.json").write_text("{}")
        raise ending

    call = ["untrim", str(trimmed), str(tmp_path / "new" / "back")]
    with monkeypatch.context() as patched:
        patched.setattr(trim, "untrim", half)
        try:
            assert main(call) == 2
        except SystemExit as stopped:
            assert stopped.code == 130
    assert [*(tmp_path / "new").iterdir()] == []
    monkeypatch.setattr(trim, "untrim", lambda folder, small, whole, dest: [(dest / "a").touch() or "a"])
    assert main(call) == 0 and (tmp_path / "new/back/a").is_file(), "the same command goes through then"
    assert main(call) == 2, "what is there already is left alone"

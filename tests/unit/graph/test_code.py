"""Digests that are remembered are those that would be computed."""

from pathlib import Path

import pytest

from xstilts.graph import digest
from xstilts.graph.code import Codes

CACHES = (digest.code_digest, digest._content, digest._reach, digest._read)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of two modules and a script that imports one of them."""
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/__init__.py").write_text("")
    (tmp_path / "toy/first.py").write_text("number = 1\n")
    (tmp_path / "toy/second.py").write_text("number = 1\n")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/score.py").write_text("from toy import first\n\nprint(first.number)\n")
    monkeypatch.setattr(digest, "LIBRARY", tmp_path / "toy")
    monkeypatch.setattr(digest, "PACKAGE", "toy")
    return tmp_path


def of(package: Path, *opened: str) -> tuple[str, dict[str, str]]:
    """Ask as a plan does, in a process that has read nothing yet."""
    for function in CACHES:
        function.cache_clear()
    codes = Codes(package / "memory.json", package / "scripts")
    found = codes.of("score.py", opened)
    computed = digest.code_digest(package / "scripts/score.py", opened)
    assert found == (computed, digest.module_digests(package / "scripts/score.py", opened))
    codes.save()
    for function in CACHES:
        function.cache_clear()
    return found


def test_what_is_remembered_is_what_would_be_computed(package: Path) -> None:
    before = of(package)
    assert of(package) == before
    opened = of(package, "toy.second")
    assert opened != before, "what it opens by name counts"
    (package / "toy/first.py").write_text("number = 2\n")
    assert of(package)[0] != before[0], "a module that changed"
    (package / "toy/first.py").write_text("number = 1\n")
    assert of(package) == before, "taken back"
    (package / "scripts/score.py").write_text("from toy import first\n\nprint(first.number + 1)\n")
    assert of(package)[0] != before[0], "a script that changed"


def test_a_second_plan_parses_nothing(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of(package)
    (package / "toy/first.py").touch()
    monkeypatch.setattr(digest, "_read", None)
    assert Codes(package / "memory.json", package / "scripts").of("score.py", ())[0]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"state": {}, "codes": {"score.py": {}}}'])
def test_a_damaged_memory_is_none(package: Path, text: str) -> None:
    before = of(package)
    (package / "memory.json").write_text(text)
    assert of(package) == before


def test_code_that_changed_while_it_was_read_is_not_remembered(package: Path) -> None:
    before = of(package)
    (package / "memory.json").unlink()
    codes = Codes(package / "memory.json", package / "scripts")
    codes.of("score.py", ())
    (package / "toy/first.py").write_text("number = 2\n")
    codes.save()
    assert not (package / "memory.json").exists()
    assert of(package)[0] != before[0]

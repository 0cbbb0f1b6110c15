"""Tables in documents: made by a command, and the code that made them is known."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SPEC = importlib.util.spec_from_file_location("documents", ROOT / "docs/documents.py")
documents = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(documents)
TEXTS = {path: (ROOT / path).read_text(encoding="utf-8") for path in documents.DOCUMENTS}


@pytest.mark.parametrize("path", TEXTS)
def test_no_table_that_a_run_made_was_edited_by_hand(path: str) -> None:
    found = list(documents.blocks(TEXTS[path]))
    assert found and len(found) == TEXTS[path].count("<!-- make documents: "), "a mark without its end"
    edited = [f"{block.table} of {block.run}" for block in found if documents.short(block.text) != block.digest]
    assert not edited, "what a run made is changed by `make documents` only"


def test_which_tables_are_older_than_their_code_is_said() -> None:
    """It fails nothing: a run of minutes to hours makes them anew, before a release."""
    older = documents.older(TEXTS)
    if older:
        pytest.skip(f"older than their code or settings: {'; '.join(older)}: make documents")


def test_a_table_is_made_anew_from_a_run_and_says_what_made_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = "before\n<!-- make documents: demo seeds.md:2 made by other text none -->\n| old |\n<!-- end -->\nafter\n"
    assert documents.older({"page.md": old}) == ["page.md: seeds.md:2 of demo"]
    tables = tmp_path / "results/demo/tables"
    tables.mkdir(parents=True)
    (tables / "seeds.md").write_text("Scores\n\n| a |\n| - |\n\nDifferences\n\n| b |\n| - |\n| +1.0 |\n")
    digest = documents.digest_of_run("demo")
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    new = documents.made_anew(old)
    assert new.startswith("before\n<!-- make documents: demo seeds.md:2 made by ")
    assert new.endswith(" -->\n| b |\n| - |\n| +1.0 |\n<!-- end -->\nafter\n")
    assert [block.made_by for block in documents.blocks(new)] == [digest] and documents.older({"page.md": new}) == []
    assert documents.made_anew(new) == new
    tables.parent.rename(tmp_path / "results/elsewhere")
    other = new.replace("+1.0", "+9.9")
    assert documents.made_anew(other) == other, "a run that is not here leaves its block"
    assert documents.made_anew(other, {"demo": "results/elsewhere"}) == new


def test_settings_and_code_of_a_run_make_its_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = documents.digest_of_run.__wrapped__
    before = fresh("demo")
    assert before != fresh("demo-seeds") and before == fresh("demo")
    monkeypatch.setattr(documents, "code_digest", lambda *_: "other code")
    assert fresh("demo") != before

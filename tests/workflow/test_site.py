"""The documentation as a site: every page is in it, and a link to what is not there fails."""

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = runpy.run_path(str(ROOT / "docs/site.py"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "pages"
    SITE["gather"](folder)
    return folder


def test_every_page_has_its_place_in_the_site_once(pages: Path) -> None:
    named = [name for names in SITE["contents"](pages).values() for name in names]
    there = {path.relative_to(pages).with_suffix("").as_posix() for path in pages.rglob("*.md")}
    assert sorted(named) == sorted(there - {"index"})
    assert {"configuration", "metrics", "performance", "operations", "contributing", "howto/run-a-part"} <= there


def test_links_of_the_root_pages_lead_to_pages_of_the_site(pages: Path) -> None:
    index = (pages / "index.md").read_text(encoding="utf-8")
    assert "](howto/run-a-part.md)" in index and "](contributing.md)" in index and "(docs/" not in index
    assert "Apache License 2.0 (`LICENSE`)" in index
    with pytest.raises(SystemExit, match=r"README.md: \[x\]\(docs/nowhere.md\): found no docs/nowhere.md"):
        SITE["moved"](re.match(SITE["LINK"], "[x](docs/nowhere.md)"), "README.md")


def copy(folder: Path) -> Path:
    """A checkout's documentation, for a site of its own."""
    shutil.copytree(ROOT / "docs", folder / "docs")
    for place in SITE["PAGES"]:
        (folder / place).parent.mkdir(exist_ok=True, parents=True)
        shutil.copyfile(ROOT / place, folder / place)
    for name in ("LICENSE", "CITATION.cff"):
        shutil.copyfile(ROOT / name, folder / name)
    return folder


def make(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "docs/site.py", "build/site"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_site_is_made_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")  # `make site` installs it, and CI calls that before the tests
    done = make(copy(tmp_path))
    assert done.returncode == 0 and not done.stderr, done.stderr
    html = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "build/site").rglob("*.html"))
    assert "Retrieval" in html and 'href="howto/run-a-part.html"' in html
    loaded = re.findall(r"<(?:script|img|link)[^>]*(?:src|href)=\"(https?:[^\"]*)", html)
    assert not loaded, "fonts, scripts or pictures of another place"


@pytest.mark.parametrize("link", ["[x](nowhere.md)", "[x](data.md#no-such-heading)", "![x](images/none.png)"])
def test_a_link_to_what_is_not_there_fails(tmp_path: Path, link: str) -> None:
    pytest.importorskip("sphinx")
    folder = copy(tmp_path)
    with open(folder / "docs/cluster.md", "a", encoding="utf-8") as page:
        page.write(f"\n{link}\n")
    done = make(folder)
    assert done.returncode != 0 and "cluster.md" in done.stderr

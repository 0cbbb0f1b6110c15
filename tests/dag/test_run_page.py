"""The page of a run, as its rule makes it and of a run that is half finished."""

import csv
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from checkout import Checkout
from PIL import Image

from xstilts.files import read_json, write_text
from xstilts.reporting.page.job import page
from xstilts.reporting.render import number
from xstilts.reporting.run import RunFolder
from xstilts.reporting.tables.main import partial_tables

pytestmark = pytest.mark.slow
RUN = Path("results/tiny")
TEMPLATE = "src/xstilts/reporting/page/page.html"
VOID = {"meta", "img", "br", "input"}


class Read(HTMLParser):
    """What a page says and where it points; a tag that is closed by another one is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.places: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open += [] if tag in VOID else [tag]
        self.places += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"line {self.getpos()[0]}: </{tag}>"

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_stands_alone_and_shows_the_tables_and_figures_of_the_run(run: Checkout) -> None:
    folder = run.folder / RUN
    text = (folder / "report.html").read_text(encoding="utf-8")
    found = Read(text)
    assert len(text.encode()) < 5_000_000
    assert "script" not in found.tags and "url(" not in text and "@import" not in text
    images = [place for place in found.places if place.startswith("data:image/")]
    assert len(images) == len(list((folder / "figures").glob("*.svg")))
    for place in set(found.places) - set(images):
        there = f'id="{place[1:]}"' in text if place.startswith("#") else (folder / place).exists()
        assert there or place == "provenance.html", place
    for name in ("main.csv", "main_test.csv"):
        with open(folder / "tables" / name, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                signed = row["source"] != "none"
                shown = [number(float(value), signed) for key, value in row.items() if key != "source" and value]
                assert shown and set(shown) <= set(found.words), (name, row)
    with open(folder / "tables/claims.csv", encoding="utf-8", newline="") as file:
        assert {row["statement"] for row in csv.DictReader(file)} <= set(found.words)
    said = " ".join(found.words)
    made = [read_json(path)["made"] for path in folder.glob("models/**/manifest.json")]
    assert f"{sum(one['work']['tokens'] for one in made):,}" in found.words, "tokens of all trainings"
    assert "there is no verdict about a source" in said, "one seed"
    assert "Fewer than three seeds: " in (folder / "tables/languages.md").read_text(encoding="utf-8")
    assert "fewer than three seeds" in read_json(folder / "tables/main.notes.json")["title"], "the terminal too"
    for training in read_json(folder / "tables/verification.json")["failed_trainings"]:
        assert training["training"] in said and training["reason"] in said


def test_an_edited_template_makes_the_page_anew_and_nothing_else(run: Checkout) -> None:
    with run.edited(TEMPLATE, ("Where every file lies", "Where everything lies")):
        assert run.plan() == {"report"}


def test_a_half_finished_run_has_a_page_that_says_what_is_missing(
    run: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = run.twin(tmp_path / "twin").folder
    monkeypatch.chdir(twin)
    for made in ("scores/tiny/mnli", "figures", "predictions/tiny/mnli"):
        shutil.rmtree(RUN / made)
    for name in ("curves_intermediate", "curves_target"):  # larger than any page
        write_text(RUN / f"figures/{name}.svg", " " * 200_000)
        noise = np.random.default_rng(1).integers(0, 256, (1500, 1500, 3), dtype=np.uint8)
        Image.fromarray(noise).save(RUN / f"figures/{name}.png")
    settings = read_json(RUN / "specs/report/report.json")["settings"] | {"run": "<script>&"}
    tables = partial_tables(settings, RUN)
    text = page(RunFolder(settings, RUN, tables))
    found = Read(text)
    said = " ".join(found.words)
    assert len(text.encode()) < 5_000_000
    assert "figures/curves_target.svg" in found.places, "there is room for the other one only"
    assert len([place for place in found.places if place.startswith("data:image/png")]) == 1
    assert "script" not in found.tags and "Run <script>&" in said, "names are text"
    assert "scores are missing" in said and "mnli (every task)" in said
    assert "The claims are not decided yet." in said and "The heat map is not drawn yet." in said

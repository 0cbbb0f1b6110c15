"""Figures have the size of a page, are the same bytes twice, and survive runs that have hardly begun."""

import re
import struct
import warnings

import pytest
from reporting_examples import REGISTRY, ROOT, frame, one_language, score_rows, v1_rows, v1_sources

from xstilts.reporting import style
from xstilts.reporting.comparison import compare, read_published
from xstilts.reporting.figures import colour_limit, heat_map, language_bars, learning_curves
from xstilts.reporting.main_table import build_main_table
from xstilts.reporting.published_figure import published_scatter


@pytest.fixture(autouse=True)
def no_warnings():
    """A layout that does not fit, or a letter without a glyph, is a warning of matplotlib's."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def table(rows=None, sources=None):
    rows = score_rows(v1_rows()) if rows is None else rows
    return build_main_table(frame(rows), sources or v1_sources(), one_language())


def curves(names, sources):
    history = [{"step": 100 * (step + 1), "loss": 2 / (step + 1), "score": 50 + step} for step in range(12)]
    return [
        {"set": name, "source": source, "seed": 1, "best_step": 1200, "evaluations": history}
        for name in names
        for source in sources
    ]


def draw_heat(folder, few):
    return heat_map(table(sources=v1_sources()[:4] if few else None), folder, "heat", {("anli", "panx")})


def draw_bars(folder, few):
    languages = REGISTRY["panx"]["languages"][: 5 if few else 40]
    values = {
        source: {name: 50.0 + i for i, name in enumerate(languages)} for source in v1_sources()[: 3 if few else 12]
    }
    del values["anli"]["ar"]
    return language_bars(values, languages, "NER, dev", "F1, %", folder, "bars", chance={"ar": 5.0, "de": 6.0})


def draw_curves(folder, few):
    names = ["mnli", "pawsx", "udpos", "panx", "squad", "tydiqa"][: 1 if few else 6]
    return learning_curves(curves(names, v1_sources()[: 2 if few else 12]), "Target phase", folder, "curves")


def draw_published(folder, few):
    tables = [table(sources=v1_sources()[:4] if few else None)]
    rows = compare(tables, read_published(ROOT / "resources/published"), one_language())
    return published_scatter(rows, "Ours against published", folder, "published")


DRAWINGS = [draw_heat, draw_bars, draw_curves, draw_published]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_page_wide_and_the_same_bytes_twice(tmp_path, draw):
    svg, png = draw(tmp_path / "a", True)
    assert [path.read_bytes() for path in (svg, png)] == [path.read_bytes() for path in draw(tmp_path / "b", True)]
    width, height = struct.unpack(">II", png.read_bytes()[16:24])
    assert width == round(200 * style.WIDTH)
    assert height < 200 * 10  # fits a page
    text = svg.read_text(encoding="utf-8")
    assert "<svg" in text
    assert "<dc:date>" not in text


@pytest.mark.slow
@pytest.mark.parametrize("draw", DRAWINGS)
def test_every_text_is_inside_big_enough_and_alone(tmp_path, monkeypatch, draw):
    from matplotlib.text import Text

    drawn_texts, original = [], Text.draw

    def remember(self, renderer):
        if self.get_visible() and self.get_text().strip():
            drawn_texts.append((self.get_text(), self.get_fontsize(), self.get_window_extent(renderer)))
        return original(self, renderer)

    def look(drawn, folder, stem):
        drawn.canvas.draw()
        drawn_texts.clear()
        monkeypatch.setattr(Text, "draw", remember)
        drawn.canvas.draw()
        pages.append(drawn.bbox)
        return []

    pages = []
    monkeypatch.setattr("xstilts.reporting.figures.save", look)
    monkeypatch.setattr("xstilts.reporting.published_figure.save", look)
    draw(tmp_path, False)
    (page,) = pages
    assert len(drawn_texts) > 20
    assert min(size for _, size, _ in drawn_texts) >= 7
    assert page.height <= 10 * page.width / style.WIDTH
    for text, _, box in drawn_texts:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.width + 1 and box.y1 <= page.height + 1, text
    for index, (text, _, box) in enumerate(drawn_texts):
        for other, _, beside in drawn_texts[index + 1 :]:
            apart = box.x1 <= beside.x0 or beside.x1 <= box.x0 or box.y1 <= beside.y0 or beside.y1 <= box.y0
            assert apart, (text, other)


def test_a_run_that_has_not_begun_still_draws(tmp_path):
    empty = table(rows=[], sources=["none", "mnli"])
    assert len(heat_map(empty, tmp_path, "heat")) == 2
    assert len(language_bars({"none": {}}, [], "XNLI", "accuracy, %", tmp_path, "bars")) == 2
    assert len(learning_curves([], "Target phase", tmp_path, "curves")) == 2
    assert len(published_scatter([], "Ours", tmp_path, "published")) == 2


def test_colours_do_not_saturate_on_a_few_large_differences():
    assert colour_limit([]) == 2
    assert colour_limit([0.1, -0.3, 0.2]) == 2
    assert colour_limit([1, -1, 2, -2, 3, 0.5, 1.5, 1, 50, 40]) == 11
    assert colour_limit([30.2]) == 31


def test_sources_look_different_from_each_other():
    looks = style.looks(["mnli", "none", *[f"s{i}" for i in range(12)]])
    assert looks["none"].colour == "#000000"
    assert len({(look.colour, look.hatch) for look in looks.values()}) == 14
    assert all(re.fullmatch("#[0-9A-F]{6}", look.colour) for look in looks.values())

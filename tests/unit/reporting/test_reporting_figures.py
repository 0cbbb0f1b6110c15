"""Figures have the size of a page, are the same bytes twice, and survive runs that have hardly begun."""

import re
import struct
import warnings

import pytest
from reporting_examples import REGISTRY, ROOT, frame, main_table, one_language, score_rows, v1_rows, v1_sources

from xstilts import tasks
from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.reporting.figures import style
from xstilts.reporting.figures.curves import learning_curves
from xstilts.reporting.figures.differences import clear_of_zero, colour_limit, heat_map
from xstilts.reporting.figures.languages import HELD, half_width, language_bars
from xstilts.reporting.figures.names import by_family, language_name
from xstilts.reporting.figures.published import published_scatter
from xstilts.reporting.published import read_published
from xstilts.reporting.run import RunFolder
from xstilts.reporting.tables.comparison import compare
from xstilts.tasks.benchmark import XTREME_R


@pytest.fixture(autouse=True)
def no_warnings():
    """A layout that does not fit, or a letter without a glyph, is a warning of matplotlib's."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def table(rows=None, sources=None):
    rows = score_rows(v1_rows()) if rows is None else rows
    return main_table(frame(rows), sources or v1_sources(), one_language())


def curves(names, sources):
    history = [{"step": 100 * (step + 1), "loss": 2 / (step + 1), "score": 50 + step} for step in range(12)]
    return [
        {"set": name, "source": source, "target": name, "seed": 1, "best_step": 1200, "evaluations": history}
        for name in names
        for source in sources
    ]


def draw_heat(folder, few):
    whole = (
        ""
        if few
        else "What each source adds: run of-a-long-name-1234, encoder multilingual-e5-small, dev, seeds 1, 2, 3"
    )
    return heat_map(table(sources=v1_sources()[:4] if few else None), folder, "heat", {("anli", "panx")}, whole)


def draw_bars(folder, few):
    languages = REGISTRY["panx"]["languages"][: 5 if few else 40]
    values = {
        source: {name: 50.0 + i for i, name in enumerate(languages)} for source in v1_sources()[: 3 if few else 12]
    }
    del values["anli"]["ar"]
    return language_bars(values, languages, "NER, dev", "F1, %", folder, "bars", chance={"ar": 5.0, "de": 6.0})


def draw_all_rows(folder, few):
    """Seven languages and the rows of the paper's whole table."""
    names = [
        "none",
        *(f"{one}{more}" for more in ("", "+mlm") for one in [*tasks.registry()[1]][:10]),
        "hellaswag-shuffled",
    ]
    values = {name: dict.fromkeys(REGISTRY["pawsx"]["languages"], 50.0) for name in names}
    return language_bars(values, REGISTRY["pawsx"]["languages"], "PAWS-X, dev", "accuracy, %", folder, "bars")


def draw_curves(folder, few):
    names = ["mnli", "pawsx", "udpos", "panx", "squad", "tydiqa"][: 1 if few else 6]
    return learning_curves(curves(names, v1_sources()[: 2 if few else 12]), "Target phase", folder, "curves")


def draw_sources(folder, few):
    """A panel a source, with the longest names of the paper's rows and one of a user's own at the page's edge."""
    names = [
        "anli+mlm",
        "mnli+mlm",
        "cosmosqa+mlm",
        "hellaswag+mlm",
        "mnli-shuffled",
        "a",
        "b",
        "my-own-checkpoint-of-nli",
    ]
    found = [one | {"source": one["set"], "target": "none"} for one in curves(names[: 4 if few else 8], ["none"])]
    return learning_curves(found, "Intermediate phase", folder, "curves")


def draw_published(folder, few):
    tables = [table(sources=v1_sources()[:4] if few else None)]
    rows = compare(tables, read_published(ROOT / "resources/published"), one_language())
    return published_scatter(rows, "Ours against published", folder, "published")


def draw_ten(folder, few):
    rows = compare([table(sources=v1_sources()[:4])], read_published(ROOT / "resources/published"), one_language())
    return published_scatter(rows, "Ours against published", folder, "published", XTREME_R)


DRAWINGS = [draw_heat, draw_bars, draw_all_rows, draw_curves, draw_sources, draw_published, draw_ten]


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
    for name in ("differences", "languages", "curves", "published", "style"):
        monkeypatch.setattr(f"xstilts.reporting.figures.{name}.save", look)
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


def test_colours_reach_to_the_largest_difference():
    assert colour_limit([]) == 2
    assert colour_limit([0.1, -0.3, 0.2]) == 2
    assert colour_limit([1, -1, 2, -2, 3, 0.5, 1.5, 1, 50, 40]) == 50
    assert colour_limit([30.2]) == 31


def test_sources_look_different_from_each_other():
    looks = style.looks(["mnli", "none", *[f"s{i}" for i in range(12)]])
    assert looks["none"].colour == "#000000"
    assert len({(look.colour, look.hatch) for look in looks.values()}) == 14
    assert all(re.fullmatch("#[0-9A-F]{6}", look.colour) for look in looks.values())


def test_all_rows_of_the_paper_look_different_as_bars_and_as_lines():
    rows = load(read_layers(ROOT, [])).source_names
    looks = style.looks(rows).values()
    assert len(rows) == 30
    assert len({(look.colour, look.hatch) for look in looks}) == len({(look.colour, look.dash) for look in looks}) == 30


def test_intervals_of_bars_end_at_0_and_at_100(pictures, tmp_path):
    language_bars({"none": {"en": 95.0, "de": 3.0}}, ["en", "de"], "", "", tmp_path, "bars", errors=WIDE)
    axes = pictures[0].axes[0]
    ends = [point[1] for lines in axes.collections for path in lines.get_paths() for point in path.vertices]
    assert (min(ends), max(ends)) == (0.0, 100.0)
    assert axes.get_ylim()[1] == pytest.approx(106)


WIDE = {"none": {"en": 20.0, "de": 20.0}}


@pytest.fixture
def pictures(monkeypatch):
    """The figures that are drawn, instead of their files."""
    drawn = []
    for name in ("differences", "languages", "curves", "published", "style"):
        monkeypatch.setattr(f"xstilts.reporting.figures.{name}.save", lambda picture, *_: drawn.append(picture))
    return drawn


def words(picture):
    from matplotlib.text import Text

    return [text.get_text() for text in picture.findobj(Text) if text.get_text().strip()]


def hatched(axes):
    """The numbers of the cells that are hatched."""
    cells = [patch for patch in axes.patches if patch.get_hatch()]
    centres = {(patch.get_x() + 0.5, patch.get_y() + 0.5) for patch in cells}
    return [text.get_text() for text in axes.texts if text.get_position() in centres]


def test_a_difference_whose_interval_holds_0_is_hatched(pictures, tmp_path):
    def row(source, task, metric, lower, upper, difference=None):
        middle = difference if difference is not None else ((lower or 0) + (upper or 0)) / 2
        return {
            "baseline": "none",
            "difference": middle,
            **{"source": source, "task": task, "metric": metric, "diff_lower": lower, "diff_upper": upper},
        }

    rows = [
        row("squad", "xnli", "accuracy", -2.0, -0.5),
        row("squad", "pawsx", "accuracy", -0.5, 2.0),
        row("squad", "xquad", "f1", 0.2, 2.0),
        row("squad", "xquad", "exact_match", -0.2, 2.0),
        row("squad", "mlqa", "f1", 0.2, 2.0),
        row("squad", "mlqa", "exact_match", 0.1, 2.0),
    ]
    rows.append(row("best-paper", "xnli", "accuracy", -7.9, -0.2, difference=0.9))  # chosen by luck: nothing is clear
    clear = clear_of_zero([*rows, row("squad", "udpos", "f1", None, None)])
    assert clear == {("squad", "xnli"), ("squad", "mlqa")}
    heat_map(table(sources=["none", "squad"]), tmp_path, "heat", {("squad", "panx")}, "run demo, dev, seed 1", clear)
    axes = pictures[0].axes[0]
    shown = [text.get_text() for text in axes.texts]
    squad = shown[len(shown) // 2 :]
    assert hatched(axes) == [squad[at] for at in (1, 2, 4, 6, 7, 8, 9)], "neither clear, grey nor the row of none"
    assert {"run demo, dev, seed 1", "no 95 % interval on that side of 0"} <= set(words(pictures[0]))


def test_an_average_over_what_is_there_is_hatched_by_its_own_interval(pictures, tmp_path):
    """It stands in ``intervals.csv`` under its own name, where no row has all tasks."""
    there = [row for row in score_rows(v1_rows()) if row[3] != "panx"]
    lower = {"source": "squad", "task": "avg_available", "metric": "avg_metric", "baseline": "none", "difference": 2.0}
    clear = clear_of_zero([lower | {"diff_lower": 1.0, "diff_upper": 3.0}])
    heat_map(table(there, ["none", "squad"]), tmp_path, "heat", set(), "run", clear)
    axes = pictures[0].axes[0]
    assert "Avg.\n(avail.)" in words(pictures[0]) and axes.texts[-1].get_text() not in hatched(axes)


def test_figures_that_compare_sources_say_that_there_are_few_seeds(tmp_path):
    few, enough = (RunFolder({"seeds": seeds}, tmp_path, tmp_path).titled("POS") for seeds in ([1, 2], [1, 2, 3]))
    assert few == "POS\nFewer than three seeds: what differs between sources may be chance."
    assert enough == "POS"


def test_bars_by_language_say_who_is_who(pictures, tmp_path):
    values = {"none": {"en": 50.0, "qaf": 0.0}, "mnli-shuffled": {"en": 40.0}}
    errors = {"none": {"en": 3.0}}
    language_bars(values, ["en", "qaf"], "XNLI", "accuracy (%)", tmp_path, "bars", {"en": 80.0}, errors, ["qaf"])
    (axes,) = pictures[0].axes
    assert axes.get_ylim()[1] > 80, "chance lies in the picture where every score is below it"
    assert {"English", "qaf\n(unseen)", "mnli-shuffled (control)", "95 % interval", "missing"} <= set(
        words(pictures[0])
    )
    language_bars(values, ["en", "qaf"], "BUCC", "F1 (%)", tmp_path, "bars", None, errors, interval=HELD)
    assert "95 % interval, threshold held" in words(pictures[1]), "that of intervals.csv draws it anew"
    ends = [tuple(y for _, y in path.vertices) for lines in axes.collections for path in lines.get_paths()]
    assert (47.0, 53.0) in ends and (0.0, 0.0) in ends, "an interval, and a foot where a score is 0"


def test_languages_stand_by_family_and_every_one_of_the_benchmark_has_a_name():
    assert by_family(["zh", "de", "qaa", "fi", "en", "et"]) == ["en", "de", "et", "fi", "zh", "qaa"]
    spoken = {code for entry in REGISTRY.values() for code in entry["languages"]}
    assert {code for code in spoken if language_name(code) == code} == set()


@pytest.mark.parametrize("seeds", [1, 3])
def test_an_interval_by_language_is_the_textbooks(seeds):
    """Of a share: the binomial's; the same examples in every seed do not make it narrower, seeds make it wider.

    Three seeds know their variance to two degrees of freedom, so that theirs is Student's t where examples say nothing.
    """
    right = [1] * 30 + [0] * 70
    split = {
        "items": {"unit": [str(n) for n in range(100)], "correct": right, "total": [1] * 100},
        **{"metrics": {"accuracy": 30.0}, "extra": {}},
    }
    splits = [split | {"metrics": {"accuracy": 30.0 + step}} for step in (0, 3, -3)[:seeds]]
    items, over_seeds = 30 * 70 / 100, 9.0 / 3 if seeds == 3 else 0.0
    normal = 1.96 * (items + over_seeds) ** 0.5
    assert half_width(splits, "accuracy") == pytest.approx(normal, rel=2e-2 if seeds == 3 else 1e-4)
    if seeds == 1:
        return
    assert half_width(splits, "accuracy") > normal
    sure = [one | {"items": one["items"] | {"correct": [1] * 100}} for one in splits]
    assert half_width(sure, "accuracy") == pytest.approx(4.3027 * 3.0**0.5, rel=1e-4)
    assert half_width(sure, "accuracy", "median") == pytest.approx(4.3027 * (9 * 0.4487) ** 0.5, rel=1e-4)


def test_an_interval_of_bucc_is_of_what_its_threshold_extracts():
    items = {"unit": list("abcd"), "score": [0.9, 0.8, 0.4, None], "correct": [1, 0, 1, 0], "gold": [1, 1, 1, 1]}
    counts = {"unit": list("abcd"), "tp": [1, 0, 0, 0], "pred": [1, 1, 0, 0], "gold": [1, 1, 1, 1]}
    mined = {"items": items, "metrics": {"f1": 100 / 3}, "extra": {"threshold": 0.5}}
    given = {"items": counts, "metrics": {"f1": 100 / 3}, "extra": {}}
    assert half_width([mined], "f1") == half_width([given], "f1") > 0


def test_curves_name_their_panels_and_signs(pictures, tmp_path):
    both = [*curves(["squad"], ["none", "mnli"]), {**curves(["squad"], ["none"])[0], "seed": 2}]
    learning_curves(both, "Target phase", tmp_path, "curves")
    assert {"target squad", "after source", "a line a seed", "the checkpoint that was kept"} <= set(words(pictures[0]))
    learning_curves([{**curves(["mnli"], ["mnli"])[0], "target": "none"}], "Intermediate phase", tmp_path, "curves")
    assert "source mnli" in words(pictures[1]) and "a line a seed" not in words(pictures[1])


def test_the_curve_of_text_alone_is_of_minus_a_loss_and_not_in_percent(pictures, tmp_path):
    loss, accuracy = ({"dev": {"x": {"metric": name}}} for name in ("negative loss (nats)", "accuracy"))
    beside = {"dev": loss["dev"] | {"y": accuracy["dev"]["x"]}}
    found = [
        one | {"target": "none", "results": results}
        for one, results in zip(curves(["mnli", "mlm-en", "both"], ["none"]), (accuracy, loss, beside), strict=True)
    ]
    learning_curves(found, "Intermediate phase", tmp_path, "curves")
    labels = [part.axes[0].get_ylabel() for part in pictures[0].subfigs]
    assert labels == ["dev score, %", "minus dev loss, nats", ""]


def test_short_trainings_have_whole_steps_below_their_curves(pictures, tmp_path):
    history = [{"step": step, "loss": 1.0, "score": 50.0} for step in range(1, 9)]
    learning_curves([{**curves(["udpos"], ["none"])[0], "evaluations": history}], "Target phase", tmp_path, "curves")
    axes = [one for part in pictures[0].subfigs for one in part.axes if one.get_xlabel() == "step"]
    assert axes and all(float(tick).is_integer() for one in axes for tick in one.get_xticks())


def test_what_has_nothing_to_draw_is_low_and_says_so(pictures, tmp_path):
    language_bars({"none": {}, "mnli": {}}, ["en", "de"], "NER", "F1 (%)", tmp_path, "bars")
    learning_curves([], "Intermediate phase", tmp_path, "curves")
    assert [picture.axes for picture in pictures] == [[], []] and {p.get_figheight() for p in pictures} == {1.2}
    assert "No scores here: the notes below the main table say why" in words(pictures[0])
    assert words(pictures[1]) == ["Intermediate phase", "No training of this phase"]


def test_a_figures_first_line_says_what_it_counts(pictures, tmp_path):
    rows = compare([table(sources=["none", "mnli"])], read_published(ROOT / "resources/published"), one_language())
    published_scatter(rows, "Ours against published\nFewer than three seeds.", tmp_path, "published")
    said = "Ours against published: differences to none, points\nFewer than three seeds."
    assert pictures[0].get_suptitle() == said


def test_with_nothing_to_compare_the_figure_says_so(pictures, tmp_path):
    tables = [table(sources=["none", "mnli"], rows=[])]
    rows = compare(tables, read_published(ROOT / "resources/published"), one_language())
    published_scatter(rows, "Ours against published", tmp_path, "published")
    assert pictures[0].axes == []
    assert any(word.startswith("Nothing to compare") for word in words(pictures[0]))

"""Tables over seeds: what stands in a cell, and what is bold."""

import csv

from reporting_examples import one_language

from xstilts.reporting.tables.seeds import seed_rows, write_seeds


def interval(source, baseline="none", task="xnli", metric="accuracy", **changes):
    row = {
        "source": source,
        "task": task,
        "metric": metric,
        "split": "dev",
        "value": 50.0,
        "lower": 45.0,
        "upper": 55.0,
        "deviation": 1.25,
        "baseline": baseline,
        "difference": None,
        "diff_lower": None,
        "diff_upper": None,
        "diff_deviation": None,
        "seeds": "5",
        "method": "items and seeds",
        "examples": "100",
    }
    return row | changes


GAIN = {"difference": 2.0, "diff_lower": 0.5, "diff_upper": 3.5, "diff_deviation": 0.75}
ROWS = [
    interval("none"),
    interval("mnli", **GAIN),
    interval("mnli-shuffled", difference=-1.0, diff_lower=-2.0, diff_upper=0.1, diff_deviation=0.5),
    interval("mnli", "mnli-shuffled", **{**GAIN, "difference": 3.0}),
]


def test_each_score_stands_once_and_each_difference_says_what_is_taken_off():
    rows = seed_rows(ROWS)
    assert [(row["source"], row["minus"], row["value"], row["deviation"]) for row in rows] == [
        ("none", "", 50.0, 1.25),
        ("mnli", "", 50.0, 1.25),
        ("mnli", "none", 2.0, 0.75),
        ("mnli-shuffled", "", 50.0, 1.25),
        ("mnli-shuffled", "none", -1.0, 0.5),
        ("mnli", "mnli-shuffled", 3.0, 0.75),
    ]


def written(tmp_path, rows, sources=("none", "mnli", "mnli-shuffled")):
    write_seeds(rows, sources, one_language(), tmp_path, "seeds", "a title", ["A remark."])
    with open(tmp_path / "seeds.csv", encoding="utf-8", newline="") as handle:
        return (tmp_path / "seeds.md").read_text(encoding="utf-8"), list(csv.DictReader(handle))


def test_the_page_has_scores_then_differences_to_none_then_to_the_control(tmp_path):
    page, rows = written(tmp_path, ROWS)
    assert len(rows) == 6
    assert "| XNLI | 50.0 ± 1.3 (45.0 to 55.0) |" in page
    none, control = page.index("Difference to none"), page.index("Difference to mnli-shuffled")
    assert page.index("Scores, in percent") < none < control
    assert "| XNLI | **+2.0 ± 0.8 (+0.5 to +3.5)** | -1.0 ± 0.5 (-2.0 to +0.1) |" in page[none:control]
    assert "| XNLI | **+3.0 ± 0.8 (+0.5 to +3.5)** |" in page[control:]
    assert page.endswith("A remark.\n")


def test_the_page_says_which_number_stands_for_the_seeds(tmp_path):
    page, _ = written(tmp_path, ROWS)
    assert "Cells: mean over seeds" in page and "medians" not in page
    write_seeds(ROWS, ("none", "mnli"), one_language(), tmp_path, "seeds", "a title", statistic="median")
    page = (tmp_path / "seeds.md").read_text(encoding="utf-8")
    assert "Cells: median over seeds" in page and "(95 % interval of the median)" in page
    assert "and are those of the medians" in page


def test_under_three_seeds_nothing_is_bold_and_the_page_says_why(tmp_path):
    few = [row | {"method": "item sampling only", "seeds": "2"} for row in ROWS]
    page, _ = written(tmp_path, few)
    assert "**+" not in page and "over examples only" in page
    assert "over examples only" not in written(tmp_path, ROWS)[0]


def test_a_cell_that_is_not_there_is_a_dash(tmp_path):
    page, _ = written(tmp_path, [*ROWS, interval("none", task="mlqa", metric="exact_match")])
    assert "| MLQA EM | 50.0 ± 1.3 (45.0 to 55.0) | – | – |" in page

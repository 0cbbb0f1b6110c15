"""Published numbers are what was printed, and only like is compared with like."""

import csv
from collections import Counter

import pytest
from reporting_examples import (
    REGISTRY,
    ROOT,
    frame,
    main_table,
    one_language,
    published,
    score_rows,
    v1_rows,
    v1_sources,
)

from xstilts.errors import DataError
from xstilts.reporting.published import read_published
from xstilts.reporting.tables.comparison import (
    REFUSAL,
    agrees,
    compare,
    comparison_markdown,
    prediction_reach,
    write_comparison,
)
from xstilts.tasks.benchmark import XTREME_R

FOLDER = ROOT / "resources/published"
ALL = read_published(FOLDER)


def nine_task_mean(rows):
    values = {}
    for row in rows:
        if row["task"] != "avg":
            values.setdefault(row["task"], []).append(float(row["value"]))
    assert len(values) == 9
    return sum(sum(pair) / len(pair) for pair in values.values()) / 9


def xtreme_r_table():
    """XTREME's printed numbers as a run on XTREME-R would have them, complete over its languages."""
    shared = {name: {**REGISTRY[name], "languages": ["en"], "absent": {}} for name in ("xnli", "panx", "xquad")}
    values = {cell: value for cell, value in v1_rows().items() if cell[0] == "none" and cell[1] in shared}
    rows = frame(score_rows(values) + score_rows(values, split="test"))
    return main_table(rows, ["none"], shared, "test", benchmark=XTREME_R), shared


def test_of_another_benchmark_only_what_has_the_same_languages_is_compared():
    built, tasks = xtreme_r_table()
    rows = compare([built], ALL, tasks)
    assert {row["task"] for row in rows if row["comparable"] == "yes"} == {"xnli"}
    why = {row["task"]: row["reason"] for row in rows if row["split"] == "test" and row["kind"] == "absolute"}
    for name in ("panx", "xquad"):
        assert why[name] == "a mean over the languages of XTREME, ours is over those of XTREME-R"


def test_every_file_reads():
    names = Counter(row["version"] for row in ALL)
    assert names["arXiv:2005.13013v1"] > 200
    assert {row["certainty"] for row in ALL} == {"read", "quoted", "derived", "report"}
    assert all(row["note"] for row in ALL if row["comparable"] == "no")
    for row in ALL:
        key = [
            row[column] for column in ("system", "source", "task", "metric", "split", "table", "version", "certainty")
        ]
        assert (
            sum(
                key
                == [
                    other[column]
                    for column in ("system", "source", "task", "metric", "split", "table", "version", "certainty")
                ]
                for other in ALL
            )
            == 1
        ), key


@pytest.mark.parametrize("source", v1_sources())
def test_printed_averages_recompute(source):
    rows = [row for row in published("xstilts_v1_dev.csv") if row["source"] == source and row["certainty"] == "read"]
    (printed,) = [float(row["value"]) for row in rows if row["task"] == "avg"]
    if source == "qqp+mlm":
        assert printed == 5.1
        (derived,) = [row for row in published("xstilts_v1_dev.csv") if row["certainty"] == "derived"]
        printed = float(derived["value"])
    assert nine_task_mean(rows) == pytest.approx(printed, abs=0.061)  # ccg: 3.76, printed +3.7


@pytest.mark.parametrize(
    ("source", "version", "average"),
    [
        ("none", "arXiv:2005.13013v1 quoting Hu et al. 2020", 68.1),
        ("none", "arXiv:2005.13013v1", 66.1),
        ("best-paper", "arXiv:2005.13013v1", 74.2),
    ],
)
def test_printed_test_averages_recompute(source, version, average):
    rows = [row for row in published("xtreme.csv") if row["source"] == source and row["version"] == version]
    assert nine_task_mean(rows) == pytest.approx(average, abs=0.051)
    assert [float(row["value"]) for row in rows if row["task"] == "avg"] == [average]


def test_numbers_from_memory_are_not_taken_over():
    """What the project's notes have from memory alone: the final version's main table."""
    final = [row for row in ALL if row["version"] in ("AACL 2020", "XTREME leaderboard")]
    assert {row["source"] for row in final} == {"best-paper"}
    assert not [row for row in final if row["task"] in ("bucc2018", "tatoeba")]


def table(source_rows=None, policy="dev", **changes):
    rows = score_rows(v1_rows()) if source_rows is None else source_rows
    return main_table(frame(rows), v1_sources(), one_language(), policy, **changes)


def cell(rows, source, task, metric="accuracy", certainty="read", kind=None):
    (found,) = [
        row
        for row in rows
        if (row["source"], row["task"], row["metric"], row["certainty"]) == (source, task, metric, certainty)
        and row["version"] == "arXiv:2005.13013v1"
        and row["table"] == "Table 2"
        and kind in (None, row["kind"])
    ]
    return found


def test_the_papers_own_numbers_agree_with_the_paper():
    rows = compare([table()], ALL, one_language())
    comparable = [row for row in rows if row["comparable"] == "yes" and row["table"] == "Table 2"]
    assert len(comparable) == 17 * 10  # the columns of all tasks but TyDiQA; not the average, which contains it
    assert all(row["difference"] == pytest.approx(0, abs=1e-5) for row in comparable)
    tydiqa = cell(rows, "squad", "tydiqa", "f1")
    assert (tydiqa["comparable"], tydiqa["difference"]) == ("no", None)
    assert "ten points above" in tydiqa["reason"]
    assert tydiqa["ours"] == pytest.approx(5.6)


def test_dev_is_never_compared_with_test():
    rows = compare([table()], ALL, one_language())
    xnli = [row for row in rows if row["source"] == "none" and row["task"] == "xnli"]
    assert {(row["split"], row["comparable"]) for row in xnli} == {("dev", "yes"), ("test", "no")}
    assert (
        next(row for row in xnli if row["split"] == "test")["reason"] == "ours is on dev, the published number on test"
    )


def test_the_test_table_serves_the_test_numbers():
    values = {("none", "xnli", "accuracy"): 79.7}
    scores = score_rows({("none", "xnli", "accuracy"): 80.0}) + score_rows(values, split="test")
    tables = [main_table(frame(scores), ["none"], one_language(), policy) for policy in ("dev", "test")]
    rows = [row for row in compare(tables, ALL, one_language()) if row["task"] == "xnli"]
    found = {(row["split"], row["published"]): row["difference"] for row in rows}
    assert found == pytest.approx({("dev", 80.1): -0.1, ("test", 79.2): 0.5, ("test", 79.5): 0.2})


def test_another_encoder_or_fewer_languages_are_not_compared():
    rows = compare([table()], ALL, one_language(), encoder="mini")
    assert cell(rows, "none", "xnli")["reason"] == "another encoder: mini"
    two = {name: {**entry, "languages": ["en", "de"]} for name, entry in one_language().items()}
    partial = main_table(frame(score_rows(v1_rows())), v1_sources(), two)
    assert cell(compare([partial], ALL, two), "none", "xnli")["reason"] == "ours lacks languages of the benchmark"
    few = compare([table()], ALL, one_language(), limit=200)
    assert cell(few, "none", "xnli")["reason"] == "ours is of the first 200 examples of each language alone"
    assert not any(row["comparable"] == "yes" for row in few), "retrieval among fewer sentences is another task"


def test_agreement_is_a_prediction_interval_over_seeds():
    assert prediction_reach([79.0, 81.0]) is None and agrees(80.0, None, 80.0) == "", "two seeds say nothing of it"
    reach = prediction_reach([79.0, 80.0, 81.0])  # 4.303 * 1 * sqrt(4/3) = 4.969
    assert (agrees(80.0, reach, 84.9), agrees(80.0, reach, 85.1)) == ("yes", "no")
    rows = [row for seed in (1, 2, 3) for row in score_rows(v1_rows(), seed=seed)]
    found = cell(compare([table(rows)], ALL, one_language()), "squad", "xnli")
    assert (found["agreement"], found["seeds"]) == ("yes", 3)


def test_the_reach_is_what_agreement_is_judged_by():
    assert prediction_reach([79.0, 80.0, 81.0]) == pytest.approx(4.30265 * (4 / 3) ** 0.5)
    assert prediction_reach([80.0]) is None
    rows = [row for seed, shift in ((1, -1), (2, 0), (3, 1)) for row in shifted(shift, seed)]
    found = cell(compare([table(rows)], ALL, one_language()), "none", "xnli")
    assert found["reach"] == pytest.approx(4.30265 * (4 / 3) ** 0.5)
    difference = cell(compare([table(rows)], ALL, one_language()), "squad", "xnli")
    assert difference["reach"] == pytest.approx(0, abs=1e-9), "a seed moves both arms"


def test_agreement_is_judged_around_the_number_that_the_table_shows():
    """The difference of two medians is another number than the median of the differences by seed."""
    seeds = {1: (70.0, 50.0), 2: (80.0, 80.0), 3: (81.0, 76.8)}  # squad and none: 80.0 - 76.8; by seed 20.0, 0.0, 4.2
    rows = [
        row
        for seed, (squad, none) in seeds.items()
        for row in score_rows({("squad", "xnli", "accuracy"): squad, ("none", "xnli", "accuracy"): none}, seed=seed)
    ]
    built = main_table(frame(rows), ["none", "squad"], one_language(), statistic="median")
    whole = cell(compare([built], ALL, one_language()), "squad", "xnli")
    assert whole["ours"] == pytest.approx(3.2)
    edge = whole["ours"] - whole["reach"]
    for value, verdict in ((edge + 0.1, "yes"), (edge - 0.1, "no")):
        moved = [row | {"value": value} if row["source"] == "squad" else row for row in ALL]
        assert cell(compare([built], moved, one_language()), "squad", "xnli")["agreement"] == verdict


def shifted(points, seed):
    return score_rows({key: value + points for key, value in v1_rows().items()}, seed=seed)


def test_rows_stand_in_the_order_of_the_table():
    sources = [row["source"] for row in compare([table()], ALL, one_language())]
    assert list(dict.fromkeys(sources)) == v1_sources()


def test_the_page_sums_up_and_gives_each_reason_once():
    rows = [row for row in compare([table()], ALL, one_language()) if row["table"] == "Table 2"]
    page = comparison_markdown(rows, ["mnli", "squad2"])
    assert "170 published numbers are compared. The mean size of the differences is 0.0 points.\n" in page
    assert page.count("its baseline is about ten points above") == 1
    assert "Published rows that this run has not: mnli, squad2." in page
    assert "Protocols: arXiv:2005.13013v1 (Table 2): X-STILTs v1" in page
    seeds = [row for seed in (1, 2, 3) for row in score_rows(v1_rows(), seed=seed)]
    assert "agree." in comparison_markdown(compare([table(seeds)], ALL, one_language()))
    assert comparison_markdown([]) == "No source of this run has a published number.\n"


def test_generated_languages_are_refused_in_plain_words(tmp_path):
    assert compare([table()], ALL, one_language(), generated=True) == []
    write_comparison([], tmp_path, "comparison", generated=True)
    assert REFUSAL in (tmp_path / "comparison.md").read_text(encoding="utf-8")
    with open(tmp_path / "comparison.csv", encoding="utf-8", newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert (row["comparable"], row["published"]) == ("no", "")


def test_the_files_hold_a_row_a_published_number(tmp_path):
    rows = compare([table()], ALL, one_language())
    write_comparison(rows, tmp_path, "comparison")
    with open(tmp_path / "comparison.csv", encoding="utf-8", newline="") as handle:
        assert len(list(csv.DictReader(handle))) == len(rows) > 200
    assert "| none | XNLI | accuracy | dev | 80.1 | 80.1 | +0.0 |" in (tmp_path / "comparison.md").read_text("utf-8")


def test_a_broken_published_file_is_refused(tmp_path):
    text = (FOLDER / "claims.csv").read_text(encoding="utf-8")
    (tmp_path / "claims.csv").write_text(text.replace(",8.2,", ",eight,"), encoding="utf-8")
    with pytest.raises(DataError, match=r"claims\.csv:2: found value 'eight'; expected a number"):
        read_published(tmp_path)
    (tmp_path / "claims.csv").write_text(text.replace(",report,", ",hearsay,", 1), encoding="utf-8")
    with pytest.raises(DataError, match="certainty 'hearsay'"):
        read_published(tmp_path)

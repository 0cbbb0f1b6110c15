"""The best source for each task: who is chosen on what, which numbers the rows take, and what they gain."""

import csv

import pytest
from reporting_examples import ROOT, frame, main_table, one_language, published, score_rows, v1_rows, v1_sources

from xstilts.reporting.aggregate import index_scores
from xstilts.reporting.main.best import ENGLISH, PAPER, Choice, choose
from xstilts.reporting.main.gains import best_rows, gain_sentences
from xstilts.reporting.published import benchmark_row, read_published
from xstilts.reporting.render import write_both
from xstilts.reporting.tables.best import COLUMNS, best_markdown

BENCHMARK = benchmark_row(read_published(ROOT / "resources/published"))


def chosen(rows, tasks, candidates, own_dev=None, retrieval_source="mnli", statistic="mean"):
    found = choose(index_scores(frame(rows), "m"), tasks, candidates, own_dev or {}, retrieval_source, statistic)
    return {rule: {task: choice.source for task, choice in by_task.items()} for rule, by_task in found.items()}, found


def test_the_papers_rule_on_its_first_versions_table():
    """The largest printed number of every column; QA counts the mean of F1 and exact match."""
    candidates = [source for source in v1_sources() if source != "none"]
    sources, choices = chosen(score_rows(v1_rows()), one_language(), candidates)
    plain = {task: source.replace("+", "-") for task, source in sources[PAPER].items()}
    assert plain == {
        "xnli": "hellaswag-mlm",
        "pawsx": "cosmosqa",
        "udpos": "anli-mlm",
        "panx": "qqp-mlm",
        "xquad": "squad",
        "mlqa": "squad",
        "tydiqa": "squad",
        "bucc2018": "hellaswag",
        "tatoeba": "qqp",
    }
    assert {task for task, choice in choices[PAPER].items() if choice.on_test} == {"xquad", "tydiqa", "tatoeba"}


TASKS = {name: {**one_language()[name], "languages": ["en", "de"]} for name in ("xnli", "xquad", "tatoeba")}


def example():
    """mnli is best in English, squad over both languages; only test scores of XQuAD and Tatoeba are there."""
    rows = []
    for source, english, german in (("none", 50, 50), ("mnli", 70, 50), ("squad", 60, 64)):
        for language, value in (("en", english), ("de", german)):
            rows += score_rows({(source, "xnli", "accuracy"): value}, language=language)
            rows += score_rows({(source, "xnli", "accuracy"): value - 5}, language=language, split="test")
            rows += score_rows({(source, "xquad", m): value for m in ("f1", "exact_match")}, language=language)
        rows += score_rows({(source, "tatoeba", "accuracy"): german}, language="de")
    return rows


def test_english_chooses_on_dev_and_without_one_on_what_the_training_was_evaluated_on():
    own_dev = {("mnli", "squad", 1): (40.0, 200), ("squad", "squad", 1): (41.0, 200)}
    sources, choices = chosen(example(), TASKS, ["mnli", "squad"], own_dev)
    assert sources[PAPER] == {"xnli": "squad", "xquad": "squad", "tatoeba": "squad"}
    assert sources[ENGLISH] == {"xnli": "mnli", "xquad": "squad", "tatoeba": "mnli"}
    assert choices[ENGLISH]["xquad"].scores == {"mnli": 40.0, "squad": 41.0}, "not the English test scores of XQuAD"
    assert not any(choice.on_test for choice in choices[ENGLISH].values())
    assert choices[ENGLISH]["tatoeba"].scores == {}, "fixed beforehand"


@pytest.mark.parametrize(("statistic", "best"), [("mean", "mnli"), ("median", "squad")])
def test_the_number_that_stands_for_the_seeds_chooses(statistic, best):
    rows = [
        row
        for seed, mnli, squad in ((1, 60, 64), (2, 60, 40), (3, 60, 70))  # means 60 and 58, medians 60 and 64
        for row in score_rows({("mnli", "xnli", "accuracy"): mnli, ("squad", "xnli", "accuracy"): squad}, seed=seed)
    ]
    tasks = {"xnli": one_language()["xnli"]}
    sources, choices = chosen(rows, tasks, ["mnli", "squad"], statistic=statistic)
    assert sources == {PAPER: {"xnli": best}, ENGLISH: {"xnli": best}}
    table = main_table(frame(rows), ["mnli", "squad"], tasks, statistic=statistic, choices=choices)
    shown = {row.source: row.columns["xnli"].value for row in table.rows}
    assert shown["best-paper"] == max(shown.values()) == choices[PAPER]["xnli"].scores[best]


@pytest.mark.parametrize(("statistic", "best"), [("mean", "mnli"), ("median", "squad")])
def test_english_examples_of_a_training_choose_by_the_same_number(statistic, best):
    scores = {"mnli": (60.0, 60.0, 60.0), "squad": (64.0, 40.0, 70.0)}
    own = {(name, "squad", seed): (score, 200) for name, found in scores.items() for seed, score in enumerate(found)}
    sources, _ = chosen(example(), TASKS, ["mnli", "squad"], own, statistic=statistic)
    assert sources[ENGLISH]["xquad"] == best


def test_a_source_that_lacks_a_language_is_not_chosen_and_the_first_of_equals_is():
    rows = [row for row in example() if row[1:5:3] != ["squad", "de"]]
    assert chosen(rows, TASKS, ["mnli", "squad"])[0][PAPER]["xnli"] == "mnli"
    equal = score_rows({("a", "xnli", "accuracy"): 50, ("b", "xnli", "accuracy"): 50})
    assert chosen(equal, {"xnli": one_language()["xnli"]}, ["b", "a"])[0][PAPER]["xnli"] == "b"


def test_languages_outside_the_expected_ones_do_not_choose():
    rows = example() + score_rows({("mnli", "xnli", "accuracy"): 99}, language="fr")
    assert chosen(rows, TASKS, ["mnli", "squad"])[0][PAPER]["xnli"] == "squad"


def table(rows, tasks, sources, choices, policy="test"):
    return main_table(frame(rows), sources, tasks, policy, choices=choices)


def test_the_row_takes_the_numbers_of_the_chosen_source_and_says_which():
    _, choices = chosen(example(), TASKS, ["mnli", "squad"])
    built = table(example(), TASKS, ["none", "mnli", "squad"], choices)
    paper = built.row("best-paper")
    assert [row.source for row in built.rows] == ["none", "mnli", "squad", "best-paper", "best-en"]
    assert paper.columns["xnli"].value == pytest.approx(12.0)  # (55 + 59) / 2 - 45
    assert paper.columns["xquad_em"] is built.row("squad").columns["xquad_em"]
    values = [paper.tasks[task].value for task in TASKS]
    assert paper.available.value == pytest.approx(sum(values) / 3)
    assert "selected on test" in "".join(built.marks["best-paper", "tatoeba"])
    assert ("best-paper", "xnli") not in built.marks
    assert "best-paper takes squad: xnli, xquad, tatoeba." in built.notes


def test_a_source_fixed_for_retrieval_that_the_run_lacks_leaves_cells_empty_with_the_reason():
    _, choices = chosen(example(), TASKS, ["mnli", "squad"], retrieval_source="qqp")
    built = table(example(), TASKS, ["none", "mnli", "squad"], choices)
    score = built.row("best-en").columns["tatoeba"]
    assert score.value is None and score.reason == "qqp, fixed beforehand, is not a source of this run"
    assert any("best-en: xquad, tatoeba" in note or "qqp, fixed beforehand" in note for note in built.notes)


def v1_test_rows(version, source):
    rows = [row for row in published("xtreme.csv") if row["version"] == version and row["source"] == source]
    return {(row["task"], row["metric"]): float(row["value"]) for row in rows if row["task"] != "avg"}


def gains(generated=False, encoder="XLM-R Large", tasks=None, intervals=()):
    """A run whose test scores are those that v1 prints for its baseline and for its best models."""
    version = "arXiv:2005.13013v1"
    scores = score_rows({("none", *key): value for key, value in v1_test_rows(version, "none").items()}, split="test")
    for source in ("mnli", "squad"):
        values = {(source, *key): value for key, value in v1_test_rows(version, "best-paper").items()}
        scores += score_rows(values, split="test")
        scores += score_rows({key: 50.0 for key in values if "dev" in one_language()[key[1]]["splits"]}, split="dev")
    tasks = tasks or one_language()
    _, choices = chosen(scores, tasks, ["mnli", "squad"])
    choices = {PAPER: choices[PAPER]}
    built = table(scores, tasks, ["none", "mnli", "squad"], choices)
    return best_rows(built, intervals, BENCHMARK, encoder, generated)


def test_the_gain_is_printed_over_the_runs_none_and_over_the_benchmark():
    """v1: 66.1 for its own XLM-R, 74.2 for its best models, 68.1 for the benchmark's XLM-R: +6.1 in its abstract."""
    bounds = {"lower": 73.0, "upper": 75.5, "diff_lower": 7.0, "diff_upper": 9.2}
    rows = gains(intervals=[{"source": PAPER, "column": "avg", **bounds}])
    (average,) = [row for row in rows if row["task"] == "avg"]
    assert average["score"] == pytest.approx(74.2, abs=0.051) and average["comparable"] == "yes"
    assert average["over_benchmark"] == pytest.approx(6.1, abs=0.051)
    few = gains(intervals=[{"source": PAPER, "column": "avg", **bounds, "seeds": "1"}])
    assert gain_sentences(few, BENCHMARK)[0].endswith("Not identified: fewer than three seeds.")
    (sentence,) = gain_sentences(rows, BENCHMARK)
    assert sentence == (
        "best-paper on test: average 74.2; +8.1 (+7.0 to +9.2) to none of this run; +6.1 (+4.9 to +7.4) to the "
        "benchmark's XLM-R Large (68.1, read in arXiv:2005.13013v1 quoting Hu et al. 2020)."
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"generated": True}, "generated languages"),
        ({"encoder": "mini"}, "another encoder: mini"),
        ({"tasks": {name: one_language()[name] for name in ("xnli", "tatoeba")}}, "ours lacks tasks or languages"),
    ],
)
def test_what_cannot_be_compared_with_the_benchmark_says_why(changes, reason):
    (row,) = [row for row in gains(**changes) if row["task"].startswith("avg")]
    assert (row["comparable"], row["reason"], row.get("over_benchmark")) == ("no", reason, None)
    (sentence,) = gain_sentences([row], BENCHMARK)
    assert f"not compared with the benchmark's XLM-R Large (68.1): {reason}." in sentence


def test_without_a_score_the_reason_is_its_own_and_not_that_nothing_is_compared():
    choices = {PAPER: {"xnli": Choice(None, "dev", reason="no source has a score to choose by")}}
    built = table(score_rows({("none", "xnli", "accuracy"): 50.0}), {"xnli": TASKS["xnli"]}, ["none"], choices)
    rows = best_rows(built, [], BENCHMARK, "XLM-R Large", True)
    assert gain_sentences(rows, BENCHMARK) == ["best-paper on test: no average (no task has a score)."]


def test_the_files(tmp_path):
    rows = gains()
    write_both(tmp_path, "best", COLUMNS, rows, best_markdown("a title", rows, BENCHMARK))
    page = (tmp_path / "best.md").read_text(encoding="utf-8")
    assert "| XQuAD F1 | mnli | test: no development set | test | 77.2 | +1.1 |" in page
    with open(tmp_path / "best.csv", encoding="utf-8", newline="") as handle:
        found = list(csv.DictReader(handle))
    assert [row["column"] for row in found if row["selected_on_test"] == "yes"] == [
        *("xquad_f1", "xquad_em", "tydiqa_f1", "tydiqa_em", "tatoeba")
    ]
    assert "less than two sources" in best_markdown("a title", [], BENCHMARK)

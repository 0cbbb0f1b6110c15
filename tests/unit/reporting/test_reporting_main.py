"""The main table says what the scores say: the paper's own numbers come out as printed, gaps are named."""

from collections import Counter
from pathlib import Path

import pytest
from reporting_examples import (
    REGISTRY,
    ROOT,
    frame,
    main_table,
    one_language,
    score_rows,
    v1_averages,
    v1_rows,
    v1_table,
    written,
)

from xstilts.artifacts import remember
from xstilts.reporting import run as run_module
from xstilts.reporting.aggregate import expected_languages, task_entries
from xstilts.reporting.main.notes import name_cells
from xstilts.reporting.main.results import lacking_candidates
from xstilts.reporting.main.write import main_csv, main_markdown
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import COLUMNS as LONG
from xstilts.reporting.scores import csv_text
from xstilts.reporting.tables import main as main_module

NUMBERS = "xnli,pawsx,udpos,panx,xquad_f1,xquad_em,mlqa_f1,mlqa_em,tydiqa_f1,tydiqa_em,bucc2018,tatoeba,avg"
COLUMNS = ["source", *NUMBERS.split(",")]


def test_the_first_versions_table_comes_out_as_printed():
    table = written(main_csv(v1_table()))
    assert list(next(iter(table.values()))) == COLUMNS
    values = v1_rows()
    for (source, task, metric), value in values.items():
        column = (
            task if len(REGISTRY[task]["metrics"]) == 1 else f"{task}_{'em' if metric == 'exact_match' else metric}"
        )
        base = 0.0 if source == "none" else values["none", task, metric]
        assert float(table[source][column]) == pytest.approx(value - base, abs=1e-4)
    for source, printed in v1_averages().items():
        if source == "qqp+mlm":  # printed +5.1, the nine tasks give +7.1
            assert float(table[source]["avg"]) == pytest.approx(7.1, abs=0.051)
        else:
            assert float(table[source]["avg"]) == pytest.approx(printed, abs=0.061)


def test_means_over_languages_come_before_the_task_score():
    tasks = {"xquad": {**REGISTRY["xquad"], "languages": ["en", "de"]}}
    rows = score_rows({("none", "xquad", "f1"): 80.0, ("none", "xquad", "exact_match"): 60.0})
    rows += score_rows({("none", "xquad", "f1"): 40.0, ("none", "xquad", "exact_match"): 20.0}, language="de")
    row = main_table(frame(rows), ["none"], tasks).row("none")
    assert row.columns["xquad_f1"].value == 60
    assert row.columns["xquad_em"].value == 40
    assert row.tasks["xquad"].value == 50
    assert row.available.value == 50
    assert row.average.value is None


@pytest.mark.parametrize(("statistic", "expected"), [("mean", 8.0), ("median", 4.0)])
def test_seeds_by_mean_or_median(statistic, expected):
    rows = []
    for seed, gain in ((1, 2.0), (2, 4.0), (3, 18.0)):
        rows += score_rows({("none", "xnli", "accuracy"): 50.0, ("mnli", "xnli", "accuracy"): 50 + gain}, seed=seed)
    table = main_table(frame(rows), ["none", "mnli"], one_language(), statistic=statistic)
    score = table.row("mnli").columns["xnli"]
    assert score.value == pytest.approx(expected)
    assert score.by_seed == pytest.approx((2, 4, 18))


@pytest.mark.parametrize(("statistic", "says"), [("mean", "the mean"), ("median", "the median of the seeds' means")])
def test_the_score_of_question_answering_is_what_the_note_says(statistic, says):
    """Medians of the columns, 80 and 70, do not give the task's: the seeds' means are 60, 80 and 85."""
    rows = []
    for seed, (f1, match) in enumerate([(60.0, 60.0), (90.0, 70.0), (80.0, 90.0)], 1):
        rows += score_rows({("none", "xquad", "f1"): f1, ("none", "xquad", "exact_match"): match}, seed)
    table = main_table(frame(rows), ["none"], one_language(), statistic=statistic)
    row = table.row("none")
    columns = row.columns["xquad_f1"].value, row.columns["xquad_em"].value
    assert (row.tasks["xquad"].value == pytest.approx(sum(columns) / 2)) is (statistic == "mean")
    assert any(f"a question answering task counts as {says} of F1 and exact match," in note for note in table.notes)


def test_a_difference_covers_the_languages_and_seeds_that_both_have():
    tasks = {"xnli": {**REGISTRY["xnli"], "languages": ["en", "de", "sw"]}}
    cell = ("none", "xnli", "accuracy")
    rows = []
    for seed in (1, 2):
        for language, value in (("en", 90.0), ("de", 80.0), ("sw", 10.0)):
            rows += score_rows({cell: value}, seed=seed, language=language)
    rows += score_rows({("mnli", "xnli", "accuracy"): 92.0}, seed=2)
    rows += score_rows({("mnli", "xnli", "accuracy"): 84.0}, seed=2, language="de")
    table = main_table(frame(rows), ["none", "mnli"], tasks)
    score = table.row("mnli").columns["xnli"]
    assert score.value == pytest.approx(3.0)
    assert (score.seeds, score.languages, score.complete) == ((2,), ("de", "en"), False)
    assert "3.0°" in main_markdown(table)
    assert "° mnli (every task): 2 of 3 languages (without sw: not in this run)." in table.notes
    assert "° mnli (every task): 1 of 2 seeds." in table.notes


def test_an_unfinished_run_keeps_every_row_and_column():
    values = {
        ("none", "xnli", "accuracy"): 60.0,
        ("none", "tatoeba", "accuracy"): 30.0,
        ("mnli", "xnli", "accuracy"): 61.0,
    }
    rows = score_rows(values)
    rows.append(
        ["m", "qqp", "mnli", "xnli", "en", "dev", "accuracy", 1, None, None, "missing", "QQP is not in the mirror"]
    )
    table = main_table(frame(rows), ["none", "mnli", "qqp"], one_language())
    parsed = written(main_csv(table))
    assert list(parsed) == ["none", "mnli", "qqp"]
    assert list(parsed["none"]) == [*COLUMNS, "avg_available"]
    assert [parsed["mnli"][name] for name in ("xnli", "tatoeba", "avg", "avg_available")] == ["1.0", "", "", "1.0"]
    assert float(parsed["none"]["avg_available"]) == 45
    assert set(parsed["qqp"].values()) == {"qqp", ""}
    text = main_markdown(table)
    assert "| mnli | +1.0 | – |" in text
    assert "– xnli (qqp): QQP is not in the mirror." in text
    assert "mean over 2 of the nine tasks (xnli, tatoeba)" in text


@pytest.mark.parametrize("there", [False, True])
def test_a_note_stays_short_where_each_language_has_a_reason_of_its_own(there):
    languages = ["de", "fr", "sw", "th", "tr"]
    tasks = {"xnli": {**REGISTRY["xnli"], "languages": ["en", *languages]}}
    rows = score_rows({("none", "xnli", "accuracy"): 60.0}) if there else []
    for language in languages:
        why = f"{language}: its file has {len(rows)} lines too many"
        rows.append(["m", "none", "mnli", "xnli", language, "dev", "accuracy", 1, None, None, "missing", why])
    (note,) = [note for note in main_table(frame(rows), ["none"], tasks).notes if "too many" in note]
    assert "de: its file" in note and "fr: its file" in note and "sw: its file" not in note
    assert "; and 3 further reasons, in scores.csv" in note


def test_a_source_without_a_baseline_score_is_explained():
    table = main_table(frame(score_rows({("mnli", "xnli", "accuracy"): 61.0})), ["none", "mnli"], one_language())
    score = table.row("mnli").columns["xnli"]
    assert score.value is None
    assert score.reason == "no score of none on the same languages to compare with (its own score is 61.0)"


def test_without_none_among_the_sources_rows_are_absolute():
    table = main_table(frame(score_rows({("mnli", "xnli", "accuracy"): 61.0})), ["mnli"], one_language())
    assert table.row("mnli").columns["xnli"].value == 61
    assert "All rows are absolute" in "".join(table.notes)
    assert "| mnli | 61.0 |" in main_markdown(table)


def test_a_note_names_what_most_rows_share_once():
    sources = ["none", "mnli", "squad", "squad2", "csqa", "best-paper"]
    tasks = ["xnli", "panx", "tydiqa"]
    named = {(source, task) for source in sources for task in ("panx", "tydiqa")}
    assert name_cells(named, sources, tasks) == "panx, tydiqa (every source)"
    assert name_cells({("none", "panx")} | {("mnli", task) for task in tasks}, sources, tasks) == (
        "mnli (every task); panx (none)"
    )
    few = {(source, "xnli") for source in sources[:-1]} | {(source, "panx") for source in sources}
    assert name_cells(few, sources, tasks) == "xnli (every source but best-paper); panx (every source)"


def test_collapsed_trainings_are_marked_and_counted():
    rows = []
    for seed in (1, 2, 3):
        rows += score_rows({("none", "xnli", "accuracy"): 60.0, ("mnli", "xnli", "accuracy"): 62.0}, seed=seed)
    rows[3][10] = "collapsed"
    table = main_table(frame(rows), ["none", "mnli"], one_language())
    assert table.row("mnli").columns["xnli"].collapsed == 1
    assert "| mnli | +2.0! |" in main_markdown(table)
    assert "! trainings that collapsed to one class on English dev: xnli (mnli): 1 of 3 seeds." in table.notes
    rows[1][10] = "not learned"
    notes = main_table(frame(rows), ["none", "mnli"], one_language()).notes
    assert "! trainings that learned nothing, or go on from one that did not: xnli (mnli): 1 of 3 seeds." in notes
    assert main_csv(table).splitlines()[2].startswith("mnli,2.0,")


def test_differences_to_a_row_whose_training_failed_are_marked_as_its_own_cell_is():
    rows = []
    for seed in (1, 2, 3):
        rows += score_rows({("none", "xnli", "accuracy"): 86.0, ("mnli", "xnli", "accuracy"): 87.0}, seed=seed)
    rows[0][10] = "collapsed"
    table = main_table(frame(rows), ["none", "mnli"], one_language())
    text = main_markdown(table)
    assert "| none | 86.0! |" in text and "| mnli | +1.0! |" in text
    assert "! trainings that collapsed to one class on English dev: xnli (none): 1 of 3 seeds." in table.notes
    assert "! on xnli in every other row too: the training of none that it is compared with." in table.notes
    assert table.row("mnli").columns["xnli"].failed == 0, "its own training did not"


def test_examples_that_chose_a_checkpoint_and_are_scored_are_named_below_the_table_of_their_split():
    chosen = {("xnli", "dev"): "xnli 500 of 2,490 examples (en)", ("pawsx", "test"): "pawsx 7 of 9 examples (en)"}
    dev = v1_table(chosen_on=chosen)
    (note,) = [note for note in dev.notes if "were chosen on" in note]
    assert note.endswith("scored here (selection.recipe: clean avoids it): xnli 500 of 2,490 examples (en).")
    assert not any("were chosen on" in note for note in v1_table().notes)


def test_significance_needs_three_seeds():
    clear = {"table": "main", "source": "squad", "task": "xnli", "metric": "accuracy", "p_holm": 0.01}
    noisy = clear | {"source": "mnli", "p_holm": 0.06}
    assert v1_table(intervals=[clear, noisy]).significant == frozenset()
    assert "fewer than three seeds, uncertainty: item sampling only" in main_markdown(v1_table())
    rows = [row for seed in (1, 2, 3) for row in score_rows(v1_rows(), seed=seed)]
    table = v1_table(scores=frame(rows), intervals=[clear, noisy, clear | {"table": "main_test", "source": "qqp"}])
    assert table.significant == {("squad", "xnli")}
    assert "| squad | -1.4\\* |" in main_markdown(table)
    assert "item sampling only" not in main_markdown(table)


def test_the_test_table_shows_test_where_there_is_one():
    rows = score_rows({("none", "xnli", "accuracy"): 60.0, ("none", "xquad", "f1"): 50.0})
    rows += score_rows({("none", "xnli", "accuracy"): 58.0}, split="test")
    rows += score_rows({("none", "xquad", "exact_match"): 40.0})
    dev, test = (main_table(frame(rows), ["none"], one_language(), policy) for policy in ("dev", "test"))
    assert dev.row("none").columns["xnli"].value == 60
    assert test.row("none").columns["xnli"].value == 58
    assert dev.row("none").columns["xquad_f1"].value == test.row("none").columns["xquad_f1"].value == 50
    assert dev.notes[0].startswith("Development sets: xnli, pawsx, udpos, panx, mlqa, bucc2018; test (no dev split): ")
    assert test.notes[0].startswith("Test sets: ")


def test_training_files_stand_in_where_the_official_split_has_no_labels():
    cells = {("none", "tydiqa", "f1"): 30.0, ("none", "tydiqa", "exact_match"): 20.0}
    rows = score_rows(cells, split="train", language="ko")
    rows.append(["m", "none", "tydiqa", "tydiqa", "ko", "test", "f1", 1, None, None, "missing", "answers are stripped"])
    tasks = {"tydiqa": {**REGISTRY["tydiqa"], "languages": ["en", "ko"]}}
    table = main_table(frame(rows), ["none"], tasks)
    assert table.row("none").columns["tydiqa_f1"].value == 30
    assert "train files (the official split has no labels here): tydiqa" in table.notes[0]
    assert not table.row("none").columns["tydiqa_f1"].complete


def test_languages_outside_the_list_are_named_and_not_averaged():
    rows = score_rows({("none", "xnli", "accuracy"): 60.0})
    rows += score_rows({("none", "xnli", "accuracy"): 0.0}, language="qaa")
    table = main_table(frame(rows), ["none"], one_language())
    assert table.row("none").columns["xnli"].value == 60
    assert any("xnli: qaa" in note for note in table.notes)


def test_languages_beside_the_headline_have_a_column_of_their_own():
    rows = []
    for language, none, mnli in (("en", 80, 84), ("qaa", 60, 62), ("qaf", 40, 30)):
        values = {("none", "xnli", "accuracy"): none, ("mnli", "xnli", "accuracy"): mnli}
        rows += score_rows(values, language=language)
    tasks = {"xnli": {**REGISTRY["xnli"], "languages": ["en", "qaa"]}}
    table = main_table(frame(rows), ["none", "mnli"], tasks, headline=["en", "qaa"])
    parsed = written(main_csv(table))
    assert list(parsed["none"]) == ["source", "xnli", "avg", "avg_available", "avg_other"]
    assert [float(parsed["none"][name]) for name in ("xnli", "avg_other")] == [70, 40]
    assert [float(parsed["mnli"][name]) for name in ("xnli", "avg_other")] == [3, -10]
    assert table.row("mnli").columns["xnli"].complete
    assert any("avg_other is the mean over tasks in qaf" in note for note in table.notes)


def test_registry_entries_are_the_benchmarks_or_the_runs():
    entries = task_entries()
    assert [len(entries[name]["languages"]) for name in ("xnli", "udpos", "panx", "tatoeba")] == [15, 33, 40, 36]
    assert len(expected_languages(entries["udpos"], "dev")) == 29
    generated = task_entries({"xnli": ["en", "qaa"]})
    assert generated["xnli"]["languages"] == ["en", "qaa"]
    assert generated["pawsx"] == entries["pawsx"]


def test_several_models_get_a_table_each():
    rows = score_rows({("none", "xnli", "accuracy"): 60.0}) + score_rows(
        {("none", "xnli", "accuracy"): 50.0}, model="org/big"
    )
    big = main_table(frame(rows), ["none"], one_language(), model="org/big")
    assert big.row("none").columns["xnli"].value == 50
    stems = [RunFolder({"models": models}, ROOT, ROOT).stem("main", models[-1]) for models in (["m"], ["m", "org/big"])]
    assert stems == ["main", "main_org--big"]


def test_a_runs_results_are_read_once(tmp_path, monkeypatch):
    """Both tables, the best sources and what they gain come from one reading of each file."""
    folder, calls = tmp_path / "tables", Counter()

    def count(module, name):
        whole = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, **named: calls.update([name]) or whole(*given, **named))

    for name in ("read_scores", "read_trainings", "index_scores"):
        count(run_module, name)
    count(main_module, "build_main_table")
    folder.mkdir()
    rows = score_rows({(s, "xnli", "accuracy"): 50 + len(s) for s in ("none", "mnli", "squad")})
    (folder / "scores.csv").write_text(csv_text(frame(rows).to_dict("records"), LONG), encoding="utf-8")
    settings = {
        **{
            "benchmark": "xtreme",
            "models": ["m"],
            "sources": ["none", "mnli", "squad"],
            "candidates": ["mnli", "squad"],
            "targets": [],
        },
        **{"languages": {"xnli": ["en"]}, "generated": False, "headline": [], "seeds": [1], "statistic": "mean"},
        **{
            "mixtures": {},
            "translated": [],
            "with_text": [],
            "rests_on": {"none": [], "mnli": [["mnli", "none"]], "squad": [["squad", "none"]]},
            "limit": None,
            "blocks": {},
            "retrieval_source": "mnli",
            "retrieval": None,
        },
        **{"recipe": "paper, 1 setting changed", "changed": ["target.sets.mnli.epochs 2 -> 1"]},
        **{"trained_on": {}, "text_length": None, "data": str(tmp_path)},
    }
    main_module.table_main(run_module.RunFolder(settings, tmp_path, folder))
    text = (folder / "main.md").read_text(encoding="utf-8")
    assert "best-paper takes squad: xnli." in text
    assert "\nRecipe: paper, 1 setting changed: target.sets.mnli.epochs 2 -> 1.\n" in text
    assert calls == {"read_scores": 1, "read_trainings": 1, "index_scores": 1, "build_main_table": 2}


def test_a_search_without_the_candidates_of_some_languages_is_named(tmp_path: Path) -> None:
    told = {"key": "k", "digest": "d", "files": {}, "results": {}}
    for code, reason in (("de", None), ("el", "targets/lareqa/el.json is not there"), ("vi", "vi.json is not there")):
        remember(tmp_path / f"lareqa-candidates/{code}/manifest.json", told | {"reason": reason})
    assert lacking_candidates(["xnli", "lareqa", "mewslix"], tmp_path) == [
        "lareqa is searched among candidates in 1 of 3 languages (without el, vi: targets/lareqa/el.json is not there, "
        "and so on for 1 more), which makes it easier."
    ]
    remember(tmp_path / "lareqa-candidates/de/manifest.json", told | {"reason": "de.json is not there"})
    assert lacking_candidates(["lareqa"], tmp_path) == [], "the cells say themselves why they are empty"


def test_nine_tasks_that_lack_a_language_have_no_average():
    tasks = one_language()
    tasks["xnli"] = {**tasks["xnli"], "languages": ["en", "de"]}
    found = written(main_csv(v1_table(tasks=tasks)))
    assert found["squad"]["avg"] == "" and float(found["squad"]["avg_available"]) == pytest.approx(8.3, abs=0.051)
    whole = [*score_rows(v1_rows()), *score_rows(v1_rows(), language="de")]
    assert written(main_csv(v1_table(tasks=tasks, scores=frame(whole))))["squad"]["avg"] != ""


def test_a_difference_that_rounds_to_nothing_has_no_sign():
    values = {("none", "xnli", "accuracy"): 50.0, ("mnli", "xnli", "accuracy"): 50.0 - 1e-9}
    tasks = {"xnli": one_language()["xnli"]}
    assert written(main_csv(main_table(frame(score_rows(values)), ["none", "mnli"], tasks)))["mnli"]["xnli"] == "0.0"

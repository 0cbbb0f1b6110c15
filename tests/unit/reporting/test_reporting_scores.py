"""Score files become one long table; what is expected and not there stays a row with its reason."""

import pytest
from planted_studies import plant

from xstilts.errors import DataError
from xstilts.reporting.failures import unclear_trainings
from xstilts.reporting.scores import (
    COLUMNS,
    Cell,
    collect_scores,
    leftover_files,
    read_scores,
    write_scores,
)
from xstilts.reporting.tables.scores import collect_scores as collect_of_run
from xstilts.scoring import score_file

TASKS = {
    "xnli": {"metrics": ["accuracy"], "splits": ["dev", "test"], "languages": ["en", "de"]},
    "xquad": {"metrics": ["f1", "exact_match"], "splits": ["test"], "languages": ["en"]},
    "udpos": {"metrics": ["f1"], "splits": ["dev", "test"], "languages": ["kk"], "absent": {"dev": ["kk"]}},
}


def put(folder, cell, splits, reason=None):
    path = cell.path(folder)
    filled = {
        split: {"metrics": metrics, "examples": 10, "extra": {}, "items": {}} for split, metrics in splits.items()
    }
    content = {"task": cell.task, "language": cell.language, "splits": filled, "reason": reason}
    score_file.write_scores(path, content)


def short(rows):
    return [(row["task"], row["language"], row["split"], row["metric"], row["value"], row["status"]) for row in rows]


def test_every_expected_cell_is_a_row(tmp_path):
    cells = [
        Cell("m", "none", "mnli", 1, "xnli", "en"),
        Cell("m", "none", "mnli", 1, "xnli", "de"),
        Cell("m", "none", "squad", 1, "xquad", "en"),
        Cell("m", "none", "udpos", 1, "udpos", "kk"),
    ]
    put(tmp_path, cells[0], {"dev": {"accuracy": 70.25}, "test": {"accuracy": 69}})
    put(tmp_path, cells[2], {"test": {"f1": 55.5, "exact_match": 40.0}})
    put(tmp_path, cells[3], {"test": {"f1": 12.5}})
    rows = collect_scores(tmp_path, cells, TASKS)
    assert short(rows) == [
        ("xnli", "en", "dev", "accuracy", 70.25, "ok"),
        ("xnli", "en", "test", "accuracy", 69.0, "ok"),
        ("xnli", "de", "dev", "accuracy", None, "missing"),
        ("xnli", "de", "test", "accuracy", None, "missing"),
        ("xquad", "en", "test", "f1", 55.5, "ok"),
        ("xquad", "en", "test", "exact_match", 40.0, "ok"),
        ("udpos", "kk", "test", "f1", 12.5, "ok"),
    ]
    assert {row["reason"] for row in rows if row["status"] == "missing"} == {"not run yet"}


def test_reasons_and_collapse_are_kept(tmp_path):
    cells = [
        Cell("m", "qqp", "mnli", 1, "xnli", "en"),
        Cell("m", "none", "mnli", 1, "xnli", "en"),
        Cell("m", "none", "mnli", 2, "xnli", "en"),
    ]
    put(tmp_path, cells[0], {}, reason="QQP cannot be had")
    put(tmp_path, cells[1], {"dev": {"accuracy": 33.3}})
    put(tmp_path, cells[2], {}, reason="labels are not in the mirror")
    rows = collect_scores(
        tmp_path,
        cells,
        TASKS,
        failures={("m", "none", "mnli", 1): ("collapsed", "one class on English dev")},
    )
    by_cell = {(row["source"], row["seed"], row["split"]): (row["status"], row["reason"]) for row in rows}
    assert by_cell["qqp", 1, "dev"] == ("missing", "QQP cannot be had")
    assert by_cell["none", 1, "dev"] == ("collapsed", "one class on English dev")
    assert by_cell["none", 1, "test"] == ("missing", "no labelled test rows for en")
    assert by_cell["none", 2, "dev"] == ("missing", "labels are not in the mirror")


def test_a_source_that_learned_nothing_marks_all_that_goes_on_from_it(tmp_path):
    cells = [Cell("m", "mnli", "mnli", seed, "xnli", "en") for seed in (1, 2)]
    for cell in cells:
        put(tmp_path, cell, {"dev": {"accuracy": 60.0}, "test": {"accuracy": 60.0}})
    failures = {("m", "mnli", "none", 1): ("not learned", "mnli: loss 1.099")}
    rows = [row for row in collect_scores(tmp_path, cells, TASKS, failures) if row["split"] == "dev"]
    assert [(row["status"], row["reason"]) for row in rows] == [
        ("not learned", "its source is not learned: mnli: loss 1.099"),
        ("ok", ""),
    ]


def test_a_training_that_may_have_learned_nothing_is_named():
    dev = {"learned": "unclear", "loss": 1.065, "entropy": 1.098, "score": 46.7, "bound": 38.3}
    one = {"model": "m", "source": "none", "target": "mnli", "seed": 2, "results": {"learned": "unclear"}}
    one["results"]["dev"] = {"mnli": dev}
    (said,) = unclear_trainings([one, {**one, "results": {"learned": "yes", "dev": {"mnli": dev}}}])
    assert said.startswith("m/none/mnli/2 may have learned nothing: mnli: loss 1.065")


def test_a_link_of_a_chain_and_the_base_of_a_few_shots_mark_what_goes_on_from_them(tmp_path):
    cells = [Cell("m", source, "mnli", 1, "xnli", "en") for source in ("a-then-b", "c+5shots", "c")]
    for cell in cells:
        put(tmp_path, cell, {"dev": {"accuracy": 60.0}, "test": {"accuracy": 60.0}})
    rests_on = {
        "a-then-b": [["a", "none"], ["a-then-b", "none"]],
        "c+5shots": [["c", "none"], ["c", "target"]],
        "c": [["c", "none"]],
    }
    failures = {("m", "a", "none", 1): ("not learned", "why a"), ("m", "c", "mnli", 1): ("collapsed", "why c")}
    rows = collect_scores(tmp_path, cells, TASKS, failures, rests_on)
    found = {row["source"]: (row["status"], row["reason"]) for row in rows if row["split"] == "dev"}
    assert found == {
        "a-then-b": ("not learned", "a is not learned: why a"),
        "c+5shots": ("not learned", "c is collapsed: why c"),
        "c": ("collapsed", "why c"),
    }


def test_a_split_of_its_own_is_kept_and_the_official_one_named(tmp_path):
    cell = Cell("m", "none", "squad", 1, "xquad", "en")
    put(tmp_path, cell, {"train": {"f1": 1.0, "exact_match": 0.5}})
    rows = collect_scores(tmp_path, [cell], TASKS)
    assert {(row["split"], row["status"]) for row in rows} == {("test", "missing"), ("train", "ok")}


@pytest.mark.parametrize("value", [float("nan"), None, "70"])
def test_a_score_that_is_no_number_is_refused(tmp_path, value):
    cell = Cell("m", "none", "mnli", 1, "xnli", "en")
    put(tmp_path, cell, {"dev": {"accuracy": value}})
    with pytest.raises(DataError, match=r"en\.json: found accuracy of .* expected a finite number"):
        collect_scores(tmp_path, [cell], TASKS)


def test_a_file_of_another_cell_is_refused(tmp_path):
    right, wrong = Cell("m", "none", "mnli", 1, "xnli", "en"), Cell("m", "none", "mnli", 1, "xnli", "de")
    put(tmp_path, right, {"dev": {"accuracy": 1.0}})
    right.path(tmp_path).rename(wrong.path(tmp_path))
    with pytest.raises(DataError, match="scores of xnli en; expected those of xnli de"):
        collect_scores(tmp_path, [wrong], TASKS)


def test_leftovers_are_named(tmp_path):
    cells = [Cell("m", "none", "mnli", 1, "xnli", name) for name in ("en", "de")]
    for cell in cells:
        put(tmp_path, cell, {"dev": {"accuracy": 1.0}})
    assert leftover_files(tmp_path, cells[:1]) == [cells[1].path(tmp_path)]


def test_the_csv_reads_back_and_is_the_same_bytes_twice(tmp_path):
    cell = Cell("m", "none", "mnli", 1, "xnli", "en")
    put(tmp_path, cell, {"dev": {"accuracy": 100 * 2 / 3}})
    for name in ("a.csv", "b.csv"):
        write_scores(tmp_path / name, collect_scores(tmp_path, [cell], TASKS), "throughput")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    frame = read_scores(tmp_path / "a.csv")
    assert list(frame.columns) == list(COLUMNS)
    assert frame["value"][0] == 100 * 2 / 3
    assert frame["value"].isna().tolist() == [False, True]
    assert frame["source"][0] == "none"
    assert frame["recipe"].tolist() == ["throughput"] * 2


def test_a_csv_without_a_column_is_refused(tmp_path):
    (tmp_path / "scores.csv").write_text("model,source\nm,none\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column target"):
        read_scores(tmp_path / "scores.csv")


def test_items_are_read_of_the_files_that_were_collected_and_of_no_others(tmp_path):
    run = plant(tmp_path, "robustness", {})
    known, later, *_ = run.cells()
    kept = later.path(run.folder / "scores").rename(tmp_path / "later.json")
    collect_of_run(run)
    scored = run.scored(known)
    assert scored is not None and scored["language"] == known.language and scored["splits"]["test"]["items"]["unit"]

    kept.rename(later.path(run.folder / "scores"))
    assert run.scored(later) is None, "scores.csv has nothing of it"

    path = known.path(run.folder / "scores")
    score_file.write_scores(path, {name: value for name, value in scored.items() if name != "seal"} | {"reason": "new"})
    with pytest.raises(DataError, match=r"other scores than those of scores\.csv") as error:
        run.scored(known)
    assert str(path) in str(error.value)

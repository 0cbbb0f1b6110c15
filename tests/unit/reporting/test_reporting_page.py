"""The first sentences of a run's page: made from its tables, with no verdict that claims and marks do not allow."""

import json
import re

import pytest
from reporting_examples import frame, main_table, one_language, score_rows, v1_rows
from test_reporting_claims import NINE, NOISE, runs

from xstilts.files import write_text
from xstilts.reporting.claims import Claim, gain
from xstilts.reporting.judging import judge
from xstilts.reporting.main.write import write_main_table
from xstilts.reporting.page.answer import answer, decided, lacking, measured
from xstilts.reporting.page.costs import costs
from xstilts.reporting.page.main_table import read_main
from xstilts.reporting.run import INTERVAL_NUMBERS, RunFolder, read_numbers
from xstilts.reporting.scores import csv_text
from xstilts.reporting.tables.claims import COLUMNS

SOURCES = ("none", "qqp", "squad", "ccg")
CANDIDATES = SOURCES[1:]
INTERVALS = ("table", "model", "source", "task", "metric", "baseline", *INTERVAL_NUMBERS, "method", "seeds", "units")
WELL = {"trainings": 12, "collapsed": 0, "not learned": 0}


def page_of(folder, seeds=(1,), sources=SOURCES, lacking=(), failed=(), intervals=()):
    """A main table of the paper's first version, written and read back; ``failed`` are (source, task, status)."""
    values = {cell: value for cell, value in v1_rows().items() if cell[0] in sources and cell[:2] not in lacking}
    rows = [row for seed in seeds for row in score_rows(values, seed)]
    states = {(source, task): status for source, task, status in failed}
    rows = [[*row[:10], states.get((row[1], row[3]), "ok"), *row[11:]] for row in rows]
    found = [{"table": "main", "model": "m", "baseline": "none", "units": 500, **row} for row in intervals]
    table = main_table(frame(rows), sources, one_language(), intervals=found_as_read(folder, found))
    write_main_table(table, folder, "main")
    settings = {
        "benchmark": "xtreme",
        "models": ["m"],
        "generated": False,
        "languages": {task: ["en"] for task in NINE},
    }
    return read_main(RunFolder(settings, folder, folder), "m")


def found_as_read(folder, rows):
    write_text(folder / "intervals.csv", csv_text(rows, INTERVALS))
    return read_numbers(folder / "intervals.csv", INTERVAL_NUMBERS)


def average(source, value, lower, upper, p, seeds=3):
    """The row of ``intervals.csv`` of a source's average."""
    bounds = {"difference": value, "diff_lower": lower, "diff_upper": upper, "p": p, "p_holm": p, "value": 70.0}
    return {"source": source, "task": "avg", "metric": "mean", "method": "items and seeds", "seeds": seeds, **bounds}


def claim_rows(folder, mnli, seeds=(1, 2, 3)):
    """Two claims as a run decides and writes them: of MNLI, whose gain is ``mnli``, and of a source without a row."""
    cells = runs({(name, task): 60.0 + mnli * (name == "mnli") for name in ("none", "mnli") for task in NINE}, 1, seeds)
    claims = [
        Claim("MNLI raises the average", "mnli minus none", {"mnli minus none": gain("mnli", NINE)}),
        Claim("Nine tasks together (multi) raise the average", missing="multi is not a row of this run"),
    ]
    write_text(folder / "claims.csv", csv_text([judge(claim, cells, NOISE) for claim in claims], COLUMNS))
    return read_numbers(folder / "claims.csv", ("estimate", "lower", "upper", "reported"))


def test_of_one_seed_no_source_gets_a_verdict(tmp_path):
    page = page_of(tmp_path, intervals=[average("qqp", 5.0, 4.0, 6.0, 0.001, seeds=1)])
    sentences = answer(page, CANDIDATES, claim_rows(tmp_path, 5.0, (1,)), WELL, {"ok": 40})
    assert len(sentences) == 3
    assert "there is no verdict about a source: every claim is not identified" in sentences[1]
    assert not any(word in " ".join(sentences) for word in ("hold", "best", "clear of", "raises")), sentences


def test_the_numbers_are_those_of_the_table_and_its_intervals(tmp_path):
    page = page_of(tmp_path, intervals=[average("squad", 0.8, -0.2, 1.8, 0.2)])
    shown = {source: row["avg"] for source, row in page.values.items()}
    low, high = sorted(CANDIDATES, key=shown.__getitem__)[::2]
    said = measured(page, CANDIDATES)
    assert said.startswith(f"On average of the nine tasks (development sets), none scores {shown['none']:.1f}, ")
    assert f"the 3 English sources lie between {low} {shown[low]:+.1f}" in said and f"{high} {shown[high]:+.1f}" in said
    assert "squad" in (low, high) and f"squad {shown['squad']:+.1f} (-0.2 to +1.8)" in said
    hover = next(row for row in page.rows() if row["source"] == "squad")["cells"][-1]["hover"]
    assert "95 % interval -0.2 to +1.8: items and seeds, seeds: 3, units: 500" in hover and "p 0.200" in hover


def test_of_three_seeds_a_claim_that_holds_and_a_mark_are_named(tmp_path):
    page = page_of(tmp_path, (1, 2, 3), intervals=[average("qqp", 5.0, 4.0, 6.0, 0.001)])
    said = decided(page, claim_rows(tmp_path, 5.0))
    assert said.startswith("Of 2 claims about the paper, 1 holds: “MNLI raises the average” (+5.0, +4.3 to +5.6), ")
    assert "0 fail, and 1 is not identified; " in said and "of the averages, qqp (" in said
    assert "stands clear of none after Holm's correction (*)" in said


def test_two_marks_stand_clear(tmp_path):
    page = page_of(tmp_path, (1, 2, 3), intervals=[average(name, 5.0, 4.0, 6.0, 0.001) for name in ("qqp", "squad")])
    said = decided(page, claim_rows(tmp_path, 5.0))
    assert re.search(r"of the averages, qqp \(\S+\), squad \(\S+\) stand clear of none", said)


@pytest.mark.parametrize(("gain", "words"), [(0.0, "0 hold, 0 fail, and 2"), (-5.0, "0 hold, 1 fails: “MNLI raises")])
def test_what_does_not_hold_is_not_said_to(tmp_path, gain, words):
    page = page_of(tmp_path, (1, 2, 3))
    said = decided(page, claim_rows(tmp_path, gain))
    assert words in said and "no average stands clear" in said


def test_a_row_that_failed_or_lacks_cells_is_not_counted_and_named(tmp_path):
    page = page_of(tmp_path, failed=[("qqp", "panx", "collapsed")], lacking=[("ccg", "tydiqa")])
    said = measured(page, CANDIDATES)
    assert f"and squad {page.values['squad']['avg_available']:+.1f} points to it" in said
    assert said.endswith("; not counted, for trainings that failed or cells that lack: qqp, ccg.")


def test_without_a_sound_row_none_nothing_is_compared(tmp_path):
    failed = measured(page_of(tmp_path, failed=[("none", "udpos", "not learned")]), CANDIDATES)
    assert failed.endswith("rests on trainings that failed (!): no difference to it says what a source adds.")
    alone = measured(page_of(tmp_path, sources=CANDIDATES), CANDIDATES)
    assert alone == "No source is compared: none, the row to compare with, is not part of this run."


def test_a_half_finished_run_says_what_it_lacks(tmp_path):
    page = page_of(tmp_path, (1, 2, 3), lacking=[(name, task) for name in SOURCES[1:] for task in NINE])
    sentences = answer(page, CANDIDATES, [], {**WELL, "trainings": 3}, {"ok": 9, "missing": 27})
    assert "no source can be set beside it" in sentences[0] and "qqp, squad, ccg" in sentences[0]
    assert sentences[1] == "No claim is decided yet."
    assert sentences[2] == "No training of 3 is known to have failed, and 27 of 36 scores are missing."
    nothing = page_of(tmp_path, lacking=[(name, task) for name in SOURCES for task in NINE])
    assert measured(nothing, CANDIDATES) == "No source is compared: none has no score yet."


def test_trainings_that_failed_are_counted():
    said = lacking({"trainings": 12, "collapsed": 2, "not learned": 1}, {"ok": 30, "collapsed": 4, "missing": 2})
    assert said.startswith("Of 12 trainings 2 collapsed to one class and 1 learned nothing; 2 of 36 scores are missing")
    said = lacking({"trainings": 12, "collapsed": 1, "not learned": 0, "of a control": 1}, {"ok": 36})
    assert said.startswith("Of 12 trainings 1 collapsed to one class (1 of them of a control with permuted labels); no")


def test_what_was_planned_stands_beside_what_was_measured(tmp_path):
    for place, rule, seconds in (
        ("models/m/none/mnli/1", "train_target", 60.0),
        ("models/m/none/squad/1", "train_target", 30.5),
        ("predictions/m/none/mnli/1/xnli", "predict", 3700.0),
    ):
        made = {"seconds": seconds, "machine": {"device": "cpu"}, "peak_memory_mb": 1024, "work": {"tokens": 10}}
        content = {"rule": rule, "wildcards": place.split("/")[1:], "made": made}
        write_text(tmp_path / place / "manifest.json", json.dumps(content))
    stopped = tmp_path / "models/m/none/udpos/1/checkpoints/step-00000030/manifest.json"
    write_text(stopped, json.dumps({"model.safetensors": "0" * 64}))
    rows = {row["stage"]: row for row in costs(tmp_path)}
    assert [row["planned"] for row in rows.values()] == ["", "", ""]
    planned = {"train_target/m/none/mnli/1": 50.0, "train_target/m/none/squad/1": 11.0, "predict/other": 5.0}
    write_text(tmp_path / "planned.json", json.dumps(planned))
    rows = {row["stage"]: row for row in costs(tmp_path)}
    training = rows["training on targets"]
    assert (training["jobs"], training["time"], training["planned"]) == (2, "0:01:30", "0:01:01")
    assert rows["prediction"]["time"] == "1:01:40" and rows["prediction"]["planned"] == "", "not all were planned"
    assert rows["all"]["planned"] == "" and rows["all"]["tokens"] == 30


def test_gpu_hours_are_those_of_all_gpus_of_a_training(tmp_path):
    for gpus in (1, 4):
        made = {"seconds": 3600.0, "machine": {"device": "a GPU"}, "peak_memory_mb": 1024}
        spec = {"settings": {"gpus_per_job": gpus} if gpus > 1 else {}}
        content = {"rule": "train_target", "wildcards": ["m", "none", "mnli", str(gpus)], "spec": spec, "made": made}
        write_text(tmp_path / f"models/m/none/mnli/{gpus}/manifest.json", json.dumps(content))
    assert [(row["time"], row["gpu_hours"]) for row in costs(tmp_path)] == [("2:00:00", 5.0)] * 2


def test_a_training_that_went_on_took_the_time_of_all_its_tries(tmp_path):
    work = {"tokens": 10, "seconds": 90.0}
    made = {"seconds": 20.0, "machine": {"device": "cpu"}, "peak_memory_mb": 1024, "work": work}
    content = {"rule": "train_target", "wildcards": ["m", "none", "mnli", "1"], "made": made}
    write_text(tmp_path / "models/m/none/mnli/1/manifest.json", json.dumps(content))
    assert [row["time"] for row in costs(tmp_path)] == ["0:01:30", "0:01:30"]

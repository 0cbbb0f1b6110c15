"""The claims about the paper: which cells they rest on, when they hold, fail or are not identified."""

import csv

import numpy as np
import pytest
from reporting_examples import ROOT
from test_intervals import simulated

from xstilts.reporting.claims import Claim, claims, failures, gain, in_languages, mean_gain, sound
from xstilts.reporting.judging import FAILS, HOLDS, UNKNOWN, judge, judge_gain
from xstilts.reporting.published import read_published
from xstilts.reporting.render import write_both
from xstilts.reporting.tables.claims import COLUMNS, _of_best, claims_markdown, with_reported
from xstilts.tasks.benchmark import XTREME
from xstilts.uncertainty.best import seed_noise
from xstilts.uncertainty.contrasts import contrast
from xstilts.uncertainty.intervals import draw_tables, intervals, runs_of

NINE = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc2018", "tatoeba")
RESAMPLES = 4_000
SEEDS = (1, 2, 3)
NOISE = seed_noise(SEEDS, RESAMPLES)
UNIT = np.random.default_rng(1).standard_normal(RESAMPLES)


def runs(values, spread=1.0, seeds=SEEDS):
    """Seeds that all score the same; a cell's deviations are ``spread`` points, those of ``none`` nothing."""
    generator = np.random.default_rng(2)
    found = {}
    for (source, task), value in values.items():
        draws = spread * generator.standard_normal(RESAMPLES) * (source != "none")
        found.setdefault(task, {})[source] = dict.fromkeys(seeds, (value, draws))
    return found


def test_weights_are_means_of_differences():
    assert gain("mnli", ["xnli", "tydiqa"]) == {
        ("mnli", "xnli"): 0.5,
        ("mnli", "tydiqa"): 0.5,
        ("none", "xnli"): -0.5,
        ("none", "tydiqa"): -0.5,
    }
    assert mean_gain(["a", "b"], ["xnli"]) == {("a", "xnli"): 0.5, ("b", "xnli"): 0.5, ("none", "xnli"): -1.0}


def test_a_contrast_is_the_weighted_sum_with_its_interval():
    cells = runs({("mnli", "xnli"): 62.0, ("mnli", "tydiqa"): 50.0, ("none", "xnli"): 60.0, ("none", "tydiqa"): 44.0})
    found = contrast(cells, gain("mnli", ["xnli", "tydiqa"]), NOISE)
    assert found.value == pytest.approx(4.0)
    lower, upper = found.interval()
    assert (lower, upper) == pytest.approx((4 - 1.96 / 2**0.5, 4 + 1.96 / 2**0.5), abs=0.08)
    assert contrast(cells, gain("squad", ["xnli"]), NOISE) is None


def test_a_contrast_of_the_average_is_the_tables_difference_of_the_average():
    scores = simulated(np.random.default_rng(5), [0.1], 5)
    view = {"xnli": "dev", "pawsx": "dev"}
    drawn = draw_tables(scores, {"main": view}, 20_000)
    rows = intervals(scores, {"main": view}, drawn=drawn)
    (row,) = [row for row in rows if (row.source, row.task) == ("s1", "avg_available")]
    cells = {task: runs_of(draws, slice(None)) for (task, _), draws in drawn.items()}
    found = contrast(cells, gain("s1", list(view)), seed_noise(range(5), 20_000))
    assert found.value == pytest.approx(row.difference) and found.seeds == 5
    lower, upper = found.interval()
    assert (lower + upper) / 2 == pytest.approx((row.diff_lower + row.diff_upper) / 2, abs=0.3)
    assert upper - lower == pytest.approx(row.diff_upper - row.diff_lower, rel=0.5), "its own seeds, none pooled"


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_fewer_than_three_seeds_decide_nothing(seeds):
    cells = runs({("mnli", "xnli"): 90.0, ("none", "xnli"): 60.0}, seeds=seeds)
    claim = Claim("claim", "cells", {"cells": gain("mnli", ["xnli"])})
    found = judge(claim, cells, seed_noise(seeds, RESAMPLES))
    assert (found["verdict"], found["reason"]) == (UNKNOWN, "fewer than three seeds")
    assert (found["estimate"], found["seeds"], found["method"]) == (30.0, len(seeds), "item sampling only")
    best = judge_gain("s", "c", 5.4, (4.0, 6.0), "", len(seeds))
    assert (best["verdict"], best["reason"], best["seeds"]) == (UNKNOWN, "fewer than three seeds", len(seeds))


def test_seeds_and_method_stand_in_every_row(tmp_path):
    rows = [judge(claim, {}, NOISE) for claim in claims(ALL, PLAIN, ["mnli-de"], NINE)]
    rows += [judge_gain("s", "c", None, (None, None), "no"), judge_gain("s", "c", 5.4, (4.0, 6.0), "", 3)]
    write_both(tmp_path, "claims", COLUMNS, rows, "")
    with open(tmp_path / "claims.csv", encoding="utf-8", newline="") as handle:
        found = list(csv.DictReader(handle))
    assert all(row["seeds"] and row["method"] for row in found)
    assert (found[-1]["seeds"], found[-1]["method"]) == ("3", "items and seeds")


@pytest.mark.parametrize(
    ("value", "sign", "verdict"),
    [(3.0, 1, HOLDS), (-3.0, 1, FAILS), (1.0, 1, UNKNOWN), (3.0, -1, FAILS), (-3.0, -1, HOLDS), (-1.0, -1, UNKNOWN)],
)
def test_the_interval_must_lie_on_the_claims_side(value, sign, verdict):
    cells = runs({("mnli", "xnli"): 60.0 + value, ("none", "xnli"): 60.0})
    found = judge(Claim("claim", "cells", {"cells": gain("mnli", ["xnli"])}, sign), cells, NOISE)
    assert found["verdict"] == verdict and found["estimate"] == pytest.approx(value)
    assert found["lower"] == pytest.approx(value - 1.96, abs=0.1)
    assert found["reason"] == ("the interval holds 0" if verdict == UNKNOWN else "")
    assert (found["seeds"], found["method"]) == (3, "items and seeds")


def test_several_contrasts_hold_together_and_fail_alone():
    def verdict(*gains):
        tasks = NINE[: len(gains)]
        cells = runs({("mnli", task): 50.0 + one for task, one in zip(tasks, gains, strict=True)})
        cells = {
            task: {**found, "none": dict.fromkeys(SEEDS, (50.0, np.zeros(RESAMPLES)))} for task, found in cells.items()
        }
        return judge(Claim("claim", "cells", {task: gain("mnli", [task]) for task in tasks}), cells, NOISE)

    assert (verdict(5.0, 3.0)["verdict"], verdict(5.0, 3.0)["shown"]) == (HOLDS, "pawsx")
    assert (verdict(5.0, 1.0)["verdict"], verdict(5.0, 1.0)["shown"]) == (UNKNOWN, "pawsx")
    assert (verdict(5.0, -5.0, 1.0)["verdict"], verdict(5.0, -5.0, 1.0)["shown"]) == (FAILS, "pawsx")
    assert verdict(-2.1)["verdict"] == FAILS, "alone it is below 0"
    corrected = verdict(-2.1, 9.0, 9.0, 9.0)
    assert corrected["verdict"] == UNKNOWN, "one of four must be further below"
    assert corrected["upper"] < 0 and corrected["reason"] == "against it, but not after correction for 4 contrasts"


def test_a_claim_that_is_false_seldom_holds():
    """2,000 claims of two contrasts that are 0 in truth, independent of each other or the same."""
    rng = np.random.default_rng(3)
    false = {"independent": 0, "same": 0}
    none = dict.fromkeys(SEEDS, (50.0, 0 * UNIT))
    for _ in range(2_000):
        first, second = rng.standard_normal(2)
        for name, other in (("independent", second), ("same", first)):
            cells = {
                "xnli": {"mnli": dict.fromkeys(SEEDS, (50 + first, UNIT)), "none": none},
                "pawsx": {"mnli": dict.fromkeys(SEEDS, (50 + other, UNIT)), "none": none},
            }
            claim = Claim("claim", "cells", {task: gain("mnli", [task]) for task in cells})
            false[name] += judge(claim, cells, NOISE)["verdict"] == HOLDS
    assert false["same"] / 2_000 == pytest.approx(0.025, abs=0.01)
    assert false["independent"] <= 10


ALL = ["none", "mnli", "squad", "squad2", "hellaswag", "multi", "mnli+mlm", "mnli-de"]
PLAIN = ["mnli", "squad", "squad2", "hellaswag", "multi"]


def by_statement(found):
    return {claim.statement: claim for claim in found}


def test_every_claim_rests_on_rows_that_are_there():
    found = by_statement(claims(ALL, PLAIN, ["mnli-de"], NINE))
    assert len(found) == 9 and not any(claim.missing for claim in found.values())
    assert found["SQuAD raises the average"].cells == "squad2 minus none, average of the nine tasks"
    weights = next(iter(found["English without MLM beats English with MLM"].parts.values()))
    assert weights["mnli", "xnli"] == pytest.approx(1 / 9) and weights["mnli+mlm", "xnli"] == pytest.approx(-1 / 9)
    assert ("none", "xnli") not in weights
    assert next(iter(found["English beats translated data"].parts.values()))["mnli-de", "xnli"] == pytest.approx(-1 / 9)
    assert len(found["BUCC and Tatoeba gain most"].parts) == 2 * 7
    assert found["XNLI does not gain"].sign == -1
    for claim in found.values():
        for weights in claim.parts.values():
            assert sum(weights.values()) == pytest.approx(0), claim.statement


def test_what_is_missing_is_said():
    found = by_statement(claims(["none", "mnli", "squad"], ["mnli", "squad"], [], NINE))
    assert found["SQuAD raises the average"].cells.startswith("squad minus none")
    assert found["HellaSwag raises the average"].missing == "hellaswag is not a row of this run"
    assert found["English beats translated data"].missing.startswith("this run has no row of a translated source")
    assert found["TyDiQA gains"].missing == ""
    few = by_statement(claims(["none", "mnli"], ["mnli"], [], ["xnli", "tydiqa"]))
    assert few["MNLI raises the average"].missing.startswith("this run lacks PAWS-X, POS")
    assert few["BUCC and Tatoeba gain most"].missing == "this run lacks BUCC, Tatoeba"
    assert judge(few["MNLI raises the average"], {}, NOISE)["verdict"] == UNKNOWN
    assert judge(few["TyDiQA gains"], {}, NOISE)["reason"].startswith("no scores yet: gain on TyDiQA")
    alone = claims(["none"], [], [], NINE)
    assert all(claim.missing for claim in alone)


def cells_of(*sources, seeds=(1,)):
    """Every source gains three points over none in every seed."""
    zeros = np.zeros(RESAMPLES)
    return {
        task: {source: dict.fromkeys(seeds, (50.0 + 3 * (source != "none"), zeros)) for source in sources}
        for task in NINE
    }


def test_a_mean_over_sources_counts_no_training_that_failed_and_says_so():
    found = cells_of("none", "mnli", "squad", "hellaswag", seeds=SEEDS)
    found["xnli"]["hellaswag"] = dict.fromkeys(SEEDS, (10.0, np.zeros(RESAMPLES)))
    failed = {("hellaswag", task, seed): "not learned" for task in NINE for seed in SEEDS}
    failed |= {("squad", "tydiqa", seed): "collapsed" for seed in SEEDS}
    plain = ["mnli", "squad", "hellaswag"]
    by_claim = by_statement(claims(["none", *plain], plain, [], NINE, failures(found, failed)))
    xnli = by_claim["XNLI does not gain"]
    assert xnli.cells == "gain on XNLI, mean over mnli, squad; left out: hellaswag (not learned on XNLI)"
    assert judge(xnli, sound(found, failed), NOISE)["estimate"] == pytest.approx(3.0)
    assert by_claim["TyDiQA gains"].cells.endswith(
        "mean over mnli; left out: squad (collapsed on TyDiQA), hellaswag (not learned on TyDiQA)"
    )
    alone = judge(by_claim["HellaSwag raises the average"], sound(found, failed), NOISE)
    assert (alone["verdict"], alone["reason"]) == (UNKNOWN, "rests on a training that failed: hellaswag (not learned)")
    assert by_claim["SQuAD raises the average"].missing.endswith("squad (collapsed on TyDiQA)"), "it learned the others"
    assert judge(by_claim["MNLI raises the average"], sound(found, failed), NOISE)["verdict"] == HOLDS


def test_a_seed_that_failed_is_left_out_of_a_claim_and_named():
    found = cells_of("none", "mnli", seeds=(1, 2))
    found["xnli"]["mnli"] = {1: (53.0, np.zeros(RESAMPLES)), 2: (33.0, np.zeros(RESAMPLES))}
    failed = {("mnli", "xnli", 2): "collapsed"}
    (claim,) = [
        one
        for one in claims(["none", "mnli"], ["mnli"], [], NINE, failures(found, failed))
        if one.statement == "XNLI does not gain"
    ]
    assert claim.cells == "gain on XNLI, mean over mnli; left out: mnli (seed 2 collapsed on XNLI)"
    verdict = judge(claim, sound(found, failed), seed_noise([1, 2], RESAMPLES))
    assert (verdict["estimate"], verdict["seeds"]) == (pytest.approx(3.0), 1)


def test_sources_that_lost_another_seed_each_share_none_and_the_reason_says_so():
    found = cells_of("none", "mnli", "squad", "hellaswag", seeds=SEEDS)
    plain = ["mnli", "squad", "hellaswag"]
    failed = {(source, "xnli", seed): "collapsed" for source, seed in zip(plain, SEEDS, strict=True)}
    claim = by_statement(claims(["none", *plain], plain, [], NINE, failures(found, failed)))["XNLI does not gain"]
    verdict = judge(claim, sound(found, failed), NOISE)
    assert verdict["reason"].startswith("no seed is sound in all of its cells: gain on XNLI")


def test_of_a_task_without_all_its_languages_there_is_no_average_and_a_gain_says_so():
    found = by_statement(claims(ALL, PLAIN, ["mnli-de"], NINE))
    partial = {"xnli": (2, 15), "tydiqa": (1, 9)}
    average = in_languages(found["SQuAD raises the average"], partial)
    assert average.missing == "this run lacks languages: XNLI 2 of 15, TyDiQA 1 of 9" and not average.parts
    gained = in_languages(found["TyDiQA gains"], partial)
    assert gained.cells.endswith("; languages: TyDiQA 1 of 9") and gained.parts == found["TyDiQA gains"].parts
    assert in_languages(found["TyDiQA gains"], {"xnli": (2, 15)}) == found["TyDiQA gains"]


def test_what_rests_on_a_target_training_of_none_that_failed_is_not_identified():
    found = cells_of("none", "mnli")
    one = by_statement(
        claims(["none", "mnli"], ["mnli"], [], NINE, failures(found, {("none", "xnli", 1): "collapsed"}))
    )
    assert one["XNLI does not gain"].missing == "rests on a training that failed: none (collapsed on XNLI)"
    assert one["TyDiQA gains"].missing == ""


def test_a_claim_about_nine_tasks_says_how_many_a_mixture_was_trained_on():
    few = by_statement(claims(ALL, PLAIN, [], NINE, multi=["mnli", "squad", "hellaswag"]))
    claim = few["3 tasks together (multi), not the nine, raise the average"]
    assert claim.cells.endswith("; multi is trained on mnli, squad, hellaswag") and claim.parts
    assert "Nine tasks together (multi) raise the average" not in few
    whole = by_statement(claims(ALL, PLAIN, [], NINE, multi=list("abcdefghi")))
    assert whole["Nine tasks together (multi) raise the average"].cells.endswith("average of the nine tasks")


def test_a_verdict_names_the_splits_that_it_rests_on():
    cells = runs({(source, task): 60.0 for source in ("none", "mnli") for task in ("xnli", "tydiqa")})
    splits = {"xnli": "dev", "tydiqa": "test"}
    for tasks, named in ((["xnli"], "dev"), (["tydiqa"], "test"), (["tydiqa", "xnli"], "dev/test")):
        claim = Claim("claim", "cells", {"cells": gain("mnli", tasks)})
        assert judge(claim, cells, NOISE, splits)["split"] == named


def test_the_gain_of_the_best_sources():
    assert judge_gain("s", "c", 5.4, (4.0, 6.0), "", 3)["verdict"] == HOLDS
    assert judge_gain("s", "c", -5.4, (-6.0, -4.0), "", 3)["verdict"] == FAILS
    assert judge_gain("s", "c", 1.0, (-1.0, 3.0), "", 3)["reason"] == "the interval holds 0"
    found = judge_gain("s", "c", None, (None, None), "generated languages")
    assert (found["verdict"], found["reason"]) == (UNKNOWN, "generated languages")


def test_reported_numbers_are_in_the_published_folder_with_their_certainty():
    rows = [row for row in read_published(ROOT / "resources/published") if row["certainty"] == "report"]
    assert {row["source"]: row["value"] for row in rows} == {
        **{"squad2": 8.2, "mnli": 7.5, "hellaswag": 7.0, "multi": 8.7},
        "best-paper": 5.4,
    }
    measured = {"lower": 6.0, "upper": 8.0}
    mnli = next(row for row in rows if row["source"] == "mnli")
    assert with_reported(measured, mnli, True)["reported_in_interval"] == "yes"
    assert with_reported(measured, mnli, False)["reported_in_interval"] == ""
    assert with_reported({"lower": 8.0, "upper": 9.0}, mnli, True)["reported_in_interval"] == "no"
    assert {claim.reported for claim in claims(ALL, PLAIN, [], NINE)} - {""} <= {row["source"] for row in rows}


def test_the_files(tmp_path):
    cells = runs({("mnli", "xnli"): 63.0, ("none", "xnli"): 60.0})
    row = judge(Claim("XNLI gains", "gain on XNLI", {"gain on XNLI": gain("mnli", ["xnli"])}), cells, NOISE)
    rows = [with_reported(row, {"value": 7.5, "certainty": "report"}, True)]
    text = claims_markdown(rows, "title", generated=True, encoder="demo")
    write_both(tmp_path, "claims", COLUMNS, rows, text)
    page = (tmp_path / "claims.md").read_text(encoding="utf-8")
    assert page.index("These are not the paper's languages") < page.index("| XNLI gains | +7.5 | +3.0 (+")
    assert "**holds**" in page and "sampling of examples only" not in page
    with open(tmp_path / "claims.csv", encoding="utf-8", newline="") as handle:
        (line,) = csv.DictReader(handle)
    assert (line["verdict"], line["certainty"], line["reported_in_interval"]) == ("holds", "report", "no")
    assert "as in the main table, means over seeds" in text
    assert "medians over seeds" in claims_markdown(rows, "title", generated=True, statistic="median")
    real = claims_markdown(rows, "title", generated=False, encoder="mini")
    assert "not the paper's languages" not in real and "The encoder is mini" in real


def test_a_gain_that_rests_on_a_training_that_failed_is_not_identified():
    """Over the benchmark only the failed source counts, over the run's own none its failure too."""
    gains = {"rule": "best-en", "task": "avg", "column": "avg", "seeds": 3, "over_benchmark": 5.0, "over_lower": 1.0}
    gains |= {"over_upper": 9.0, "difference": 2.0, "diff_lower": 1.0, "diff_upper": 3.0}

    def verdicts(failed, baseline_failed):
        return [(one["verdict"], one["reason"]) for one, _ in _of_best([gains], failed, baseline_failed, XTREME)]

    assert verdicts("", "") == [("holds", ""), ("holds", "")]
    assert verdicts("best-en failed", "") == [("not identified", "best-en failed")] * 2
    assert verdicts("", "none failed") == [("holds", ""), ("not identified", "none failed")]

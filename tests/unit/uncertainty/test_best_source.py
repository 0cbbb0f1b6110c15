"""Intervals of the best source: what chooses does not score, and how often the intervals cover."""

import numpy as np
import pytest
from test_intervals import accuracy_scores

from benchmarks.simulations import Case, best_average, shares
from xstilts.reporting.claims import Claim, gain
from xstilts.reporting.judging import judge
from xstilts.uncertainty.best import (
    Half,
    best_intervals,
    best_of,
    cross_fitted,
    deviations,
    english_scores,
    seed_noise,
    whole_scores,
)
from xstilts.uncertainty.intervals import draw_halves, draw_tables, intervals
from xstilts.uncertainty.resampling import halves, resample_task

TABLES = {"main": {"pawsx": "dev"}, "main_test": {"pawsx": "test"}}


def scores(rng, effects, seeds, items=200):
    """Two splits, three languages with parallel items, seed effects (from three seeds on), item-by-source effects."""
    found = {}
    shared = {split: rng.uniform(-0.25, 0.25, items) for split in ("dev", "test")}
    for number, effect in enumerate([0.0, *effects]):
        own = {split: rng.uniform(-0.1, 0.1, items) for split in shared}
        for seed in range(seeds):
            chain = rng.normal(0, 0.02) if seeds >= 3 else 0.0
            for language in ("de", "en", "es"):
                content = {"splits": {}}
                for split, item in shared.items():
                    right = rng.random(items) < 0.55 + effect + item + own[split] + chain
                    content["splits"] |= accuracy_scores(right, split)["splits"]
                found[f"s{number}" if number else "none", seed, "pawsx", language] = content
    return found


def best(rng, effects, seeds, seed=1, resamples=1_000, statistic="mean"):
    """The chosen source and its rows by table."""
    content = scores(rng, effects, seeds)
    drawn = draw_tables(content, TABLES, resamples, seed)
    selection = whole_scores(drawn["pawsx", "dev"])
    names = [source for source in selection if source != "none"]
    chosen = best_of(selection, names, range(seeds), statistic)
    how = {"seed": seed, "statistic": statistic}
    halved = {("pawsx", "dev"): draw_halves(content, "pawsx", "dev", resamples, seed)}
    rows = best_intervals(
        drawn,
        TABLES,
        "best-paper",
        {"pawsx": chosen},
        {"pawsx": selection},
        names,
        range(seeds),
        halved=halved,
        **how,
    )
    plain = intervals(content, TABLES, resamples=resamples, drawn=drawn, **how)
    return (
        chosen,
        {row.table: row for row in rows if row.task == "pawsx"},
        {row.table: row for row in plain if (row.source, row.task) == (chosen, "pawsx")},
    )


def quiet(values):
    return {
        source: {seed: (value, np.zeros(3)) for seed, value in by_seed.items()} for source, by_seed in values.items()
    }


def test_each_seed_scores_what_the_other_seeds_choose():
    values = {
        "none": dict.fromkeys(range(3), 50.0),
        "a": {0: 70.0, 1: 60.0, 2: 60.0},
        "b": dict.fromkeys(range(3), 62.0),
    }
    own, gains = cross_fitted([Half(values, quiet(values))], ["a", "b"], "none", "mean")
    assert {seed: float(value[0]) for seed, (value, _) in own.items()} == {0: 62.0, 1: 60.0, 2: 60.0}
    assert {seed: float(sum(value)) for seed, (value, _) in gains.items()} == {0: 12.0, 1: 10.0, 2: 10.0}


def test_each_half_of_the_items_is_scored_by_the_choice_of_the_other():
    halves = [{"a": {0: 70.0}, "b": {0: 60.0}}, {"a": {0: 50.0}, "b": {0: 60.0}}]
    crossed = [Half(choosing, quiet(scored)) for choosing, scored in zip(reversed(halves), halves, strict=True)]
    own, _ = cross_fitted(crossed, ["a", "b"], "none", "mean")
    assert sum(own[0][0]) == 55.0, "b, best in the second half, scores 60 in the first; a, best there, 50"


def test_halves_hold_each_unit_once_whatever_the_language():
    rng = np.random.default_rng(3)
    content = scores(rng, [0.1], 1)
    parts = [{key: one["splits"]["dev"] for key, one in part.items()} for part in halves(content, "pawsx", "dev")]
    for key, one in content.items():
        both = [part[key]["items"] for part in parts]
        assert sorted(both[0]["unit"] + both[1]["unit"]) == sorted(one["splits"]["dev"]["items"]["unit"])
        assert both[0]["unit"] == parts[0]["none", 0, "pawsx", "de"]["items"]["unit"]
        share = 100 * sum(both[0]["correct"]) / len(both[0]["unit"])
        assert parts[0][key]["metrics"]["accuracy"] == pytest.approx(share)


def test_deviations_over_seeds_are_those_of_student_and_differences_keep_their_pairs():
    noise = seed_noise([1, 2, 3], 40_000)
    quiet = np.zeros(40_000)
    mean, around = deviations({seed: (value, quiet) for seed, value in ((1, 48.0), (2, 50.0), (3, 55.0))}, noise)
    assert mean == pytest.approx(51)
    reach = 4.303 * np.std([48, 50, 55], ddof=1) / 3**0.5  # t(2)
    assert np.quantile(around, 0.975) == pytest.approx(reach, rel=0.05)
    _, shifted = deviations({seed: (value, quiet) for seed, value in ((1, 58.0), (2, 60.0), (3, 65.0))}, noise)
    assert np.allclose(around, shifted), "two sources that rise and fall together with the seed differ by a constant"


def test_seeds_that_are_left_of_more_deviate_as_so_few_do():
    noise, quiet = seed_noise([1, 2, 3, 4, 5], 40_000), np.zeros(40_000)
    _, around = deviations({seed: (value, quiet) for seed, value in ((1, 48.0), (4, 50.0), (5, 55.0))}, noise)
    reach = 4.303 * np.std([48, 50, 55], ddof=1) / 3**0.5  # t(2), not t(4), which is 2.776
    assert np.quantile(around, 0.975) == pytest.approx(reach, rel=0.05)


def test_equal_sources_show_no_claim_whatever_rounding_leaves_of_their_difference():
    """A third of three equal scores and minus a third of each add up to 7e-15, in every seed: none of it is a gain."""
    of_source = {seed: (70.1, np.zeros(1_000)) for seed in (1, 2, 3)}
    runs = {task: {"none": of_source, "mnli": of_source} for task in ("xnli", "pawsx", "udpos")}
    found = judge(Claim("MNLI gains", parts={"gain": gain("mnli", runs)}), runs, seed_noise([1, 2, 3], 1_000))
    assert (found["verdict"], found["estimate"]) == ("not identified", 0)


def test_the_best_median_is_chosen_where_tables_show_medians():
    values = {"a": (60.0, 60.1, 59.9), "b": (64.0, 40.0, 64.1)}  # the mean of b is lower, its median is not
    by_seed = {name: dict(enumerate(found)) for name, found in values.items()}
    assert best_of(by_seed, ["a", "b"], range(3), "mean") == "a"
    assert best_of(by_seed, ["a", "b"], range(3), "median") == "b"


def test_deviations_of_medians_keep_their_pairs_and_their_distance():
    noise, quiet = seed_noise([1, 2, 3], 2_000, statistic="median"), np.zeros(2_000)
    value, around = deviations({seed: (v, quiet) for seed, v in ((1, 48.0), (2, 50.0), (3, 55.0))}, noise)
    shifted, same = deviations({seed: (v, quiet) for seed, v in ((1, 58.0), (2, 60.0), (3, 65.0))}, noise)
    assert (value, shifted) == (50.0, 60.0) and np.allclose(around, same)
    _, fewer = deviations({seed: (v, quiet) for seed, v in ((1, 48.0), (3, 50.0))}, noise)
    assert not fewer.any(), "two seeds say nothing of their spread"


def test_english_alone_chooses_where_there_is_english():
    rng = np.random.default_rng(1)
    content = {("mnli", 1, "xnli", code): accuracy_scores(rng.random(300) < 0.6) for code in ("de", "en")}
    english = content["mnli", 1, "xnli", "en"]["splits"]["dev"]["metrics"]["accuracy"]
    assert english_scores(resample_task(content, "xnli", "dev", 10, 1)) == {"mnli": {1: english}}
    assert english_scores(resample_task({k: v for k, v in content.items() if k[3] == "de"}, "xnli", "dev", 10, 1)) == {}


@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("seeds", [1, 5])
def test_without_a_rival_the_interval_is_that_of_the_source(seeds, statistic):
    chosen, rows, plain = best(np.random.default_rng(2), [0.3, 0.0, 0.0], seeds, resamples=10_000, statistic=statistic)
    assert chosen == "s1"
    for table, row in rows.items():
        assert (row.value, row.difference) == pytest.approx((plain[table].value, plain[table].difference))
        assert (row.lower + row.upper) / 2 == pytest.approx((plain[table].lower + plain[table].upper) / 2, abs=1.5)
        assert row.upper - row.lower == pytest.approx(plain[table].upper - plain[table].lower, rel=0.35)
        assert row.p is None and row.p_holm is None


def test_where_the_shown_scores_chose_the_interval_lies_lower_around_the_value():
    _, rows, plain = best(np.random.default_rng(3), [0.0] * 6, 1)
    shift = {
        table: (row.lower + row.upper) / 2 - (plain[table].lower + plain[table].upper) / 2
        for table, row in rows.items()
    }
    assert shift["main"] < -0.5
    assert abs(shift["main_test"]) < 0.5, "test items did not choose"


def test_a_source_fixed_beforehand_is_not_chosen_anew():
    content = scores(np.random.default_rng(4), [0.0] * 4, 3)
    drawn = draw_tables(content, TABLES, 2_000, 1)
    rows = best_intervals(drawn, TABLES, "best-en", {"pawsx": "s2"}, {}, ["s1", "s2", "s3"], range(3), seed=1)
    plain = intervals(content, TABLES, resamples=2_000, seed=1, drawn=drawn)
    (row,) = [row for row in rows if (row.table, row.task) == ("main", "pawsx")]
    (same,) = [row for row in plain if (row.source, row.table, row.task) == ("s2", "main", "pawsx")]
    assert (row.lower + row.upper) / 2 == pytest.approx((same.lower + same.upper) / 2, abs=0.5)
    assert row.seeds == 3 and row.method == "items and seeds"


def test_the_average_goes_over_the_tasks_that_have_a_source():
    content = scores(np.random.default_rng(4), [0.1, 0.0], 1)
    drawn = draw_tables(content, TABLES, 200, 1)
    chosen = {"pawsx": "s1"}
    rows = best_intervals(drawn, TABLES, "best-en", chosen, {}, ["s1", "s2"], [0], seed=1)
    by_task = {(row.table, row.task): row.value for row in rows}
    assert by_task["main", "avg_available"] == by_task["main", "pawsx"]
    assert best_intervals(drawn, TABLES, "best-en", {}, {}, ["s1"], [0], seed=1) == []


def test_intervals_of_the_average_of_the_best_sources_cover():
    """Before: 45 to 63 % of scores with this spread over seeds. The table of all cases is in docs/metrics.md."""
    found = shares(best_average, Case(9, 3, 1.0), 60)
    assert found["score"] >= 88 and found["gain"] >= 88  # 93 to 97 % over many runs
    assert found["gain above 0"] <= 10

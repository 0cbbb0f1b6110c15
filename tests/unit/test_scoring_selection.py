"""Intervals of the best source: who wins a resample, what is taken off for the choice, and how often they cover."""

import numpy as np
import pytest
from test_scoring_uncertainty import accuracy_scores

from xstilts.scoring.resampling import resample_task
from xstilts.scoring.selection import (
    OwnDev,
    best_intervals,
    deviations,
    english_runs,
    own_dev_runs,
    seed_noise,
    winners,
)
from xstilts.scoring.uncertainty import draw_tables, intervals, runs_of

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
    selection = runs_of(drawn["pawsx", "dev"], slice(None))
    names = [source for source in selection if source != "none"]
    over_seeds = {"mean": np.mean, "median": np.median}[statistic]
    numbers = {source: over_seeds([value for value, _ in selection[source].values()]) for source in names}
    chosen = max(numbers, key=numbers.get)
    how = {"seed": seed, "statistic": statistic}
    rows = best_intervals(
        drawn, TABLES, "best-paper", {"pawsx": chosen}, {"pawsx": selection}, names, range(seeds), **how
    )
    plain = intervals(content, TABLES, resamples=resamples, drawn=drawn, **how)
    return (
        chosen,
        {row.table: row for row in rows if row.task == "pawsx"},
        {row.table: row for row in plain if (row.source, row.task) == (chosen, "pawsx")},
    )


def test_the_best_mean_with_its_deviation_wins_a_resample():
    runs = {
        "a": {1: (50.0, np.array([0.0, 2.0, -1.0]))},
        "b": {1: (51.0, np.array([0.0, 0.0, -3.0]))},
        "control": {1: (99.0, np.zeros(3))},
    }
    names, picked = winners(runs, ["a", "b"], seed_noise([1], 3))
    assert [names[number] for number in picked] == ["b", "a", "a"]


def test_deviations_over_seeds_are_those_of_student_and_differences_keep_their_pairs():
    noise = seed_noise([1, 2, 3], 40_000)
    quiet = np.zeros(40_000)
    mean, around = deviations({seed: (value, quiet) for seed, value in ((1, 48.0), (2, 50.0), (3, 55.0))}, noise)
    assert mean == pytest.approx(51)
    reach = 4.303 * np.std([48, 50, 55], ddof=1) / 3**0.5  # t(2)
    assert np.quantile(around, 0.975) == pytest.approx(reach, rel=0.05)
    _, shifted = deviations({seed: (value, quiet) for seed, value in ((1, 58.0), (2, 60.0), (3, 65.0))}, noise)
    assert np.allclose(around, shifted), "two sources that rise and fall together with the seed differ by a constant"


def test_the_best_median_wins_a_resample():
    quiet = np.zeros(20_000)
    values = {"a": (60.0, 60.1, 59.9), "b": (64.0, 40.0, 64.1)}  # the mean of b is lower, its median is not
    runs = {name: {seed: (value, quiet) for seed, value in enumerate(found)} for name, found in values.items()}
    for statistic, winner in (("mean", "a"), ("median", "b")):
        names, picked = winners(runs, ["a", "b"], seed_noise(range(3), 20_000, statistic=statistic))
        assert names[int(np.bincount(picked).argmax())] == winner


def test_deviations_of_medians_keep_their_pairs_and_their_distance():
    noise, quiet = seed_noise([1, 2, 3], 2_000, statistic="median"), np.zeros(2_000)
    value, around = deviations({seed: (v, quiet) for seed, v in ((1, 48.0), (2, 50.0), (3, 55.0))}, noise)
    shifted, same = deviations({seed: (v, quiet) for seed, v in ((1, 58.0), (2, 60.0), (3, 65.0))}, noise)
    assert (value, shifted) == (50.0, 60.0) and np.allclose(around, same)
    _, fewer = deviations({seed: (v, quiet) for seed, v in ((1, 48.0), (3, 50.0))}, noise)
    assert not fewer.any(), "two seeds say nothing of their spread"


def test_a_summary_score_varies_binomially():
    runs = own_dev_runs({("mnli", 1): OwnDev(80.0, 400), ("squad", 1): OwnDev(80.0, 400)}, "squad", 20_000)
    assert runs["mnli"][1][0] == 80.0
    assert runs["mnli"][1][1].std() == pytest.approx(2.0, rel=0.03)  # 100 sqrt(.8 * .2 / 400)
    assert abs(np.corrcoef(runs["mnli"][1][1], runs["squad"][1][1])[0, 1]) < 0.03


def test_english_alone_is_drawn_with_the_weights_of_all_languages():
    rng = np.random.default_rng(1)
    content = {("mnli", 1, "xnli", code): accuracy_scores(rng.random(300) < 0.6) for code in ("de", "en")}
    both = resample_task(content, "xnli", "dev", 2_000, 1)
    runs = english_runs(both)
    value, draws = runs["mnli"][1]
    assert value == content["mnli", 1, "xnli", "en"]["splits"]["dev"]["metrics"]["accuracy"]
    english = content["mnli", 1, "xnli", "en"]
    german = {("mnli", 1, "xnli", code): english for code in ("de", "en")}  # the same answers in both languages
    same = resample_task(german, "xnli", "dev", 2_000, 1)
    assert np.allclose(draws, same.draws[0, 0], atol=1e-3)
    assert english_runs(resample_task({k: v for k, v in content.items() if k[3] == "de"}, "xnli", "dev", 10, 1)) == {}


@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("seeds", [1, 5])
def test_without_a_rival_the_interval_is_that_of_the_source(seeds, statistic):
    chosen, rows, plain = best(np.random.default_rng(2), [0.3, 0.0, 0.0], seeds, resamples=20_000, statistic=statistic)
    assert chosen == "s1"
    for table, row in rows.items():
        assert (row.value, row.difference) == pytest.approx((plain[table].value, plain[table].difference))
        assert (row.lower, row.upper) == pytest.approx((plain[table].lower, plain[table].upper), abs=0.4)
        assert (row.diff_lower, row.diff_upper) == pytest.approx(
            (plain[table].diff_lower, plain[table].diff_upper), abs=0.4
        )
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


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "statistic"), [(1, "mean"), (5, "mean"), (5, "median")])
@pytest.mark.parametrize("effects", [[0.0] * 6, [0.02, 0.01, 0.0, -0.01, -0.02, -0.03]], ids=["equal", "unequal"])
def test_intervals_of_the_best_source_cover(seeds, statistic, effects):
    """500 runs: six sources, chosen on dev; its own scores there and on test, and their differences to none."""
    covered, naive = {"main": [], "main_test": []}, []
    for number in range(500):
        chosen, rows, plain = best(np.random.default_rng(number), effects, seeds, seed=number, statistic=statistic)
        truth = 100 * effects[int(chosen[1:]) - 1]
        for table, row in rows.items():
            covered[table].append(row.diff_lower <= truth <= row.diff_upper)
        naive.append(plain["main"].diff_lower <= truth <= plain["main"].diff_upper)
    assert 0.93 <= np.mean(covered["main_test"]) <= 0.99
    assert 0.91 <= np.mean(covered["main"]) <= 0.99, "chosen on the very scores"
    assert np.mean(covered["main"]) > np.mean(naive) - 0.01

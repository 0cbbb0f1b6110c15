"""Variances over seeds: what failed keeps its own, however alike all other cells are."""

import numpy as np
import pytest

from xstilts.tasks.benchmark import XTREME
from xstilts.uncertainty.variances import seed_variances


def test_a_cell_of_which_one_training_failed_keeps_its_own_variance() -> None:
    columns = {
        (task, "accuracy"): {source: {seed: 60.0 + 0.5 * (seed + shift) for seed in range(3)} for source in "abcd"}
        for shift, task in enumerate(("xnli", "pawsx", "tatoeba"))
    }
    columns["xnli", "accuracy"]["b"] = {0: 60.0, 1: 60.5, 2: 33.3}
    found = seed_variances(columns, ("avg", "avg_metric"), {}).cells["xnli", "accuracy"]
    assert found["b"].variance == pytest.approx(np.var([60.0, 60.5, 33.3], ddof=1)) and found["b"].freedom == 2
    quiet = seed_variances(columns, ("avg", "avg_metric"), {}).cells["tatoeba", "accuracy"]
    assert quiet["a"].freedom > 2


def test_an_average_of_which_one_training_failed_keeps_its_own_variance() -> None:
    scores = {f"s{number}": {1: 60.0, 2: 61.0, 3: 62.0} for number in range(20)}
    of_average = scores | {"s0": {1: 60.0, 2: 61.0, 3: 5.0}}
    columns = {(task, "f1"): scores for task in XTREME.tasks}
    found = seed_variances(columns, ("avg", "avg_metric"), of_average).cells["avg", "avg_metric"]
    assert found["s0"].variance == pytest.approx(np.var([60, 61, 5], ddof=1)) and found["s0"].freedom == 2
    assert found["s1"].variance < found["s0"].variance

"""The speed of a study's arms: what is measured, and equal, different and neither told apart."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_studies import plant

from xstilts.errors import UserError
from xstilts.families.features import Features, lengths
from xstilts.files import write_json
from xstilts.planning.numbers import find_number
from xstilts.reporting.run import RunFolder
from xstilts.studies.job import run_study
from xstilts.studies.speed import WARM, filled, order
from xstilts.studies.speeds import shares_to_dev


def decided(folder: Path, **changes: Any) -> tuple[dict[str, str], RunFolder]:
    run = plant(folder, "throughput", {}, **changes)
    run_study(run)
    return json.loads((run.tables / "verdict.json").read_text(encoding="utf-8")), run


def test_equal_speed_a_real_token_is_a_yes_with_every_figure(tmp_path: Path) -> None:
    found, run = decided(tmp_path)
    folder = run.tables
    assert found["verdict"] == "yes", found["reason"]
    with open(folder / "speed.csv", encoding="utf-8", newline="") as handle:
        rows = {(row["arm"], row["batching"]): row for row in csv.DictReader(handle)}
    assert len(rows) == 18
    assert float(rows["E", "unpadded"]["padded_percent"]) == 0
    assert float(rows["E", "maximum"]["padded_percent"]) == pytest.approx(80)
    assert float(rows["M", "maximum"]["padded_percent"]) == pytest.approx(70)
    assert float(rows["M", "unpadded"]["tokens_per_second"]) == pytest.approx(1000, rel=0.01)
    assert float(rows["E", "unpadded"]["step_p50_ms"]) == pytest.approx(200, rel=0.02)
    assert float(rows["E", "unpadded"]["hours_to_finish"]) == pytest.approx(3600 * 2e-2 / 3600, rel=0.02)
    assert (rows["M", "unpadded"]["at_limit"], rows["E", "unpadded"]["at_limit"]) == ("qaa:3", "none")
    with open(folder / "contrasts.csv", encoding="utf-8", newline="") as handle:
        ratios = {row["contrast"]: row for row in csv.DictReader(handle)}
    examples = ratios["M against E in examples a second (unpadded)"]
    assert float(examples["estimate"]) == pytest.approx(100 * (20 / 30 - 1), abs=0.5), "by how many more tokens it has"
    hidden = ratios["M against E in examples a second (maximum)"]
    assert float(hidden["estimate"]) == pytest.approx(0, abs=0.5), "padding to the limit hides that"
    traced = find_number(run, folder / "contrasts.csv", examples["contrast"], "lower")
    assert traced.value == float(examples["lower"])
    assert "Student's" in traced.words[0] and traced.words[0].endswith(f"{folder / 'speed/steps.csv'}")
    for column in ("tokens_per_second", "step_p95_ms", "padded_percent", "hours_to_finish"):
        traced = find_number(run, folder / "speed.csv", "M,dynamic", column)
        assert traced.value == pytest.approx(float(rows["M", "dynamic"][column]), abs=1e-5)
        assert traced.words[0].endswith(f"{folder / 'speed/steps.csv'}") and len(traced.words) == 1 + 6
    with pytest.raises(UserError, match="'at_limit' was not measured there"):
        find_number(run, folder / "speed.csv", "M,dynamic", "at_limit")
    page = (folder / "verdict.md").read_text(encoding="utf-8")
    assert "## Speed" in page and "not measured" in page and "| E+M | maximum |" in page


def test_an_arm_that_other_data_chose_has_no_hours_to_the_dev_score_of_the_english_one(tmp_path: Path) -> None:
    """SQuAD's F1 on its own dev is above MNLI's accuracy from the first evaluation on: that says nothing."""
    run = plant(tmp_path, "throughput", {})
    chosen = {
        "mnli": ({"data": ["mnli/en"]}, [40, 80, 85]),
        "mnli-many": ({"data": ["mnli/qaa"], "chosen_on": ["mnli/en"]}, [50, 86, 87]),
        "squad": ({"data": ["squad/en"]}, [86, 88, 90]),
    }
    for source, (part, scores) in chosen.items():
        for seed in run.settings["seeds"]:
            folder = run.folder / "models" / run.settings["models"][0] / source / "none" / str(seed)
            evaluations = [{"step": 10 * (place + 1), "score": score} for place, score in enumerate(scores)]
            write_json(folder / "history.json", {"evaluations": evaluations})
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            write_json(folder / "manifest.json", manifest | {"spec": {"settings": {"parts": [part]}}})
    arms = {"E": "mnli", "M": "mnli-many", "S": "squad"}
    assert shares_to_dev(run, arms, "E") == {"E": 1.0, "M": pytest.approx(2 / 3)}
    folder = run.folder / "models" / run.settings["models"][0]
    first = run.settings["seeds"][0]
    harder = [{"step": 10 * place, "score": score} for place, score in ((1, 40), (2, 80), (3, 87))]
    write_json(folder / "mnli/none" / str(first) / "history.json", {"evaluations": harder})
    (folder / "mnli-many/none" / str(first) / "history.json").unlink()
    assert shares_to_dev(run, arms, "E")["M"] == pytest.approx(2 / 3), "a seed beside itself"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"faster": -10.0}, "no", "lies outside the 2 %"),
        ({"faster": 10.0}, "no", "lies outside the 2 %"),
        ({"repeats": 4}, "not identified", "4 repeats, and the rule needs 6"),
        ({"noise": 0.1}, "not identified", "partly within and partly outside"),
    ],
)
def test_other_speeds_few_repeats_and_noise(tmp_path: Path, changes: dict[str, Any], verdict: str, reason: str) -> None:
    found, _ = decided(tmp_path, **changes)
    assert found["verdict"] == verdict and reason in found["reason"], found["reason"]


def test_arms_are_gone_through_in_an_order_and_its_reverse_by_turns() -> None:
    steps = list(order(["A", "B"], ["unpadded"], 4, 2))
    blocks = ["".join(arm for arm, _, repeat, step in steps if repeat == n and step == 0) for n in range(-1, 4)]
    assert blocks == ["BA", "AB", "BA", "AB", "BA"], "so what drifts slowly meets both alike"
    assert sum(repeat < 0 for _, _, repeat, _ in steps) == 2 * WARM


def test_filled_sequences_keep_what_they_are_and_have_the_width_that_is_wanted() -> None:
    ids = [[0, 5, 2], [0, 6, 7, 8, 2], [0, 2]]
    features = Features(
        np.concatenate([np.array(one, dtype=np.int32) for one in ids]),
        np.array([0, 3, 8, 10]),
        np.arange(3),
        {"label": np.array([0, 1, 2])},
    )
    assert filled(features, "unpadded", 9) is features
    dynamic, maximum = filled(features, "dynamic", 9), filled(features, "maximum", 9)
    assert lengths(dynamic).tolist() == [5, 5, 5] and lengths(maximum).tolist() == [9, 9, 9]
    assert dynamic.input_ids.reshape(3, 5).tolist() == [[0, 5, 2, 2, 2], [0, 6, 7, 8, 2], [0, 2, 2, 2, 2]]
    assert dynamic.targets["label"].tolist() == [0, 1, 2]

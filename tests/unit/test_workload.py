"""What a job asks of a machine: by the size of its work and the attempt; never a part of what makes it out of date."""

import json
from pathlib import Path

import pytest
import yaml

from xstilts.config import load
from xstilts.digest import modules_behind
from xstilts.estimates import DEVICES, operations, seconds
from xstilts.jobs import Jobs
from xstilts.workload import Workload

ROOT = Path(__file__).parents[2]
CONFIG = (ROOT / "config.yaml").read_text()
TARGET = ("train_target", "xlm-roberta-large", "none")


@pytest.fixture
def paper(tmp_path: Path) -> Workload:
    run = load(yaml.safe_load((ROOT / "config.yaml").read_text()))
    return Workload(Jobs(run, ROOT, results=tmp_path))


def test_a_larger_training_asks_for_more_time_and_a_second_attempt_for_more_of_all(paper: Workload) -> None:
    small, large = (*TARGET, "tydiqa", "1"), (*TARGET, "mnli", "1")
    assert paper.minutes(1, *large) > 3 * paper.minutes(1, *small)
    assert paper.minutes(2, *large) == 2 * paper.minutes(1, *large)
    assert paper.memory_mb(2, *large) > paper.memory_mb(1, *large) > 16_000 / 2


def test_the_steps_of_the_paper_follow_from_rows_batches_and_epochs(paper: Workload) -> None:
    work = paper.work(*TARGET, "mnli", "1")
    assert work.steps == 2 * 98_176, "392,702 rows in batches of 4, twice"
    assert work.assumed == {"expected rows"}, "no data are on the disk"
    assert (
        paper.work(*TARGET, "mnli", "3") == work == paper.work("train_target", "xlm-roberta-large", "anli", "mnli", "2")
    )


def test_operations_are_six_a_weight_and_token_of_a_training_and_two_of_a_forward_pass(paper: Workload) -> None:
    work, size = paper.work(*TARGET, "mnli", "1"), paper.size("xlm-roberta-large")[0]
    blocks = 24 * 12 * 1024**2
    assert operations(work, size) == pytest.approx(2 * blocks * (3 * work.tokens + work.forward), rel=0.02)
    assert work.tokens > work.forward > 0


def test_steps_on_batches_of_tokens_follow_from_the_tokens_of_the_rows(tmp_path: Path) -> None:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    raw["target"]["sets"]["mnli"] |= {"batch_size": None, "batch_tokens": 16_384}
    raw["intermediate"]["sets"]["squad"] |= {"batch_size": None, "batch_tokens": 4_096}
    paper, run = (Workload(Jobs(load(one), ROOT, results=tmp_path)) for one in (yaml.safe_load(CONFIG), raw))
    few, many = (one.work(*TARGET, "mnli", "1") for one in (run, paper))
    assert few.tokens == pytest.approx(many.tokens, rel=0.01), "the same examples"
    assert few.steps == pytest.approx(many.tokens / 16_384, rel=0.01) and few.micro_batches == few.steps
    multi = ("train_intermediate", "xlm-roberta-large", "multi", "1")
    assert run.work(*multi).tokens == pytest.approx(paper.work(*multi).tokens, rel=0.05)


def test_rows_on_the_disk_count_and_not_those_of_the_registry(paper: Workload) -> None:
    manifest = paper.jobs.data("tydiqa", "en")
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"results": {"rows": {"train": 160, "dev": 3}}, "reason": None}))
    work = paper.work(*TARGET, "tydiqa", "1")
    assert work.rows == 160 and work.steps == 22 and not work.assumed


@pytest.mark.parametrize("left", ["", "{", "{}"])
def test_a_damaged_manifest_does_not_stop_the_estimate(paper: Workload, left: str) -> None:
    manifest = paper.jobs.data("tydiqa", "en")
    manifest.parent.mkdir(parents=True)
    manifest.write_text(left)
    work = paper.work(*TARGET, "tydiqa", "1")
    assert work.rows == 3_696 and work.assumed == {"expected rows"}


def test_an_encoder_of_half_the_depth_takes_about_half_the_time(paper: Workload) -> None:
    size, known = paper.size("xlm-roberta-large")
    assert known and size.layers == 24
    work = paper.work(*TARGET, "squad", "1")
    half = type(size)(size.vocabulary, size.positions, 12, size.hidden, size.inner)
    assert 1.7 < seconds(work, size, DEVICES["gpu"]) / seconds(work, half, DEVICES["gpu"]) < 2.1


def test_small_encoders_keep_one_thread_whatever_their_work(paper: Workload) -> None:
    demo = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    for name, value in demo.items():
        raw[name] = {**raw[name], **value} if isinstance(raw.get(name), dict) and name != "encoders" else value
    assert Workload(Jobs(load(raw), ROOT)).threads("demo-encoder") == 1 < paper.threads("xlm-roberta-large")


def test_no_estimate_is_a_part_of_any_jobs_code() -> None:
    for script in sorted((ROOT / "workflow/scripts").glob("*.py")):
        behind = set(modules_behind(script))
        assert not {
            name for name in behind if name.startswith(("xstilts.estimates", "xstilts.workload", "xstilts.planning"))
        }

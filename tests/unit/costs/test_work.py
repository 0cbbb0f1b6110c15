"""What a job asks of a machine: by the size of its work and the attempt; never a part of what makes it out of date."""

import json
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from xstilts.config.run import load
from xstilts.costs.blocks import by_block
from xstilts.costs.disk import bytes_of_run
from xstilts.costs.time import DEVICES, operations, seconds
from xstilts.costs.work import Workload
from xstilts.graph.digest import modules_behind
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.training.sampler import Component, Schedule, schedule

ROOT = Path(__file__).parents[3]
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


def test_each_process_of_a_divided_training_has_its_own_memory_beside_its_part_of_the_weights(tmp_path: Path) -> None:
    raw = yaml.safe_load(CONFIG)
    raw["encoders"]["xlm-roberta-large"] |= {"gpus_per_job": 4}
    divided, alone = (Workload(Jobs(load(one), ROOT, results=tmp_path)) for one in (raw, yaml.safe_load(CONFIG)))
    more = divided.memory_mb(1, *TARGET, "mnli", "1") - alone.memory_mb(1, *TARGET, "mnli", "1")
    assert more == pytest.approx(3 * 2 * (1500 + 1250 * 0.392702), rel=0.01), "a base, and all rows"
    predicting = ("predict", "xlm-roberta-large", "none", "mnli", "1", "xnli")
    assert divided.memory_mb(1, *predicting) == alone.memory_mb(1, *predicting), "on one GPU"


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


def steps_by_part(workload: Workload, source: str) -> tuple[int, int]:
    """Return the steps of the paper's training on a source: (labelled, on raw text), as the sampler draws them."""
    drawn = []

    def watched(components: list[Component], seed: int, length: str = "labelled") -> Schedule:
        plan = schedule(components, seed, length)
        drawn.append([int((plan.component == which).sum()) for which in range(len(components))])
        return plan

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xstilts.training.sampler.schedule", watched)
        settings = settings_of(workload.jobs, "train_intermediate", "xlm-roberta-large", source, 1)
        assert workload.training(settings).steps == sum(drawn[-1])
    text = drawn[-1].pop() if source.endswith("+mlm") else 0
    return sum(drawn[-1]), text


TASKS = ("anli", "mnli", "qqp", "squad", "squad2", "hellaswag", "ccg", "cosmosqa", "csqa", "multi", "multi-v1")


def with_text(tmp_path: Path, **mlm: str) -> Workload:
    raw = yaml.safe_load(CONFIG)
    raw["sources"] = [*TASKS, *(f"{name}+mlm" for name in TASKS)]
    raw["intermediate"]["mlm"] |= mlm
    return Workload(Jobs(load(raw), ROOT, results=tmp_path))


@pytest.mark.parametrize("source", TASKS)
def test_raw_text_takes_no_labelled_steps_from_any_source_of_the_paper(tmp_path: Path, source: str) -> None:
    paper = with_text(tmp_path)
    alone, beside = steps_by_part(paper, source), steps_by_part(paper, f"{source}+mlm")
    assert beside[0] == pytest.approx(alone[0], rel=0.02), "drawn at random"
    units = {"anli": 1_104_934, "mnli": 392_702, "qqp": 363_846}.get(source)
    if units:
        assert alone[0] == alone[1] + -(-units // 24) * (3 if source == "qqp" else 2)
        assert beside[1] == pytest.approx(beside[0], rel=0.02), "both count 2^17 examples, so each has half the draws"


def test_capped_counts_no_more_than_the_cap_of_a_single_set_either(tmp_path: Path) -> None:
    jiant = with_text(tmp_path, length="capped")
    assert steps_by_part(jiant, "anli+mlm")[0] == pytest.approx(2 * 5462, rel=0.02), "2^17 examples in batches of 24"
    assert steps_by_part(jiant, "csqa+mlm")[0] == pytest.approx(steps_by_part(jiant, "csqa")[0], rel=0.02)


def test_a_limit_of_the_training_counts(tmp_path: Path) -> None:
    raw = yaml.safe_load(CONFIG) | {"training": {"limit": 1_000}}
    run = Workload(Jobs(load(raw), ROOT, results=tmp_path))
    assert run.work(*TARGET, "mnli", "1").steps == 2 * 250 and run.work(*TARGET, "mnli", "1").rows == 1_000


def test_the_blocks_of_the_table_cost_together_what_their_jobs_do(paper: Workload) -> None:
    jobs = [(list(map(str, names)), 60.0) for rule, *names in paper.jobs.every() if rule == "train_target"]
    blocks = by_block(paper.jobs.run, jobs)
    assert sum(one.seconds for one in blocks) == 60 * len(jobs)
    hours = {one.name: one.seconds / 60 / 6 / 3 for one in blocks}
    translated = {f"Translated into {code}": 3.0 for code in ("de", "ru", "sw")}
    assert hours == {"without an intermediate task": 1, "Without MLM": 10, "With MLM": 10, **translated}
    raw = yaml.safe_load(CONFIG) | {"sources": ["none", "mnli", "mnli-shuffled"]}
    assert by_block(load(raw), jobs[:1]) == [], "a table without blocks"


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


def test_adapters_leave_the_optimiser_little_to_move(tmp_path: Path) -> None:
    raw = yaml.safe_load(CONFIG)
    raw["encoders"]["xlm-roberta-large"]["method"] = {"kind": "lora", "phases": ["target"]}
    whole, adapted = (Workload(Jobs(load(one), ROOT, results=tmp_path)) for one in (yaml.safe_load(CONFIG), raw))
    job = (*TARGET, "mnli", "1")
    size, device = whole.size("xlm-roberta-large")[0], DEVICES["gpu"]
    less = seconds(whole.work(*job), size, device) - seconds(adapted.work(*job), size, device)
    moved = whole.work(*job).steps * 28 * 345e6 / device.bandwidth
    assert less == pytest.approx(moved, rel=0.02), "AdamW over 345 million weights, or over under one"
    before = ("train_intermediate", "xlm-roberta-large", "mnli", "1")
    assert adapted.work(*before) == whole.work(*before), "a phase that trains the whole encoder"


def test_small_encoders_keep_one_thread_whatever_their_work(paper: Workload) -> None:
    demo = yaml.safe_load((ROOT / "config/runs/demo.yaml").read_text())
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(raw, demo)
    assert Workload(Jobs(load(raw), ROOT)).threads("demo-encoder") == 1 < paper.threads("xlm-roberta-large")


def test_no_estimate_is_a_part_of_any_jobs_code() -> None:
    predictions = "predict_study.py"  # an estimate itself, and no result
    for script in sorted(set((ROOT / "workflow/scripts").glob("*.py")) - {ROOT / "workflow/scripts" / predictions}):
        behind = set(modules_behind(script))
        assert not {
            name for name in behind if name.startswith(("xstilts.costs.time", "xstilts.costs.work", "xstilts.planning"))
        }


def test_an_index_is_as_much_work_as_its_candidates_and_a_search_as_its_products(tmp_path: Path) -> None:
    raw = yaml.safe_load(CONFIG) | {"benchmark": "xtreme_r", "tasks": ["mewslix", "tatoeba"], "sources": ["none"]}
    work = Workload(Jobs(load(raw), ROOT, results=tmp_path))
    job = ("xlm-roberta-large", "none", "mewslix", "1", "mewslix")
    index, prediction = work.work("index", *job), work.work("predict", *job)
    assert index.rows == 1_003_893 and index.float32 and index.forward > 10 * prediction.forward
    queries = 2_991 + 14_624  # dev and test of eleven languages
    assert prediction.products == queries * 1_003_893
    size = work.size("xlm-roberta-large")[0]
    searching = 2 * 1024 * prediction.products / DEVICES["cpu"].search
    assert DEVICES["cpu"].search < DEVICES["cpu"].mining, "as it was measured with a million candidates"
    assert seconds(prediction, size, DEVICES["cpu"]) > searching
    shorter = yaml.safe_load(CONFIG) | {"benchmark": "xtreme_r", "tasks": ["lareqa"], "sources": ["none"]}
    whole = Workload(Jobs(load(shorter), ROOT, results=tmp_path))
    shorter["lengths"] = {**shorter.get("lengths", {}), "dual_encoder": 64}
    cut = Workload(Jobs(load(shorter), ROOT, results=tmp_path))
    of = ("xlm-roberta-large", "none", "lareqa", "1", "lareqa")
    assert cut.work("index", *of).forward < 0.4 * whole.work("index", *of).forward, "candidates are cut"
    assert work.memory_mb(1, "predict", *job) > work.memory_mb(1, "predict", *job[:2], "none", "1", "tatoeba") + 1_500
    assert work.rows_of_features("index", "mewslix") == 1_003_893
    kept = bytes_of_run(work.jobs)
    assert kept["index"] == 3 * 2 * 1_003_893 * 1024, "three seeds of float16"


def test_a_translation_has_the_rows_that_are_trained_on_and_no_others(paper: Workload) -> None:
    rows = {split: paper.rows("mnli-translated", "de", split)[0] for split in ("train", "dev", "test")}
    assert rows == {"train": 392_702, "dev": 0, "test": 0}, "English dev chooses its checkpoint"

"""A run on the first blocks of an encoder: what its tables, its plan and its disk say of it."""

from pathlib import Path

import yaml

from xstilts.config.run import load
from xstilts.costs.disk import bytes_of_model
from xstilts.costs.work import Workload
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.reporting.main.marks import blocks_remarks, recipe_sentence

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
LARGE = "xlm-roberta-large"


def test_an_encoder_with_its_first_blocks_alone_is_named_so_in_every_table() -> None:
    encoders = {LARGE: BASE["encoders"][LARGE] | {"layers": 6}}
    jobs, plain = (Jobs(load(BASE | changes), ROOT) for changes in ({"encoders": encoders}, {}))
    assert settings_of(jobs, "collect_scores")["recipe"] == f"paper, first 6 blocks of {LARGE}"
    assert f"first 6 blocks of {LARGE}" in recipe_sentence(settings_of(jobs, "table_main"))
    for rule in ("table_languages", "table_seeds", "table_intermediate"):
        assert blocks_remarks(settings_of(jobs, rule)) == [f"{LARGE} is the first 6 blocks of its encoder."]
    assert plain.recipe == "paper" and blocks_remarks(settings_of(plain, "table_seeds")) == []


def test_the_plan_and_the_disk_count_the_blocks_that_stay() -> None:
    encoders = {LARGE: BASE["encoders"][LARGE] | {"layers": 6}}
    jobs, plain = (Jobs(load(BASE | changes), ROOT) for changes in ({"encoders": encoders}, {}))
    assert Workload(jobs).size(LARGE)[0].layers == 6 and Workload(plain).size(LARGE)[0].layers == 24
    few, all_of_them = bytes_of_model(jobs, LARGE), bytes_of_model(plain, LARGE)
    assert Workload(jobs).threads_of_trimming(LARGE, spare=8) == 1, "no text is read for the first blocks alone"
    a_block = 12 * 1024 * 1024 + 13 * 1024
    assert all_of_them - few == 4 * 18 * a_block

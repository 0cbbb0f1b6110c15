"""A study beside a finished run: what the run has is not made again, and nothing of the run is made anew by it."""

import json
from pathlib import Path

import pytest
from checkout import Checkout
from decoders import qwen

pytestmark = pytest.mark.slow

ORDER = """
question: Does a multilingual intermediate task before the English one help?
seeds: [1]
least_seeds: 3
smallest: 0.5
arms: {none: none, E: mnli, M->E: mnli-many-then-mnli, E->E: mnli-then-mnli}
tasks: [xnli, tatoeba]
settings: {intermediate: {groups: {many: [qaa, qab]}}}
"""
STUDIED = ("studied", "--config", "study=order")


def test_a_study_trains_only_what_its_run_does_not_have(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    (twin.folder / "config/studies/order.yaml").write_text(ORDER)
    twin.snakemake("--quiet", "all")  # the run is whole, whatever was looked at in it before
    planned = twin.plan(*STUDIED)
    made = {job for job in planned if job.startswith(("train", "predict/"))}
    assert made == {
        *("train_intermediate/tiny/mnli-many/1", "train_intermediate/tiny/mnli-many-then-mnli/1"),
        "train_intermediate/tiny/mnli-then-mnli/1",
        *(f"train_target/tiny/{source}/mnli/1" for source in ("mnli-many-then-mnli", "mnli-then-mnli")),
        *(f"predict/tiny/{source}/mnli/1/xnli" for source in ("mnli-many-then-mnli", "mnli-then-mnli")),
        *(f"predict/tiny/{source}/none/1/tatoeba" for source in ("mnli-many-then-mnli", "mnli-then-mnli")),
    }
    plan = twin.xstilts("plan", "--", "studied", "--configfile", *twin.configuration, "--config", "study=order")
    assert "arm of study order" in plan and "mnli-many-then-mnli" in plan

    twin.snakemake(*STUDIED, "--quiet", "all")
    study = twin.folder / "results/tiny/studies/order"
    found = json.loads((study / "verdict.json").read_text(encoding="utf-8"))
    assert found["verdict"] == "not identified"
    text = (study / "verdict.md").read_text(encoding="utf-8")
    assert "| E->E | 5 of 5 |" in text, "two trainings on the way, one on the target, two predictions"
    made_from = json.loads((twin.folder / "results/tiny/models/tiny/mnli-then-mnli/none/1/manifest.json").read_text())
    assert made_from["inputs"]["encoder"]["manifest"] == "results/tiny/models/tiny/mnli/none/1/manifest.json"

    assert twin.plan(*STUDIED) == set(), "finished"
    assert twin.plan() == set(), "and the run is as it was"
    assert twin.plan("--config", "study=order") == {"report"}, "the page shows it when it is asked for"
    twin.snakemake("--config", "study=order", "--quiet", "all")
    page = (twin.folder / "results/tiny/report.html").read_text(encoding="utf-8")
    assert found["question"] in page and "studies/order/verdict.md" in page
    traced = twin.xstilts("trace", str(study / "costs.csv"), "--row", "E->E", "--column", "training_seconds")
    assert "mnli-then-mnli/none/1/manifest.json" in traced


SIZES = """
question: Do the gains of intermediate training diminish with the size of the encoder, and beyond 30 B?
seeds: [1]
least_seeds: 3
arms: {none: none, mnli: mnli}
families: {decoders: {small: 0.000011, medium: 0.00002, large: 0.000035}}
tasks: [xnli]
settings:
  encoders:
    small: &decoder
      weights: UPSTREAM/1
      method: {kind: lora, modules: [q_proj, v_proj], rank: 4, learning_rate: 1.0e-3}
    medium: {<<: *decoder, weights: UPSTREAM/2}
    large: {<<: *decoder, weights: UPSTREAM/3}
"""


def test_decoders_of_three_sizes_go_through_the_study_to_its_page(run: Checkout, tmp_path: Path) -> None:
    """Random ones, by LoRA, from a folder to the verdict: three sizes far below the bound identify nothing."""
    upstream = tmp_path / "upstream"
    for size in (1, 2, 3):
        qwen(upstream / str(size), size)
    twin = run.twin(tmp_path / "twin")
    (twin.folder / "config/studies/size.yaml").write_text(SIZES.replace("UPSTREAM", str(upstream)))
    asked = ("studied", "--config", "study=size")
    plan = twin.xstilts("plan", "--", "studied", "--configfile", *twin.configuration, "--config", "study=size")
    assert "large, mnli" in plan and "GiB of a GPU to train, calculated" in plan
    twin.snakemake(*asked, "--quiet", "all")
    study = twin.folder / "results/tiny/studies/size"
    found = json.loads((study / "verdict.json").read_text(encoding="utf-8"))
    assert found["verdict"] == "not identified" and found["reason"].startswith("1 seed, and the rule needs 3")
    page = (study / "verdict.md").read_text(encoding="utf-8")
    assert "small (1.1e-05 B), medium (2e-05 B), large (3.5e-05 B)" in page and "0 sizes above 30 B" in page
    models = twin.folder / "results/tiny/models"
    assert (models / "large/mnli/mnli/1/adapter_model.safetensors").is_file()
    head = json.loads((models / "large/mnli/mnli/1/head.json").read_text(encoding="utf-8"))
    assert head["sentence"] == "last", "a decoder's vector stands at its end"
    assert twin.plan(*asked) == set() and twin.plan() == set()

"""GPUs of one training, from the configuration to the jobs: a model with one has the specs that it always had."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.config.run import load
from xstilts.costs.cards import card_bytes, check_gpus, remedy
from xstilts.costs.size import LARGE
from xstilts.costs.trained import trained_parameters
from xstilts.errors import ConfigError
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.planning.hardware import machine_of

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
HUB = {"weights": "FacebookAI/xlm-roberta-xl"}
FEW = {"sources": ["none", "mnli"], "tasks": ["xnli", "tatoeba"], "seeds": [1], "models": ["m"]}


def jobs(**encoder: Any) -> Jobs:
    return Jobs(load(BASE | FEW | {"encoders": {"m": HUB | encoder}}), ROOT)


def test_one_gpu_is_what_a_run_without_the_key_has() -> None:
    plain, one = jobs(), jobs(gpus_per_job=1)
    assert plain.run.model_dump(mode="json") == one.run.model_dump(mode="json")
    for job in plain.every():
        assert settings_of(plain, *job) == settings_of(one, *job)
        assert "gpus_per_job" not in str(settings_of(plain, *job))


def test_several_stand_in_the_specs_of_trainings_and_in_no_other_that_computes() -> None:
    plain, four = jobs(), jobs(gpus_per_job=4)
    changed = {job[0] for job in plain.every() if settings_of(plain, *job) != settings_of(four, *job)}
    assert changed - {"table_hyperparameters"} == {"train_intermediate", "train_target"}
    assert settings_of(four, "train_target", "m", "none", "mnli", 1)["gpus_per_job"] == 4


def test_a_profile_with_fewer_gpus_is_refused_where_snakemake_would_ask_for_fewer() -> None:
    run = jobs(gpus_per_job=4).run
    check_gpus(run, None)
    check_gpus(run, 4)
    check_gpus(jobs().run, 1)
    with pytest.raises(ConfigError, match=r"encoders\.m\.gpus_per_job: found 4, and gpu: 1 .*--resources gpu=4"):
        check_gpus(run, 1)


def test_weights_gradients_and_moments_are_divided_and_activations_are_not() -> None:
    one, two, four = (card_bytes(jobs(gpus_per_job=gpus), "m") for gpus in (1, 2, 4))
    trained = trained_parameters(LARGE)  # of an encoder whose size nobody knows
    assert two - four == pytest.approx(16 * trained / 4)
    assert one > two > four > card_bytes(jobs(gpus_per_job=64), "m") > 2**31, "activations and what is gathered stay"


def test_what_makes_a_model_fit_is_named_the_cheapest_first() -> None:
    run = jobs()
    assert card_bytes(run, "m") > 16e9
    assert remedy(run, "m", 16e9) == "optimisation: {activation_checkpointing: true}"
    assert card_bytes(jobs(gpus_per_job=2), "m") < 8e9 < card_bytes(run, "m")
    assert remedy(run, "m", 8e9) == "encoders: {m: {gpus_per_job: 2}}"
    assert remedy(run, "m", 2e9) == "a smaller optimisation.micro_tokens"


@pytest.mark.parametrize(
    ("profile", "memory"),
    [
        ("executor: slurm\njobs: 4\n", 141e9),  # like an H200, on which nothing ran yet
        ("executor: slurm\njobs: 4\ndefault-resources: {gpu_memory_gb: 40}\n", 40e9),
        ("resources: {gpu: 2}\n", 141e9),
    ],
)
def test_the_memory_of_a_profiles_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str, memory: float
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi
    (tmp_path / "config.yaml").write_text(profile)
    machine = machine_of(["--workflow-profile", str(tmp_path)])
    assert machine.memory == memory
    (tmp_path / "config.yaml").write_text("cores: all\n")
    assert machine_of(["--workflow-profile", str(tmp_path)]).memory is None, "no GPU"
    (tmp_path / "config.yaml").write_text(profile)
    assert machine_of(["--workflow-profile", str(tmp_path)], ["NVIDIA A100-SXM4-80GB"]).memory in (80e9, 40e9)


def test_a_card_has_the_memory_of_its_own_name_and_not_of_one_that_begins_alike(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("executor: slurm\njobs: 4\n")
    known = {"NVIDIA A40": 48e9, "NVIDIA A10G": 24e9, "NVIDIA L40S": 48e9, "Tesla T4": 16e9}
    unknown = ("NVIDIA RTX A4000", "NVIDIA T400", "NVIDIA A1000 Laptop GPU")
    for name, memory in {**known, **dict.fromkeys(unknown)}.items():
        assert machine_of(["--workflow-profile", str(tmp_path)], [name]).memory == memory, name

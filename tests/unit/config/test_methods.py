"""What trains of an encoder, from the configuration to the jobs: a whole one has the specs that it always had."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.config.run import load
from xstilts.costs.disk import bytes_of_run, bytes_of_training
from xstilts.costs.gpu_memory import training_bytes
from xstilts.costs.size import LARGE
from xstilts.costs.trained import trained_parameters
from xstilts.errors import ConfigError
from xstilts.graph.digest import modules_behind
from xstilts.graph.inputs import inputs_of
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.graph.specs import opened_by_name
from xstilts.reporting.run import RunFolder

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
LARGE_HUB = {"weights": "FacebookAI/xlm-roberta-large"}


def jobs(method: Any = None, **changes: Any) -> Jobs:
    encoders = {"whole": LARGE_HUB, "m": LARGE_HUB | ({"method": method} if method else {})}
    few = {"sources": ["none", "none-tuned", "mnli"], "tasks": ["xnli", "tatoeba"], "seeds": [1]}
    return Jobs(load(BASE | few | {"models": ["whole", "m"], "encoders": encoders} | changes), ROOT)


def test_full_is_what_a_run_without_the_key_has() -> None:
    """Settings and inputs of every job, and the configuration itself: nothing is made again because there is a key."""
    plain, named = jobs(), jobs("full")
    assert [*plain.every()] == [*named.every()]
    for job in plain.every():
        assert settings_of(plain, *job) == settings_of(named, *job) or job[0] in ("table_hyperparameters",)
        assert inputs_of(plain, job[0], *map(str, job[1:])) == inputs_of(named, job[0], *map(str, job[1:]))
    assert "method" not in plain.run.model_dump()["encoders"]["m"]
    for rule, *wildcards in (("train_intermediate", "m", "mnli", 1), ("train_target", "m", "mnli", "mnli", 1)):
        assert "method" not in settings_of(plain, rule, *wildcards)
        assert opened_by_name(plain, rule, *wildcards) == opened_by_name(named, rule, *wildcards)
        entry = ROOT / f"workflow/scripts/{rule}.py"
        assert not [name for name in modules_behind(entry, opened_by_name(plain, rule, *wildcards)) if "adapte" in name]


def test_a_kind_alone_has_the_settings_of_its_paper() -> None:
    found = settings_of(jobs("lora"), "train_target", "m", "mnli", "mnli", 1)["method"]
    assert found == {"kind": "lora", "modules": ["query", "value"], "rank": 8, "alpha": 16.0, "dropout": 0.0}
    found = settings_of(jobs("bottleneck"), "train_target", "m", "mnli", "mnli", 1)["method"]
    assert found == {"kind": "bottleneck", "form": "pfeiffer", "reduction": 16, "activation": "relu", "dropped": 0}
    houlsby = {"kind": "bottleneck", "form": "houlsby"}
    assert settings_of(jobs(houlsby), "train_target", "m", "none", "mnli", 1)["method"]["activation"] == "swish"


@pytest.mark.parametrize(
    ("phases", "intermediate", "target", "below"),
    [
        (["intermediate", "target"], True, True, {"train": "m", "predict": "m", "retrieve": "m"}),
        (["target"], False, True, {"predict": "m/mnli/none/1"}),
        (["intermediate"], True, False, {"train": "m", "retrieve": "m"}),
    ],
)
def test_each_job_reads_the_encoder_below_what_it_reads(
    phases: list[str], intermediate: bool, target: bool, below: dict[str, str]
) -> None:
    made = jobs({"kind": "lora", "phases": phases})
    assert ("method" in settings_of(made, "train_intermediate", "m", "mnli", 1)) == intermediate
    assert ("method" in settings_of(made, "train_target", "m", "mnli", "mnli", 1)) == target
    wanted = {
        "train": ("train_target", "m", "mnli", "mnli", "1"),
        "predict": ("predict", "m", "mnli", "mnli", "1", "xnli"),
        "retrieve": ("predict", "m", "mnli", "none", "1", "tatoeba"),
    }
    models = made.here / "models"
    for name, job in wanted.items():
        assert inputs_of(made, *job)["below"] == ([models / below[name] / "manifest.json"] if name in below else []), (
            name
        )
    opened = opened_by_name(made, "predict", "m", "mnli", "none", 1, "tatoeba")
    assert ("xstilts.modeling.adapters.lora" in opened) == intermediate
    assert inputs_of(made, "predict", "m", "none", "none", "1", "tatoeba")["below"] == [], "the encoder as it is"
    assert inputs_of(made, "predict", "whole", "mnli", "mnli", "1", "xnli")["below"] == []


def test_a_chain_goes_on_with_the_adapters_of_its_first_source() -> None:
    made = jobs("lora", sources=["none", "mnli-then-squad"])
    found = inputs_of(made, "train_intermediate", "m", "mnli-then-squad", "1")
    assert (found["encoder"], found["below"]) == (made.encoder("m", "mnli", 1), [made.pretrained("m")])
    assert inputs_of(made, "train_intermediate", "m", "mnli", "1")["below"] == []
    assert inputs_of(made, "train_intermediate", "whole", "mnli-then-squad", "1")["below"] == []


def test_an_encoder_stays_while_adapters_stand_in_it() -> None:
    made = jobs({"kind": "lora", "phases": ["target"]})
    prediction = made.prediction("m", "mnli", "mnli", 1, "xnli")
    assert prediction in made.users("m", "mnli", "none", 1)
    assert prediction not in made.users("whole", "mnli", "none", 1)


def test_a_method_brings_its_learning_rates() -> None:
    made = jobs({"kind": "lora", "learning_rate": 3e-4, "rates": [1e-4, 3e-4, 1e-3]})
    assert settings_of(made, "train_intermediate", "m", "mnli", 1)["learning_rate"] == 3e-4
    assert settings_of(made, "train_target", "m", "mnli", "mnli", 1)["learning_rate"] == 3e-4
    assert settings_of(made, "train_target", "m", "none@0.001", "mnli", 1)["learning_rate"] == 1e-3
    tried = {"none@0.0001": 1e-4, "none": 3e-4, "none@0.001": 1e-3}
    assert settings_of(made, "choose_rate", "m", "none-tuned", "mnli", 1) == {"candidates": tried}
    assert ("m", "none@0.0001", "mnli", 1) in made.target_trainings()
    assert ("whole", "none@0.0001", "mnli", 1) not in made.target_trainings()
    assert settings_of(made, "train_target", "whole", "mnli", "mnli", 1)["learning_rate"] == 3e-6


def test_a_method_brings_its_rate_to_every_training_of_a_chain_of_targets() -> None:
    sets = BASE["target"]["sets"]
    target = BASE["target"] | {"sets": {name: {"batch_size": 8, "epochs": 1} for name in ("siqa", "copa")} | sets}
    made = jobs({"kind": "lora", "learning_rate": 3e-4}, tasks=["xcopa"], target=target, sources=["none"])
    settings = settings_of(made, "train_target", "m", "none", "siqa-copa", 1)
    assert [settings["learning_rate"], *(link["learning_rate"] for link in settings["before"])] == [3e-4, 3e-4]
    whole = settings_of(made, "train_target", "whole", "none", "siqa-copa", 1)
    assert 3e-4 not in [whole["learning_rate"], *(link["learning_rate"] for link in whole["before"])]


def test_results_name_the_method() -> None:
    assert jobs("lora").recipe.endswith(", LoRA of rank 8 in m")
    dropped = {"kind": "bottleneck", "dropped": 5}
    assert jobs(dropped).recipe.endswith(", Pfeiffer adapters above block 5 in m")
    assert jobs("full").recipe == jobs().recipe


def test_each_model_has_a_picture_of_its_differences(tmp_path: Path) -> None:
    """The rule asks for what the figure is called; with two models it asked for a name that only one model has."""
    made = jobs("lora")
    run = RunFolder({"models": made.run.models}, tmp_path, tmp_path)
    assert made.stems("differences") == [run.stem("differences", model) for model in made.run.models]
    assert jobs(models=["m"]).stems("differences") == ["differences"]
    rules = (ROOT / "workflow/rules/figures.smk").read_text(encoding="utf-8")
    assert 'jobs.figures(*jobs.stems("differences"))' in rules


def test_the_plan_counts_moments_and_disk_for_what_trains_only() -> None:
    made = jobs("lora")
    method = made.run.encoders["m"].method
    assert trained_parameters(LARGE, method) == 786_432
    spared = training_bytes(LARGE, made.run.optimisation) - training_bytes(LARGE, made.run.optimisation, method=method)
    assert spared == 16 * trained_parameters(LARGE) - 4 * LARGE.parameters - 12 * 786_432
    one = jobs("lora", models=["m"])
    whole = jobs(models=["m"])
    assert bytes_of_training(one) == 12 * 4 * 786_432 and bytes_of_training(whole) > 16e9
    assert bytes_of_run(one)["pretrained"] == bytes_of_run(whole)["pretrained"]
    assert bytes_of_run(one)["target"] < 0.002 * bytes_of_run(whole)["target"]


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("lorra", "encoders.m.method.kind: found 'lorra'; input should be 'full', 'lora', 'ia3' or 'bottleneck'"),
        ({"kind": "lora", "reduction": 8}, "found reduction beside kind lora; expected it of bottleneck only"),
        ({"kind": "lora", "rank": 0}, "encoders.m.method.rank: found 0; input should be greater than 0"),
        ({"kind": "ia3", "feed_forward": ["dense"]}, "feed_forward: found dense; expected some of modules"),
        ({"kind": "bottleneck", "phases": ["intermediate"]}, "bottleneck adapters cannot be merged"),
        ({"kind": "lora", "phases": []}, "encoders.m.method.phases"),
        ({"kind": "lora", "ranks": 8}, "unknown key; did you mean 'rank'?"),
    ],
)
def test_what_is_no_method_is_refused(method: Any, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        jobs(method)
    assert message in str(error.value)

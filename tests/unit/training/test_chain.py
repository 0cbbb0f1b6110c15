"""A chain of training sets: one encoder and one head, each link with settings of its own, killed and gone on with."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from encoder_jobs import ROOT, Made
from family_tokenizers import LINES, trained
from safetensors.torch import load_file

from xstilts.artifacts import WORK, Manifest, read_manifest
from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.errors import ConfigError, UserError
from xstilts.files import read_json, write_json
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.modeling.fetch import fetch_model
from xstilts.training import checkpoint
from xstilts.training.phase import train_target

SETS = {
    "siqa": {"batch_size": 8, "epochs": 2, "learning_rate": 1.0e-3, "lengths": {"multiple_choice": 64}},
    "copa": {"batch_size": 4, "epochs": 3, "learning_rate": 5.0e-4, "lengths": {"multiple_choice": 48}},
}
XCOPA = {"benchmark": "xtreme_r", "tasks": ["xcopa"], "languages": ["et"], "sources": ["none"], "seeds": [1]}


def questions(count: int, choices: int, language: str) -> list[dict[str, Any]]:
    lines = [line for line in LINES for _ in range(2)]
    return [
        {
            "id": f"{language}{i}",
            "language": language,
            "group": str(i),
            "prompt": lines[i % len(lines)],
            "choices": [lines[(i * 3 + j + 1) % len(lines)] for j in range(choices)],
            "label": i % choices,
        }
        for i in range(count)
    ]


class Chain:
    """The jobs of a run on XCOPA with a tiny encoder, up to its training."""

    def __init__(self, folder: Path, sets: dict[str, Any] = SETS) -> None:
        upstream = folder / "upstream"
        upstream.mkdir(parents=True)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(trained() / name, upstream / name)
        config = transformers.XLMRobertaConfig(
            vocab_size=700,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=130,
            type_vocab_size=1,
        )
        torch.manual_seed(0)
        transformers.XLMRobertaForMaskedLM(config).save_pretrained(upstream)
        self.made = Made(folder, upstream, ("none",), XCOPA | {"target": {"sets": sets}})
        encoder = self.made.make(fetch_model, "encoder", "fetch_model", "m")
        self.inputs = {"encoder": encoder.path}
        for name, choices in (("siqa", 3), ("copa", 2)):
            data = self.made.data(name, train=questions(24, choices, "en"), dev=questions(8, choices, "en"))
            features = self.made.features("target", name, encoder, **{f"{name}__en": data})
            self.inputs[f"target__{name}"] = features

    def train(self, place: str = "target") -> Manifest:
        """Train on the chain in this process."""
        return self.made.make(train_target, place, "train_target", "m", "none", "siqa-copa", 1, **self.inputs)

    def train_until(self, place: str, saves: int) -> int:
        """Train in a process that is killed when it has written so many checkpoints, if ever; return its status."""
        self.train_spec(place)
        roles = {name.replace("__", "/"): str(path) for name, path in self.inputs.items()}
        words = [str(self.made.folder / place), str(self.made.folder / "specs" / place / "spec.json"), str(saves)]
        environment = os.environ | {"XSTILTS_CHECKPOINT_MINUTES": "0.000001", "PYTHONPATH": str(ROOT / "src")}
        found = subprocess.run(
            [sys.executable, "-c", KILLED, *words, json.dumps(roles)], env=environment, capture_output=True, text=True
        )
        assert found.returncode in (0, -signal.SIGKILL), found.stderr[-2000:]
        return found.returncode

    def train_spec(self, place: str) -> None:
        """Write the spec of the training."""
        settings = settings_of(self.made.jobs, "train_target", "m", "none", "siqa-copa", 1)
        spec = {"rule": "train_target", "wildcards": [], "settings": settings, "code": ""}
        write_json(self.made.folder / "specs" / place / "spec.json", spec)


# Trains, and dies as by kill -9 once it has written so many checkpoints, at whichever place of the chain that is.
KILLED = """
import json, os, signal, sys
from pathlib import Path
from xstilts.artifacts import produce
from xstilts.training import checkpoint
from xstilts.training.phase import train_target
folder, spec, left, roles = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
save = checkpoint.save
def counted(*given):
    global left
    save(*given)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
checkpoint.save = counted
produce(folder / "manifest.json", spec, {name: Path(path) for name, path in roles.items()}, train_target)
"""


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return Chain(tmp_path_factory.mktemp("chain"))


def test_each_link_has_its_own_batch_epochs_rate_and_length_in_one_spec(chain: Chain) -> None:
    settings = settings_of(chain.made.jobs, "train_target", "m", "none", "siqa-copa", 1)
    (before,) = settings["before"]
    for link, name in ((before, "siqa"), (settings, "copa")):
        (part,) = link["parts"]
        assert (part["features"], part["name"]) == (f"target/{name}", "siqa-copa")
        assert (part["batch_size"], part["epochs"]) == (SETS[name]["batch_size"], SETS[name]["epochs"])
        assert link["learning_rate"] == SETS[name]["learning_rate"]
        assert link["lengths"] == SETS[name]["lengths"]
    assert settings_of(chain.made.jobs, "predict", "m", "none", "siqa-copa", 1, "xcopa")["lengths"] == {
        "multiple_choice": 48
    }


def test_the_second_training_goes_on_with_encoder_and_head_of_the_first(chain: Chain) -> None:
    found = chain.train("whole")
    siqa = found.results["before"]["siqa"]
    assert (siqa["steps"], siqa["train_examples"]) == (6, 24) and found.results["steps"] == 18
    assert found.results["dev"].keys() == {"siqa-copa"} and siqa["dev"]["examples"] == 8
    work = found.content["made"]["work"]
    assert work["steps"] == 24 and work["padded_tokens"] >= work["tokens"] > 0
    assert read_json(found.folder / "head.json")["name"] == "siqa-copa"
    still = {"target": {"sets": SETS | {"copa": SETS["copa"] | {"learning_rate": 1.0e-30}}}}
    upstream = chain.made.folder / "upstream"
    unmoved = Made(chain.made.folder / "unmoved", upstream, ("none",), XCOPA | still)
    kept = unmoved.make(train_target, "target", "train_target", "m", "none", "siqa-copa", 1, **chain.inputs)
    words = [
        next(tensor for name, tensor in load_file(folder / "model.safetensors").items() if "word_embeddings" in name)
        for folder in (upstream, kept.folder)
    ]
    assert (words[0] != words[1]).any(), "siqa's training is in what copa's did not move"
    heads = [load_file(one.folder / "head.safetensors") for one in (found, kept)]
    assert any((heads[0][one] != heads[1][one]).any() for one in heads[0]), "copa's training goes on with siqa's head"


def test_a_link_longer_than_the_encoder_has_positions_for_is_named(tmp_path: Path) -> None:
    chain = Chain(tmp_path, SETS | {"siqa": SETS["siqa"] | {"lengths": {"multiple_choice": 129}}})
    with pytest.raises(UserError, match=r"lengths\.multiple_choice: found 129; expected at most 128 tokens"):
        chain.train()


@pytest.mark.slow
def test_a_chain_that_is_killed_within_a_link_and_between_two_ends_in_the_same_bytes(chain: Chain) -> None:
    assert chain.train_until("undisturbed", 10**6) == 0
    whole = read_manifest(chain.made.folder / "undisturbed/manifest.json")
    work = chain.made.folder / "killed" / WORK
    assert chain.train_until("killed", 3) == -signal.SIGKILL
    assert checkpoint.steps(work / "link-1") and not (work / "link-1/done").exists(), "within the first"
    assert chain.train_until("killed", 3) == -signal.SIGKILL  # two steps are left of the first, then what it came to
    assert checkpoint.steps(work / "link-1/done") and not checkpoint.steps(work), "between the two"
    assert chain.train_until("killed", 4) == -signal.SIGKILL
    assert checkpoint.steps(work)[-1] == 4, "within the second"
    assert chain.train_until("killed", 10**6) == 0
    found = read_manifest(chain.made.folder / "killed/manifest.json")
    assert found.content["files"] == whole.content["files"] and found.digest == whole.digest
    assert not work.exists()


def test_a_chain_is_no_source_and_a_link_without_settings_is_named() -> None:
    raw = read_layers(ROOT, [], XCOPA)
    with pytest.raises(ConfigError, match="unknown source 'siqa-copa'"):
        load(raw | {"sources": ["siqa-copa"]})
    del raw["target"]["sets"]["siqa"]
    with pytest.raises(ConfigError, match=r"target\.sets: no settings for siqa"):
        load(raw)


def test_the_data_and_features_of_a_chain_are_those_of_its_links() -> None:
    jobs = Jobs(load(read_layers(ROOT, [], XCOPA)), ROOT)
    assert [path.parts[-3] for path in jobs.data_of_target("siqa-copa")] == ["siqa", "copa"]
    assert {one[2:] for one in jobs.featurised()} == {("target", "siqa"), ("target", "copa"), ("task", "xcopa")}
    assert [job for job in jobs.every() if job[0] == "train_target"] == [
        ("train_target", "xlm-roberta-large", "none", "siqa-copa", 1)
    ]

"""The doctor under real conditions: a PATH without SLURM, a Hub on loopback, folders that lack what the run reads."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_server import Hub, running_hub
from safetensors.torch import load_file, save_file

from xstilts.commands.doctor import configuration
from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.costs.gpu_memory import training_bytes
from xstilts.costs.size import LARGE
from xstilts.costs.trained import trained_parameters
from xstilts.data.fetching import lock
from xstilts.data.fetching.lock import Pin
from xstilts.doctor import contents, environment
from xstilts.doctor.findings import Finding, page
from xstilts.errors import ConfigError, UserError
from xstilts.graph.jobs import Jobs
from xstilts.tasks import outside

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")) | {"data": {"origin": "mirror"}}


def planned(results: Path, **changes: Any) -> Jobs:
    return Jobs(load(BASE | changes), ROOT, results / "results")


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with running_hub(monkeypatch) as server:
        yield server


def states(findings: list[Finding]) -> list[str]:
    return [finding.state for finding in findings]


def test_slurm_is_missed_only_by_its_own_profile(path: Path) -> None:
    assert environment.slurm(needed=False) == Finding(
        "ok", "SLURM: no sinfo and sbatch in PATH; profiles/slurm cannot be used here"
    )
    assert environment.slurm(needed=True).state == "problem"
    program(path, "sinfo", "echo gpu*; echo cpu")
    assert "no sbatch in PATH" in environment.slurm(needed=True).text
    program(path, "sbatch", "exit 0")
    assert environment.slurm(needed=True) == Finding("ok", "SLURM: partitions gpu* cpu")
    program(path, "sinfo", "echo 'Unable to contact slurm controller' >&2; exit 1")
    found = environment.slurm(needed=True)
    assert found.state == "problem" and "Unable to contact slurm controller" in found.text


def test_gpus_their_driver_and_whether_a_training_fits(path: Path, tmp_path: Path) -> None:
    jobs = planned(tmp_path)
    assert states(environment.gpus(jobs)) == ["warning"] and "xlm-roberta-large" in environment.gpus(jobs)[0].text
    laptop = Jobs(load(read_layers(ROOT, ["laptop"])), ROOT, tmp_path)
    assert states(environment.gpus(laptop)) == ["ok"], "most of e5-small is its embedding, of which few rows are read"
    program(path, "nvidia-smi", "echo 'NVIDIA A10, 23028, 550.54.15'; echo 'NVIDIA H200, 143771, 550.54.15'")
    found = environment.gpus(jobs)
    assert found[0] == Finding("ok", "GPU 0: NVIDIA A10, 22 GiB, driver 550.54.15")
    assert found[1].state == "warning" and "set optimisation: {activation_checkpointing: true}" in found[1].text
    assert found[2] == Finding("ok", "GPU 1: NVIDIA H200, 140 GiB, driver 550.54.15")
    saving = planned(tmp_path, optimisation=BASE["optimisation"] | {"activation_checkpointing": True})
    assert "warning" not in states(environment.gpus(saving))
    program(path, "nvidia-smi", "echo 'NVIDIA-SMI has failed'; exit 9")
    assert "NVIDIA-SMI has failed" in environment.gpus(jobs)[0].text


def test_the_memory_of_xlm_r_large_is_that_of_its_tensors() -> None:
    optimisation = planned(Path()).run.optimisation
    plain = training_bytes(LARGE, optimisation)
    saving = training_bytes(LARGE, optimisation.model_copy(update={"activation_checkpointing": True}), mlm=True)
    assert 20 * 2**30 < plain < 24 * 2**30
    assert 18 * 2**30 < saving < 22 * 2**30, "a card of 24 GB, raw text beside the source too"
    few = training_bytes(LARGE, optimisation.model_copy(update={"micro_tokens": 1}))
    halves = 2 * 2 * 302_309_376  # copies of the matrices, and their gradients when a backward pass ends
    assert few == pytest.approx(16 * trained_parameters(LARGE) + halves + 1.5e9, rel=0.01)
    assert trained_parameters(LARGE) == LARGE.parameters - (250_002 - 40_000) * 1024, "rows that no English set reads"


def test_the_hub_matters_when_the_run_reads_from_it(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    found = environment.hub(["acme/encoder"])
    assert states(found) == ["ok"] and hub.endpoint in found[0].text and "no token" in found[0].text
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    assert "a token is set" in environment.hub([])[0].text
    assert "hf_good" not in environment.hub([])[0].text
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert environment.hub(["acme/encoder"])[0] == Finding(
        "problem", "Hub: no answer of http://127.0.0.1:9; the run needs acme/encoder"
    )
    assert states(environment.hub([])) == ["ok"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in environment.hub(["acme/encoder"])[0].text


def test_packages_are_compared_with_the_lock(tmp_path: Path) -> None:
    file = tmp_path / "lock.txt"
    here = metadata.version("numpy")
    file.write_text(f"# pinned\nnumpy=={here} \\\n    --hash=sha256:{'0' * 64}\n")
    assert environment.packages(file).state == "ok"
    file.write_text(f"numpy=={here}\npyyaml==0.1\n")
    assert environment.packages(file).state == "warning" and "for 0.1" in environment.packages(file).text
    file.write_text(f"numpy=={here}\nno-such-package-here==1.0\n")
    assert environment.packages(file).state == "problem" and "no-such-package-here" in environment.packages(file).text
    assert environment.packages(tmp_path / "nothing").state == "problem"


def test_the_disk_must_hold_what_the_run_keeps(tmp_path: Path) -> None:
    small = planned(tmp_path, tasks=["tatoeba"], sources=["none"], models=["m"], encoders={"m": {"weights": "who/x"}})
    enough = environment.disk(small)
    assert states(enough) == ["ok"] and "keep: all" in enough[0].text
    huge = environment.disk(planned(tmp_path, seeds=list(range(100))))
    assert states(huge) == ["problem"] and "keep: pretrained keeps 2.2 GB" in huge[0].text


def test_encoders_are_looked_for_where_they_are_to_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "own").mkdir()

    def found(weights: str) -> Finding:
        return contents.encoders(planned(tmp_path, models=["m"], encoders={"m": {"weights": weights}}))[0]

    own = found(str(tmp_path / "own"))
    assert own.state == "problem" and own.text.startswith(f"m: {tmp_path / 'own'}: found no config.json")
    for path in (Path(__file__).parents[3] / "resources/encoders/demo").glob("*.*"):
        shutil.copyfile(path, tmp_path / "own" / path.name)
    assert found(str(tmp_path / "own")) == Finding("ok", f"m: the folder {tmp_path / 'own'}")
    with pytest.raises(UserError, match=r"encoders\.m\.weights: found no folder '\./elsewhere'"):
        found("./elsewhere")
    assert found("acme/encoder").state == "warning"
    lock.write({"acme/encoder": Pin("acme/encoder", "0123456789abcdef", {})}, tmp_path / lock.LOCK)
    assert found("acme/encoder") == Finding("ok", "m: acme/encoder on the Hub, pinned at 0123456789ab")
    jobs = planned(tmp_path, models=["m"], encoders={"m": {"weights": "acme/encoder"}})
    assert contents.from_the_hub(jobs) == ["acme/encoder"]


def test_sources_with_raw_text_need_an_encoder_with_a_language_model_head(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "resources/encoders/demo", tmp_path / "with")
    shutil.copytree(ROOT / "resources/encoders/demo", tmp_path / "without")
    weights = load_file(tmp_path / "with/model.safetensors")
    kept = {name: one for name, one in weights.items() if not name.startswith("lm_head.")}
    assert len(kept) < len(weights)
    save_file(kept, tmp_path / "without/model.safetensors", {"format": "pt"})

    def found(folder: str, *sources: str) -> list[Finding]:
        encoders = {"m": {"weights": str(tmp_path / folder)}}
        return contents.encoders(planned(tmp_path, models=["m"], encoders=encoders, sources=["none", *sources]))

    assert states(found("with", "mnli+mlm", "mlm-en")) == ["ok"]
    assert states(found("without", "mnli")) == ["ok"]
    (_, lacking) = found("without", "mnli", "mnli+mlm", "mlm-en")
    assert lacking.state == "problem"
    assert "no language-model head" in lacking.text and "mnli+mlm mlm-en would train" in lacking.text


def test_the_encoders_of_a_study_are_looked_for_too(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("whole", "headless", "broken"):
        shutil.copytree(ROOT / "resources/encoders/demo", tmp_path / name)
    (tmp_path / "broken/config.json").unlink()
    kept = {
        name: one for name, one in load_file(tmp_path / "whole/model.safetensors").items() if "lm_head." not in name
    }
    save_file(kept, tmp_path / "headless/model.safetensors", {"format": "pt"})
    places = {name: str(tmp_path / name) for name in ("whole", "headless", "broken")} | {"large": "who/x"}
    study = {
        "question": "?",
        "seeds": [1, 2, 3],
        "arms": {"none": "none", "mlm": "mnli+mlm"},
        "families": {"own": {name: size for size, name in enumerate(places, 1)}},
        "tasks": ["tatoeba", "xnli"],
        "settings": {"encoders": {name: {"weights": place} for name, place in places.items()}},
    }
    (tmp_path / "config/studies").mkdir(parents=True)
    (tmp_path / "config/studies/size.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    own = {"models": ["m"], "encoders": {"m": {"weights": "acme/encoder"}}, "sources": ["none", "mnli"]}
    jobs = Jobs(load(BASE | own | {"study": "size"}), tmp_path, tmp_path / "results")
    found = contents.encoders(jobs)
    assert states(found) == ["warning", "ok", "ok", "problem", "problem", "warning"]
    assert [finding.text.partition(": ")[0] for finding in found] == [
        "m",
        "whole of study size",
        "headless of study size",
        "headless of study size",
        "broken of study size",
        "large of study size",
    ]
    assert "no language-model head" in found[3].text and "which mnli+mlm would train" in found[3].text
    assert f"{tmp_path / 'broken'}: found no config.json" in found[4].text
    assert contents.from_the_hub(jobs) == ["acme/encoder", "who/x"]
    # Of what cannot be read the size is not known: it counts as large.
    assert " m broken large are not meant to be trained on a CPU" in environment.gpus(jobs)[0].text
    program(path, "nvidia-smi", "echo 'NVIDIA A10, 11028, 550.54.15'")
    assert any("GPU 0: trainings of large need about" in finding.text for finding in environment.gpus(jobs))
    assert contents.blocks(jobs) == contents.blocks(planned(tmp_path, **own)), "its arms stand in no block"


def test_what_the_mirror_lacks_is_a_row_or_column_with_its_reason(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"

    def put(*names: str) -> None:
        for name in names:
            (mirror / name).parent.mkdir(parents=True, exist_ok=True)
            (mirror / name).write_text("x")

    put("intermediate/hellaswag/hellaswag_train.jsonl", "intermediate/hellaswag/hellaswag_val.jsonl")
    put("targets/pawsx/train-en.tsv", "targets/pawsx/dev-en.tsv", "targets/pawsx/dev-de.tsv")
    put(*(f"targets/tatoeba/v1/tatoeba.deu-eng.{side}" for side in ("deu", "eng")))
    part = {"tasks": ["pawsx", "udpos", "tatoeba"], "languages": ["en", "de", "fr"]}
    jobs = planned(tmp_path, mirror=str(mirror), sources=["none", "hellaswag", "ccg", "multi"], **part)
    assert states(contents.data(jobs)) == ["ok"]
    said = "\n".join(finding.text for finding in contents.empty(jobs))
    assert "row ccg: empty (CCGbank is sold by the LDC" in said and "left out of multi: ccg" in said
    assert "row hellaswag" not in said
    assert "columns of udpos: empty (" in said
    assert "column pawsx: empty in fr (targets/pawsx/dev-fr.tsv is not there)" in said
    assert "column tatoeba: empty in fr (" in said
    assert {"warning"} == set(states(contents.empty(jobs)))
    licences = "\n".join(finding.text for finding in contents.licences(jobs))
    assert "LDC user agreement" in licences and "pawsx" in licences and "xquad" not in licences
    (mirror / "targets/tatoeba/v1/tatoeba.deu-eng.eng").unlink()
    broken = contents.data(jobs)
    assert states(broken) == ["ok", "problem"] and "tatoeba.deu-eng.eng: found no such file" in broken[1].text
    assert states(contents.data(planned(tmp_path))) == ["problem"], "no mirror was named"


def test_what_there_is_to_search_is_looked_for_too(tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    for split in ("dev", "test"):
        (folder / f"targets/mewslix/wikinews_mentions-{split}.jsonl").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"targets/mewslix/wikinews_mentions-{split}.jsonl").write_text("{}\n")
    for code in ("de", "en"):
        (folder / f"targets/lareqa/xquad-r/{code}.json").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"targets/lareqa/xquad-r/{code}.json").write_text("{}")
    changes = {"tasks": ["lareqa", "mewslix"], "languages": ["de", "en"], "mirror": str(folder)}
    jobs = planned(tmp_path, sources=["none"], **changes)
    said = [finding.text for finding in contents.empty(jobs)]
    assert "column lareqa: searches nothing in ar el es hi ru th (targets/lareqa/xquad-r/ar.json is not there)" in said
    lacking = "targets/mewslix/candidate_set_entities.jsonl is not there"
    assert f"column mewslix: empty, nothing to search ({lacking})" in said
    assert any("mewslix-candidates" in finding.text for finding in contents.licences(jobs))


def test_raw_text_that_a_mirror_lacks_is_named_by_language(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"

    def said(**changes: Any) -> list[str]:
        part = {"tasks": ["xnli"], "languages": ["en"], "sources": ["none", "mnli+mlm"], "mirror": str(mirror)}
        found = contents.empty(planned(tmp_path, **part | changes))
        return [finding.text for finding in found if finding.text.startswith("rows ")]

    mirror.mkdir()
    assert said() == ["rows mnli+mlm: empty (raw text: text/bible/af.tsv is not there)"]
    (mirror / "text/bible").mkdir(parents=True)
    (mirror / "text/bible/ar.tsv").write_text("Gen 1:1\tx\n")
    lacking = "without text in af bg bn de el en and 33 more (text/bible/af.tsv is not there)"
    assert said() == [f"rows mnli+mlm: {lacking}"]
    assert said(data={"origin": "public"}) == [], "the others are fetched"


def test_the_page_says_whether_the_run_can_start() -> None:
    fine, unsure, bad = Finding("ok", "a"), Finding("warning", "b"), Finding("problem", "c")
    assert page({"machine": [fine, unsure]}).splitlines()[-1] == "The run can start: 1 warning."
    assert (
        page({"machine": [fine, unsure], "x": [bad]}).splitlines()[-1] == "The run cannot start: 1 problem, 1 warning."
    )


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xstilts.cli", "doctor", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
    )


def test_the_command_ends_with_0_only_when_the_run_can_start(tmp_path: Path) -> None:
    done = doctor("--run", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("run demo: demo-encoder\n") and "The run can start" in done.stdout
    done = doctor("--run", "demo", "--study", "size")
    assert done.returncode == 0 and "\n  ok       demo-4 of study size: the folder " in done.stdout, done.stdout
    done = doctor("--run", "paper", "--mirror", str(tmp_path), HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="0")
    assert done.returncode == 1 and "The run cannot start" in done.stdout
    assert "the run needs FacebookAI/xlm-roberta-large" in done.stdout
    done = doctor("--run", "nothing")
    assert done.returncode == 2 and "known here: paper" in done.stderr


def test_a_run_has_the_configuration_that_make_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    seeds, small = configuration("laptop-seeds", {}), configuration("small", {"keep": "pretrained"})
    assert seeds.run == "laptop-seeds" and seeds.models == ["multilingual-e5-small"], "laptop.yaml lies below it"
    assert small.models == ["xlm-roberta-base"] and small.keep == "pretrained"
    with pytest.raises(ConfigError, match=r"found no config/runs/lists\.yaml; expected .*: paper baseline"):
        configuration("lists", {})


def test_data_of_the_users_own_are_looked_for_where_they_lie(tmp_path: Path) -> None:
    entry = {"family": "multiple_choice", "reader": "jsonl", "languages": ["en", "qu"], "evaluate": True}
    entry |= {
        "files": {"train": "train.jsonl", "dev": "dev-{language}.jsonl"},
        "training": {"batch_size": 8, "epochs": 1},
    }
    entry |= {"fields": {"prompt": "p", "choices": ["a", "b"], "label": "l"}}
    for folder, files in (("mirror", ()), ("own", ("train.jsonl", "dev-en.jsonl"))):
        (tmp_path / folder).mkdir()
        for name in files:
            (tmp_path / folder / name).write_text("{}")
    (tmp_path / "own/causes.yaml").write_text(yaml.safe_dump({"causes": entry}))
    try:
        changes = {
            "sources": ["none"],
            "tasks": [str(tmp_path / "own/causes.yaml")],
            "mirror": str(tmp_path / "mirror"),
        }
        found = contents.empty(planned(tmp_path, **changes))
    finally:
        outside.name_files(())
    assert [finding.text for finding in found] == ["column causes: empty in qu (dev-qu.jsonl is not there)"]

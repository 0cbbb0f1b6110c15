"""A training divided among processes (FSDP2, gloo on a CPU): the weights of one process, killed and gone on with."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
import yaml
from encoder_jobs import ROOT, Made, pairs, text
from family_tokenizers import LINES, trained
from safetensors.torch import load_file
from test_chain import SETS as LINKS
from test_chain import XCOPA
from test_chain import questions as chosen

from xstilts.artifacts import WORK, Manifest, read_manifest
from xstilts.config.run import load
from xstilts.errors import UserError
from xstilts.files import read_json, write_json
from xstilts.graph.digest import modules_behind
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.graph.specs import opened_by_name
from xstilts.modeling.fetch import fetch_model
from xstilts.training import checkpoint
from xstilts.training.phase import train_source, train_target
from xstilts.training.torchrun import first_failure

BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
HUB = {"weights": "FacebookAI/xlm-roberta-large"}
TARGETS = {"mnli": "classification", "squad": "span_qa", "udpos": "tagging"}
SETS = {name: {"batch_size": 8, "epochs": 1, "learning_rate": 3.0e-4} for name in TARGETS}
TASKS = {"tasks": ["xnli", "xquad", "udpos", "tatoeba"], "languages": ["en", "de"]}
SMALL = {"micro_tokens": 96, "precision": "float32"}
LABELS = ("NOUN", "VERB", "ADJ")
SPACED = [line for line in LINES if len(line.split()) > 2]


def questions(count: int) -> list[dict[str, Any]]:
    rows = []
    for number in range(count):
        context = SPACED[number % len(SPACED)]
        answer = context.split()[number % 2]
        place = context.index(answer)
        rows.append(
            {"id": str(number), "language": "en", "group": str(number), "question": LINES[(number + 1) % len(LINES)],
             "context": context, "answers": [{"text": answer, "start": place}], "impossible": False}
        )  # fmt: skip
    return rows


def sentences(count: int) -> list[dict[str, Any]]:
    words = [SPACED[number % len(SPACED)].split() for number in range(count)]
    return [
        {"id": str(number), "language": "en", "group": str(number), "tokens": row,
         "tags": [LABELS[(number + place) % 3] for place in range(len(row))]}
        for number, row in enumerate(words)
    ]  # fmt: skip


ROWS = {"mnli": lambda count: pairs(count, "en"), "squad": questions, "udpos": sentences}


def upstream(folder: Path, dropout: float) -> Path:
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(trained() / name, folder / name)
    config = transformers.XLMRobertaConfig(
        vocab_size=700,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=130,
        type_vocab_size=1,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    torch.manual_seed(0)
    transformers.XLMRobertaForMaskedLM(config).save_pretrained(folder)
    return folder


class Trainings:
    """The trainings of a tiny encoder in so many processes."""

    def __init__(self, folder: Path, gpus: int, dropout: float = 0.0, **encoder: Any) -> None:
        changes = TASKS | {"target": {"sets": SETS}, "optimisation": SMALL}
        self.made = Made(folder, upstream(folder / "upstream", dropout), ("none", "mnli"), changes,
                         gpus_per_job=gpus, **encoder)  # fmt: skip
        self.encoder = self.made.make(fetch_model, "encoder", "fetch_model", "m")
        self.inputs: dict[str, dict[str, Path]] = {}
        for name in TARGETS:
            data = self.made.data(name, train=ROWS[name](44), dev=ROWS[name](12))
            features = self.made.features("target", name, self.encoder, **{f"{name}__en": data})
            self.inputs[name] = {"encoder": self.encoder.path, f"target__{name}": features}

    def train(self, name: str, place: str = "") -> Manifest:
        return self.made.make(train_target, place or name, "train_target", "m", "none", name, 1, **self.inputs[name])

    def train_apart(self, place: str, trap: str = "") -> subprocess.CompletedProcess[str]:
        """Train on classification in a job of its own, which meets a trap; a checkpoint stands after each step."""
        settings = settings_of(self.made.jobs, "train_target", "m", "none", "mnli", 1)
        spec = self.made.folder / "specs" / place / "spec.json"
        write_json(spec, {"rule": "train_target", "wildcards": [], "settings": settings, "code": ""})
        words = ["--spec", spec, "--output", self.made.folder / place / "manifest.json"]
        words += ["--encoder", self.encoder.path, "--data", self.inputs["mnli"]["target__mnli"]]
        (self.made.folder / "sitecustomize.py").write_text(TRAP)
        here = os.pathsep.join([str(self.made.folder), str(ROOT / "src")])
        environment = os.environ | {"XSTILTS_CHECKPOINT_MINUTES": "0.000001", "PYTHONPATH": here, "TRAP": trap}
        script = ROOT / "workflow/scripts/train_target.py"
        command = [sys.executable, script, *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)

    def kept(self, place: str) -> list[list[int]]:
        """Return the steps of the checkpoints of each process."""
        return [checkpoint.steps(self.made.folder / place / WORK / f"rank-{rank}") for rank in range(2)]


# Springs in process RANK when a checkpoint of that step is about to get its name, in this process or its parent; or,
# "end", when the interpreter is taken down, which lasts for ever where the trap was an error (signal 0).
TRAP = """
import atexit, os, re, signal, sys, time
def watch(event, arguments):
    rank, step, who, number = os.environ["TRAP"].split()
    if event == "os.rename" and re.search(rf"/rank-{rank}/.step-0*{step}.part$", str(arguments[0])):
        if number == "0":
            atexit.register(time.sleep, 3600)
            raise OSError(28, "No space left on device", "model.safetensors")
        os.kill(os.getpid() if who == "own" else os.getppid(), int(number))
        time.sleep(60 if int(number) == signal.SIGKILL else 1)
if os.environ.get("TRAP") and "RANK" in os.environ:
    atexit.register(os.abort) if os.environ["TRAP"] == "end" else sys.addaudithook(watch)
"""


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Trainings:
    return Trainings(tmp_path_factory.mktemp("one"), 1)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Trainings:
    return Trainings(tmp_path_factory.mktemp("two"), 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_two_processes_train_the_weights_and_scores_of_one(one: Trainings, two: Trainings, name: str) -> None:
    alone, together = one.train(name), two.train(name)
    for file in ("model.safetensors", "head.safetensors"):
        same_weights(alone, together, file)
    assert moved(one.encoder, alone) > 1e-4, "it has trained"
    assert alone.results["steps"] == together.results["steps"] >= 6
    for mine, theirs in zip(
        *(read_json(one.folder / "history.json")["evaluations"] for one in (alone, together)), strict=True
    ):
        assert mine["loss"] == pytest.approx(theirs["loss"], abs=1e-6) and mine["score"] == theirs["score"]
    assert alone.results["dev"][name]["score"] == together.results["dev"][name]["score"]
    assert not (together.folder / WORK).exists()
    taken = [one.content["made"]["peak_memory_mb"] for one in (alone, together)]
    assert taken[1] > 1.9 * taken[0], "three processes, of which one counted"


@pytest.mark.slow
def test_adapters_on_a_divided_encoder_that_stays_as_it_is_are_those_of_one_process(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    made = [Trainings(tmp_path / str(gpus), gpus, method="lora").train("mnli") for gpus in (1, 2)]
    same_weights(*made, "adapter_model.safetensors")
    assert any(one.abs().max() > 1e-4 for one in load_file(made[0].folder / "adapter_model.safetensors").values())


def same_weights(alone: Manifest, together: Manifest, file: str = "model.safetensors") -> None:
    mine, theirs = load_file(alone.folder / file), load_file(together.folder / file)
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        torch.testing.assert_close(
            tensor, theirs[name], rtol=0, atol=1e-6, msg=lambda said, name=name: f"{name}: {said}"
        )


def moved(encoder: Manifest, trained: Manifest) -> float:
    """Return how far a training has moved a weight at most."""
    before, after = (
        next(
            tensor
            for name, tensor in load_file(one.folder / "model.safetensors").items()
            if name.endswith("encoder.layer.1.output.dense.weight")
        )
        for one in (encoder, trained)
    )
    return float((before - after).abs().max())


@pytest.mark.slow
def test_a_mixture_with_raw_text_is_divided_too(tmp_path: Path) -> None:
    """Two families in one training, one of them with all rows of the embedding and an output over the vocabulary."""
    found = []
    for gpus in (1, 2):
        folder = tmp_path / str(gpus)
        sets = {"intermediate": {"mlm": {"learning_rate": 3.0e-4}}}
        made = Made(folder, upstream(folder / "upstream", 0.0), ("none", "mnli+mlm"), sets | {"optimisation": SMALL},
                    gpus_per_job=gpus)  # fmt: skip
        encoder = made.make(fetch_model, "encoder", "fetch_model", "m")
        data = made.data("mnli", train=pairs(44, "en"), dev=pairs(12, "en"))
        lines = made.data("text", train=text(), dev=text()[:40])
        features = {
            "intermediate__mnli": made.features("intermediate", "mnli", encoder, mnli__en=data),
            "intermediate__mlm": made.features("intermediate", "mlm", encoder, text__mlm=lines),
        }
        given = {"encoder": encoder.path, **features}
        found.append(made.make(train_source, "both", "train_intermediate", "m", "mnli+mlm", 1, **given))
    same_weights(*found)
    assert moved(encoder, found[0]) > 1e-4
    assert found[0].results["steps"] == found[1].results["steps"] >= 6


@pytest.mark.slow
def test_a_chain_of_sets_is_divided_too(tmp_path: Path) -> None:
    found = []
    for gpus in (1, 2):
        folder = tmp_path / str(gpus)
        # What moves all choices alike has next to no gradient; a small epsilon would divide its rounding by its size.
        own = {"learning_rate": 5.0e-3, "warmup": None, "weight_decay": None}  # a first step at the full rate does, too
        links = {name: link | own for name, link in LINKS.items()}
        changes = XCOPA | {"target": {"sets": links}, "optimisation": SMALL | {"epsilon": 1.0e-5}}
        made = Made(folder, upstream(folder / "upstream", 0.0), ("none",), changes, gpus_per_job=gpus)
        encoder = made.make(fetch_model, "encoder", "fetch_model", "m")
        given = {"encoder": encoder.path}
        for name, choices in (("siqa", 3), ("copa", 2)):
            data = made.data(name, train=chosen(24, choices, "en"), dev=chosen(8, choices, "en"))
            given[f"target__{name}"] = made.features("target", name, encoder, **{f"{name}__en": data})
        found.append(made.make(train_target, "chain", "train_target", "m", "none", "siqa-copa", 1, **given))
    for file in ("model.safetensors", "head.safetensors"):
        same_weights(*found, file)
    assert moved(encoder, found[0]) > 2e-5


@pytest.mark.slow
def test_one_killed_and_all_killed_and_asked_to_stop_end_in_the_bytes_of_the_undisturbed(tmp_path: Path) -> None:
    made = Trainings(tmp_path, 2, dropout=0.1)
    whole = made.train("mnli", "undisturbed")
    one = made.train_apart("killed", "1 2 own 9")  # the second process dies, its checkpoint of step 2 is not whole yet
    assert one.returncode == 2
    assert one.stderr.splitlines()[-1] == "error: process 1 of 2: was killed by signal 9 (Killed)"
    assert "Traceback" not in one.stderr and made.kept("killed")[1] == [1]
    everybody = made.train_apart("killed", "0 3 parent 9")
    assert "going on from the checkpoint of step 1 of 6" in everybody.stderr
    assert everybody.returncode == -signal.SIGKILL
    wait_for_no_writer(tmp_path / "killed")
    assert {max(steps) for steps in made.kept("killed")} <= {2, 3}
    asked = made.train_apart("killed", "0 4 parent 15")
    assert asked.returncode == 75, asked.stderr
    assert asked.stderr.splitlines()[-1].startswith("error: asked to stop: a checkpoint holds step")
    assert made.kept("killed")[0] == made.kept("killed")[1]
    done = made.train_apart("killed")
    assert done.returncode == 0, done.stderr
    assert "going on from the checkpoint of step" in done.stderr
    found = read_manifest(tmp_path / "killed/manifest.json")
    assert found.content["files"] == whole.content["files"] and found.digest == whole.digest
    assert found.results["dev"] == whole.results["dev"] and not (tmp_path / "killed" / WORK).exists()


@pytest.mark.slow
def test_processes_that_are_done_do_not_take_the_interpreter_down(tmp_path: Path) -> None:
    """Where they did, a thread of gloo's ended one in ten with SIGABRT, and with it a training that was done."""
    done = Trainings(tmp_path, 2).train_apart("whole", "end")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_process_with_an_error_ends_at_once_and_the_others_with_it(tmp_path: Path) -> None:
    """Its interpreter may never come to an end: a kernel on its GPU waits for the others, and they wait for it."""
    full = Trainings(tmp_path, 2).train_apart("full", "1 2 own 0")
    assert full.returncode == 2, full.stderr
    assert full.stderr.splitlines()[-1].startswith("error: process 1 of 2: [Errno 28] No space left on device")


def wait_for_no_writer(folder: Path) -> None:
    """Wait until no process trains into a folder: they end with the job's own, each when the kernel gets to it."""
    for _ in range(600):
        running = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(folder).encode() in read(path)]
        if not running:
            return
        time.sleep(0.1)
    raise AssertionError(running)


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


GRADIENTS = """
import os
from pathlib import Path
import numpy as np, torch, torch.distributed as dist
from torch.distributed.tensor import DTensor
import test_properties as p
from xstilts.modeling.batches import units
from xstilts.training.loop import accumulate
from xstilts.training.sharded import Ranks

dist.init_process_group("gloo")
ranks = Ranks(Path("stop"))
for family in p.FAMILIES:
    features = p.with_targets(family, p.FAMILIES[family].rows(30, np.random.default_rng(0), True))
    bounds = units(features, family)
    for count, micro_tokens in ((16, 4096), (16, 60), (1, 60)):  # of one unit the second process has none
        chosen = np.arange(count) + 3
        given = (p.part(family, features), bounds, chosen, p.recipe(micro_tokens), 0)
        plain = p.reader(family)
        loss, tokens, _ = accumulate(plain, *given)
        model = ranks.placed(p.reader(family), torch.device("cpu"))
        with model.autocast():
            assert not torch.is_autocast_cache_enabled(), "copies of all weights would stay on each GPU"
        found, same, _ = accumulate(model, *given, ranks)
        assert tokens == same and abs(float(loss - found)) < 1e-5, (family, count, float(loss), float(found))
        own = {n: s.grad for n, s in model.trained().items() if s.grad is not None}
        norm = ranks.optimiser(model, 0.01, 1e-6).norm(own)
        gradients = {n: q.grad.to_dense() for n, q in plain.named_parameters() if q.grad is not None}
        whole = torch.cat([g.flatten() for g in gradients.values()])
        torch.testing.assert_close(norm, whole.double().norm().float(), rtol=1e-5, atol=0)
        for name, shard in model.trained().items():
            assert (shard.grad is None) == (name not in gradients), (family, name)
            if shard.grad is None:
                continue
            expected = gradients[name]
            if expected.dim():
                parts = expected.chunk(2)
                expected = parts[ranks.rank] if ranks.rank < len(parts) else expected[:0]
            torch.testing.assert_close(shard.grad, expected, rtol=1e-4, atol=1e-6, msg=f"{family} {name} {count}")
os.write(1, b"equal\\n")  # in one piece: the other process writes to the same pipe
os._exit(0)  # as torchrun.main does, and why
"""


@pytest.mark.slow
def test_every_family_has_the_gradients_and_their_norm_of_one_process(tmp_path: Path) -> None:
    """A batch of several micro-batches, of one, and of a unit that only one process has; a scale, and masked tokens."""
    (tmp_path / "gradients.py").write_text(GRADIENTS)
    here = os.pathsep.join(map(str, (ROOT / "src", Path(__file__).parent, ROOT / "tests/unit/helpers")))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "gradients.py"]
    environment = os.environ | {"PYTHONPATH": here}
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert found.returncode == 0 and found.stdout.split() == ["equal"] * 2, found.stderr[-3000:]


def test_the_code_of_divided_trainings_is_that_of_no_other() -> None:
    def code(gpus: int) -> set[str]:
        few = {"models": ["m"], "sources": ["none", "mnli"], "tasks": ["xnli", "tatoeba"], "seeds": [1]}
        run = Jobs(load(BASE | few | {"encoders": {"m": HUB | {"gpus_per_job": gpus}}}), ROOT)
        return {
            module
            for rule, *wildcards in run.every()
            for module in modules_behind(ROOT / f"workflow/scripts/{rule}.py", opened_by_name(run, rule, *wildcards))
        }

    assert code(2) - code(1) == {"xstilts.training.sharded", "xstilts.training.torchrun"}


def test_of_all_that_follows_from_one_failure_the_first_is_said(tmp_path: Path) -> None:
    def ended(codes: dict[int, int], **kinds: str) -> Exception:
        for path in tmp_path.iterdir():
            path.unlink()
        for name, kind in kinds.items():
            found = {"kind": kind, "message": f"why {name}", "traceback": "where"}
            write_json(tmp_path / f"error-{name[1:]}.json", found)
        return first_failure(tmp_path, codes, 3)

    peers = {"r0": "peer", "r2": "peer"}
    killed = ended({0: 1, 1: -9, 2: 1}, **peers)
    assert isinstance(killed, UserError) and str(killed) == "process 1 of 3: was killed by signal 9 (Killed)"
    stopped = str(ended({0: -15, 1: -6, 2: -15}))
    assert stopped == "process 1 of 3: was killed by signal 6 (Aborted)", "the others were asked to end after it"
    assert str(ended({0: 1, 1: 1, 2: -9}, r1="user", r0="peer")) == "process 1 of 3: why r1"
    assert "where" in str(ended({0: 1, 1: 1, 2: 1}, r1="other", **peers))
    alone = ended({0: 1, 2: 1}, **peers)
    assert isinstance(alone, UserError) and str(alone) == "process 0 of 3: why r0", "NCCL itself, and nobody's end"
    assert str(ended({0: 1, 2: 3})) == "processes ended: 0 with 1, 2 with 3"
    assert isinstance(ended({0: 1, 1: 1, 2: 1}, r0="asked", r1="asked", r2="asked"), InterruptedError)

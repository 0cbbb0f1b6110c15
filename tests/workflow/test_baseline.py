"""The untrained encoder against published numbers: real rules on a tiny random encoder and a few sentences."""

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from checkout import copy_workflow

from xstilts.modeling.encoder import EncoderShape, build_masked_lm, save_encoder
from xstilts.modeling.tokenizer import train_tokenizer

pytestmark = pytest.mark.slow
NOUNS = (
    "dog",
    "cat",
    "fox",
    "tree",
    "house",
    "river",
    "stone",
    "cloud",
    "bread",
    "milk",
    "night",
    "sun",
    "moon",
    "king",
)
ENGLISH = [f"the {a} sees the {b} ." for a, b in zip(NOUNS, NOUNS[5:] + NOUNS[:5], strict=True)]
GERMAN = [f"der {a}i sieht den {b}o ." for a, b in zip(NOUNS, NOUNS[5:] + NOUNS[:5], strict=True)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a finished run of config/runs/baseline.yaml on two German data sets."""
    folder = tmp_path_factory.mktemp("project")
    copy_workflow(folder)
    mirror = folder / "mirror/targets"
    files = {"tatoeba/v1/tatoeba.deu-eng.deu": GERMAN, "tatoeba/v1/tatoeba.deu-eng.eng": ENGLISH}
    for split in ("sample", "training"):
        bucc = f"bucc2018/de-en/de-en.{split}"
        files[f"{bucc}.de"] = [f"de-{i}\t{text}" for i, text in enumerate(GERMAN)]
        files[f"{bucc}.en"] = [f"en-{i}\t{text}" for i, text in enumerate(ENGLISH)]
        files[f"{bucc}.gold"] = [f"de-{i}\ten-{i}" for i in range(len(GERMAN))]
    for name, lines in files.items():
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir()
    train_tokenizer(ENGLISH + GERMAN, 400, tokenizer)
    encoder = build_masked_lm(EncoderShape(2, 16, 2, 32, 256, 0.1), 400, seed=1)
    save_encoder(encoder, tokenizer, folder / "encoder")
    encoders = f"encoders={{xlm-roberta-large: {{weights: {folder / 'encoder'}}}}}"
    pick = [encoders, "data={origin: mirror}", f"mirror={folder / 'mirror'}", "languages=de"]
    command = [sys.executable, "-m", "snakemake", "-c1", "--configfile", "config/runs/baseline.yaml", "--config", *pick]
    command += ["--quiet", "host", "reason", "--", "score_bucc2018", "score_tatoeba"]
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "train_" not in done.stderr, "nothing is trained"
    return folder


@pytest.fixture
def verify(place: Path) -> Callable[..., tuple[int, list[str]]]:
    def call(*arguments: str) -> tuple[int, list[str]]:
        command = [sys.executable, "-m", "xstilts.cli", "verify-baseline", *arguments]
        environment = os.environ | {"PYTHONPATH": str(place / "src")}
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
        return done.returncode, (done.stdout + done.stderr).splitlines()

    return call


def test_a_random_encoder_is_outside(verify: Callable[..., tuple[int, list[str]]]) -> None:
    code, lines = verify()
    assert code == 1
    rows = {tuple(line.split()[:2]): line for line in lines[1:41]}
    assert len(rows) == 4 + 36, "every published number has a line"
    assert rows["tatoeba", "de"].endswith("outside") and "63.9" in rows["tatoeba", "de"]
    assert "missing (no results/baseline/scores/" in rows["tatoeba", "fr"]
    assert lines[-1].endswith("missing") and " of 40 within 0.3 points" in lines[-1]


def test_numbers_that_are_ours_are_inside(verify: Callable[..., tuple[int, list[str]]], tmp_path: Path) -> None:
    lines = verify()[1]
    ours = {tuple(line.split()[:2]): line.split()[2] for line in lines[1:41] if line.split()[2] != "-"}
    assert {task for task, _ in ours} == {"tatoeba", "bucc2018"}
    columns = {"tatoeba": ("accuracy", "test"), "bucc2018": ("f1", "dev")}

    def doctored(shift: float) -> str:
        path = tmp_path / f"{shift}.csv"
        with open(path, "w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(("task", "language", "metric", "split", "value"))
            for (task, language), value in ours.items():
                writer.writerow((task, language, *columns[task], float(value) + shift))
        return str(path)

    code, lines = verify("--expected", doctored(0.2))
    assert code == 0 and lines[-1] == "2 of 2 within 0.3 points"
    assert [line.split()[-1] for line in lines[1:3]] == ["inside", "inside"]
    code, lines = verify("--expected", doctored(0.5))
    assert code == 1 and lines[-1] == "0 of 2 within 0.3 points, 2 outside"
    assert verify("--expected", doctored(0.5), "--within", "0.6")[0] == 0


def test_what_cannot_be_compared_is_named(verify: Callable[..., tuple[int, list[str]]], tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("task,language,metric,split,value\ntatoeba,de,accuracy,test,many\n")
    code, lines = verify("--expected", str(broken))
    assert code == 2 and f"{broken}:2: found value 'many'; expected a number in percent" in lines[0]
    assert verify("results/nothing")[0] == 2

"""`xstilts convert`: pickled weights become safetensors, and nothing that a pickle holds is ever run."""

import hashlib
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from family_tokenizers import trained
from hub_server import Hub, running_hub
from safetensors.torch import load_file

from xstilts.cli import main
from xstilts.modeling.encoder import EncoderShape, build_masked_lm, open_encoder, save_encoder
from xstilts.modeling.fetch import fetch_encoder

NAME = "acme/pickled"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub(monkeypatch) as server:
        yield server


@pytest.fixture
def pickled(tmp_path: Path) -> Path:
    """A folder as such repositories have it: halves in pytorch_model.bin, an output matrix tied to the embedding."""
    folder = tmp_path / "upstream"
    save_encoder(build_masked_lm(EncoderShape(1, 8, 2, 16, 40, 0.1), 600, seed=1), trained(), folder)
    weights = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
    weights["lm_head.decoder.weight"] = weights["roberta.embeddings.word_embeddings.weight"]
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "README.md").write_text("a page")
    return folder


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_folder_becomes_one_that_a_run_takes(
    pickled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dest = tmp_path / "made"
    expected = torch.load(pickled / "pytorch_model.bin", weights_only=True)
    assert main(["convert", str(pickled), str(dest)]) == 0
    said = capsys.readouterr().out
    assert f"{digest(pickled / 'pytorch_model.bin')}  pytorch_model.bin" in said
    assert f"{digest(dest / 'model.safetensors')}  model.safetensors" in said
    found = load_file(dest / "model.safetensors")
    assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)
    assert {path.name for path in dest.iterdir()} == {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    fetch_encoder(tmp_path / "fetched", str(dest), None)
    open_encoder(tmp_path / "fetched", masked_lm=True)
    assert main(["convert", str(pickled), str(dest)]) == 2, "what is there is not written over"
    assert "is there already" in capsys.readouterr().err


def test_a_repository_in_parts_is_fetched_at_one_commit(
    hub: Hub, pickled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = torch.load(pickled / "pytorch_model.bin", weights_only=True)
    (pickled / "pytorch_model.bin").unlink()
    for number, names in enumerate((sorted(weights)[::2], sorted(weights)[1::2]), 1):
        torch.save({name: weights[name] for name in names}, pickled / f"pytorch_model-0000{number}-of-00002.bin")
    commit = hub.put(f"models/{NAME}", **{path.name: path.read_bytes() for path in pickled.iterdir()})
    assert main(["convert", NAME, str(tmp_path / "made")]) == 0
    said = capsys.readouterr()
    assert commit in said.err and said.out.count("pytorch_model-0000") == 2
    assert load_file(tmp_path / "made/model.safetensors").keys() == weights.keys()


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return Path.write_text, (self.path, "ran")  # type: ignore[return-value]


@pytest.mark.parametrize("kind", ["torch", "plain pickle"])
def test_a_pickle_that_would_run_code_is_refused(
    pickled: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    attack = {"weight": torch.zeros(2), "more": Attack(tmp_path / "ran")}
    if kind == "torch":
        torch.save(attack, pickled / "pytorch_model.bin")
    else:
        (pickled / "pytorch_model.bin").write_bytes(pickle.dumps(attack))
    assert main(["convert", str(pickled), str(tmp_path / "made")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "pytorch_model.bin: found more than weights, or a damaged file" in said
    assert not (tmp_path / "ran").exists() and not (tmp_path / "made").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["upstream"], "nothing is left behind"


@pytest.mark.parametrize("name", ["truncated", "a list", "config.json", "tokenizer.json"])
def test_what_is_no_encoder_is_refused_in_one_line(
    pickled: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = pickled / "pytorch_model.bin"
    if name == "truncated":
        weights.write_bytes(weights.read_bytes()[:2000])
    elif name == "a list":
        torch.save([torch.zeros(2)], weights)
    else:
        (pickled / name).unlink()
    assert main(["convert", str(pickled), str(tmp_path / "made")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "made").exists()


def test_a_folder_without_pickled_weights_is_refused(
    pickled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(pickled, tmp_path / "own")
    (tmp_path / "own/pytorch_model.bin").unlink()
    assert main(["convert", str(tmp_path / "own"), str(tmp_path / "made")]) == 2
    assert "found no pytorch_model.bin" in capsys.readouterr().err


def test_the_process_that_opens_weights_reaches_no_network(hub: Hub) -> None:
    code = (
        "from xstilts.modeling.unpickle import leave_the_network as leave; leave()\n"
        "import urllib.request\n"
        f"urllib.request.urlopen({hub.endpoint!r}, timeout=5)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode and "no network in this process" in ended.stderr and not hub.asked

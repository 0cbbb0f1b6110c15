"""An encoder from the Hub or a folder: the pinned bytes and no others, safetensors and nothing that can run."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
import yaml
from family_tokenizers import trained
from hub_server import Hub, running_hub

from xstilts.config.run import load
from xstilts.data.fetching import lock
from xstilts.data.fetching.lock import Pin
from xstilts.errors import PinMismatch, UserError
from xstilts.files import write_json
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.modeling.encoder import open_encoder
from xstilts.modeling.fetch import fetch_encoder, fetch_model
from xstilts.modeling.layout import layout

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
NAME = "acme/encoder"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub(monkeypatch) as server:
        yield server


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder as a repository of the Hub has it: weights twice, a tokenizer, a page."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        num_hidden_layers=1, hidden_size=8, num_attention_heads=2, intermediate_size=16, vocab_size=600
    )
    made = transformers.BertModel(config, add_pooling_layer=False)
    folder = tmp_path / "upstream"
    made.save_pretrained(folder)
    torch.save(made.state_dict(), folder / "pytorch_model.bin")
    shutil.copyfile(trained() / "tokenizer.json", folder / "tokenizer.json")
    (folder / "README.md").write_text("a page")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def jobs(**encoder: Any) -> Jobs:
    return Jobs(load(BASE | {"models": ["m"], "encoders": {"m": encoder}}), ROOT)


def pinned(folder: Path, commit: str, at: Path) -> None:
    names = ("config.json", "model.safetensors", "tokenizer.json")
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    lock.write({NAME: Pin(NAME, commit, files)}, at / lock.LOCK)


def test_a_repository_is_read_at_its_pin(
    hub: Hub, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.put(f"models/{NAME}", **content(model))
    (tmp_path / "config").mkdir()
    pinned(model, commit, tmp_path)
    hub.put(f"models/{NAME}", **{"config.json": b"{}", "model.safetensors": b"newer"})
    monkeypatch.chdir(tmp_path)
    settings = settings_of(jobs(weights=NAME), "fetch_model", "m")
    assert settings["revision"] == commit and set(settings["files"]) == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    }
    product = fetch_model(tmp_path / "made", {"settings": settings}, {})
    assert sorted(product.files) == ["config.json", "model.safetensors", "tokenizer.json"]
    for name in product.files:
        assert (tmp_path / "made" / name).read_bytes() == (model / name).read_bytes()
    assert product.results == {"weights": NAME, "revision": commit}
    before = len(hub.asked)
    fetch_model(tmp_path / "made", {"settings": settings}, {})
    assert len(hub.asked) == before, "what is there under its hash is not fetched again"


def test_a_moved_pin_is_another_spec_and_other_bytes_are_refused(
    hub: Hub, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    unpinned = settings_of(jobs(weights=NAME), "fetch_model", "m")
    assert unpinned == {"weights": NAME, "revision": None}
    commit = hub.put(f"models/{NAME}", **content(model))
    pinned(model, commit, tmp_path)
    first = settings_of(jobs(weights=NAME), "fetch_model", "m")
    (model / "config.json").write_text((model / "config.json").read_text() + "\n")
    pinned(model, commit, tmp_path)
    second = settings_of(jobs(weights=NAME), "fetch_model", "m")
    assert unpinned != first != second
    with pytest.raises(PinMismatch, match=r"acme/encoder/config\.json at commit"):
        fetch_model(tmp_path / "made", {"settings": second}, {})
    other = settings_of(jobs(weights=NAME, revision="v2"), "fetch_model", "m")
    assert other == {"weights": NAME, "revision": "v2"}, "the configuration asks for another revision"
    own = Jobs(load(BASE | {"sources": ["none", {"my": {"encoder": NAME}}]}), ROOT)
    assert settings_of(own, "adopt_source", "xlm-roberta-large", "my", 1) == second


def test_without_a_pin_the_commit_of_the_moment_is_recorded(hub: Hub, model: Path, tmp_path: Path) -> None:
    commit = hub.put(f"models/{NAME}", **content(model))
    product = fetch_encoder(tmp_path / "made", NAME, None)
    assert product.results["revision"] == commit
    assert sorted(product.files) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert not any("pytorch_model.bin" in what for what, _ in hub.asked), "pickled weights are not even fetched"
    open_encoder(tmp_path / "made")


def test_pickled_weights_are_refused_with_the_command_that_converts_them(hub: Hub, model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").unlink()
    hub.put(f"models/{NAME}", **content(model))
    with pytest.raises(UserError, match=r"^acme/encoder: found no model\.safetensors.* xstilts convert acme/encoder "):
        fetch_encoder(tmp_path / "made", NAME, None)
    assert not any("pytorch_model.bin" in what for what, _ in hub.asked)
    with pytest.raises(UserError, match="xstilts convert"):
        fetch_encoder(tmp_path / "made", str(model), None)
    assert not (tmp_path / "made/pytorch_model.bin").exists()


def test_what_was_fetched_before_goes(model: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    for name in ("model-00001-of-00002.safetensors", "spm.model", "model.safetensors.index.json"):
        (made / name).write_text("of another encoder")
    fetch_encoder(made, str(model), None)
    assert {path.name for path in made.iterdir()} == {"config.json", "model.safetensors", "tokenizer.json"}


def test_a_sharded_encoder_comes_whole(model: Path, tmp_path: Path) -> None:
    tensors = transformers.AutoModel.from_pretrained(model)
    (model / "model.safetensors").unlink()
    tensors.save_pretrained(model, max_shard_size="2KB")
    shards = sorted(path.name for path in model.glob("model-*.safetensors"))
    assert len(shards) > 1
    product = fetch_encoder(tmp_path / "made", str(model), None)
    assert set(product.files) == {*shards, "config.json", "model.safetensors.index.json", "tokenizer.json"}
    opened, ids = open_encoder(tmp_path / "made").eval(), torch.tensor([0, 7, 9, 2])
    with torch.no_grad():
        states = opened(ids, layout(torch.tensor([4]), ids.device))
        torch.testing.assert_close(states, tensors.eval()(ids[None]).last_hidden_state[0], rtol=1e-5, atol=1e-5)


def test_remote_code_is_never_run(model: Path, tmp_path: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    code = {"AutoConfig": "code.Config", "AutoModel": "code.Model"}
    write_json(model / "config.json", config | {"model_type": "unheard-of", "auto_map": code})
    (model / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Config: pass\nclass Model: pass\n")
    fetch_encoder(tmp_path / "made", str(model), None)
    assert not (tmp_path / "made/code.py").exists()
    shutil.copyfile(model / "code.py", tmp_path / "made/code.py")
    with pytest.raises(UserError, match=r"unheard-of.*no code of a repository is run"):
        open_encoder(tmp_path / "made")
    assert not (tmp_path / "ran").exists()

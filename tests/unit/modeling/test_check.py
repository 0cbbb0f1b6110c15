"""An encoder that cannot be read whole, or would be read as another one, is refused before anything is made of it."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
import transformers
import yaml
from family_tokenizers import LINES
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from xstilts.artifacts import Manifest
from xstilts.config.run import load
from xstilts.doctor.contents import encoders
from xstilts.errors import UserError
from xstilts.files import read_json, write_json
from xstilts.graph.jobs import Jobs
from xstilts.modeling.check import PROBE, check_encoder
from xstilts.modeling.encoder import open_encoder
from xstilts.modeling.fast_tokenizer import open_tokenizer
from xstilts.modeling.fetch import adopt_source, fetch_encoder
from xstilts.modeling.layout import layout

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "resources/encoders/demo"
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The demo's encoder, to be spoiled."""
    folder = tmp_path / "demo"
    folder.mkdir()
    for name in FILES:
        shutil.copyfile(DEMO / name, folder / name)
    return folder


def without_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def with_its_settings_alone(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def pointer(name: str) -> Callable[[Path], None]:
    return lambda folder: void((folder / name).write_text(POINTER))


def void(_: Any) -> None:
    return None


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100_000])


def longer(folder: Path) -> None:
    with open(folder / "model.safetensors", "ab") as handle:
        handle.write(b"more")


def page_of_a_server(folder: Path) -> None:
    (folder / "model.safetensors").write_text("<html>sign in first</html>")


def dangling(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("../../blobs/gone")


def not_finite(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("query.weight"))
    weights[name][3, 3] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def fewer_rows(folder: Path) -> None:
    write_json(folder / "config.json", read_json(folder / "config.json") | {"vocab_size": 4400})


def of_another_language(folder: Path) -> None:
    content = read_json(folder / "tokenizer.json")
    content["model"] |= {"vocab": content["model"]["vocab"][:5], "byte_fallback": False}
    content["added_tokens"] = content["added_tokens"][:4]
    write_json(folder / "tokenizer.json", content)
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}
    write_json(folder / "tokenizer_config.json", names)


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "no tokenizer": (without_tokenizer, r"demo: found no tokenizer; expected .*tokenizer\.json"),
    "settings of a tokenizer alone": (with_its_settings_alone, r"demo: found no tokenizer"),
    "weights are a pointer": (pointer("model.safetensors"), r"model\.safetensors: found a pointer of Git LFS"),
    "tokenizer is a pointer": (pointer("tokenizer.json"), r"tokenizer\.json: found a pointer of Git LFS"),
    "config is a pointer": (pointer("config.json"), r"config\.json: found a pointer of Git LFS"),
    "truncated": (truncated, r"model\.safetensors: found 100000 bytes; expected \d+ by its header"),
    "longer than its header says": (longer, r"model\.safetensors: found \d+ bytes; expected \d+ by its header"),
    "no safetensors": (page_of_a_server, r"model\.safetensors: found no safetensors header"),
    "link to nothing": (dangling, r"model\.safetensors: found a link to \.\./\.\./blobs/gone, which is not there"),
    "not finite": (not_finite, r"model\.safetensors: found numbers that are not finite in .*query\.weight"),
    "more pieces than rows": (fewer_rows, r"found a tokenizer with a piece 4499 for an embedding of 4400 rows"),
    "unknown words": (of_another_language, r"found a tokenizer to which \d+ % of a text .* is unknown"),
}


@pytest.mark.parametrize(("spoil", "message"), SPOILT.values(), ids=SPOILT)
def test_it_is_refused_where_it_is_fetched_and_by_doctor(
    demo: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    check_encoder(demo)
    spoil(demo)
    with pytest.raises(UserError, match=message) as refusal:
        fetch_encoder(tmp_path / "made", str(demo), None)
    assert "\n" not in str(refusal.value)
    run = load(BASE | {"models": ["m"], "encoders": {"m": {"weights": str(demo)}}})
    found = encoders(Jobs(run, ROOT, tmp_path / "results"))
    assert [one.state for one in found] == ["problem"] and str(refusal.value) in found[0].text


@pytest.mark.parametrize("name", ["other-class", "no-tokenizer-config", "as it is"])
def test_texts_are_cut_as_the_tokenizer_file_cuts_them(demo: Path, name: str) -> None:
    if name == "other-class":
        settings = read_json(demo / "tokenizer_config.json")
        write_json(demo / "tokenizer_config.json", settings | {"tokenizer_class": "XLMRobertaTokenizerFast"})
    elif name == "no-tokenizer-config":
        (demo / "tokenizer_config.json").unlink()
    expected, tokenizer = Tokenizer.from_file(str(demo / "tokenizer.json")), open_tokenizer(demo)
    for text in (*PROBE, *LINES):
        assert tokenizer.backend.encode(text).ids == expected.encode(text).ids
        assert tokenizer.backend.encode(text, "and").ids == expected.encode(text, "and").ids
    assert (tokenizer.unknown, tokenizer.mask, tokenizer.special) == (3, 4499, (0, 1, 2, 3, 4499))


def test_a_cased_bert_keeps_its_capitals_without_settings_that_say_so(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Paris", "paris", "is", "Ünï"]
    made = transformers.BertTokenizer(vocab={word: n for n, word in enumerate(words)}, do_lower_case=False)
    made.backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    write_json(tmp_path / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer"})
    assert open_tokenizer(tmp_path).backend.encode("Paris is Ünï").tokens == ["[CLS]", "Paris", "is", "Ünï", "[SEP]"]


@pytest.mark.parametrize("name", ["spiece.model", "sentencepiece.bpe.model", "spm.model"])
def test_a_sentencepiece_model_comes_along_with_its_ids_and_its_normaliser(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "upstream"
    folder.mkdir()
    special = {"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3, "pad_piece": "<pad>",
               "user_defined_symbols": ["[CLS]", "[SEP]", "[MASK]"]}  # fmt: skip
    with open(folder / name, "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(LINES * 3), model_writer=file, vocab_size=250, hard_vocab_limit=False,
            minloglevel=2, **(special if name == "spiece.model" else {}),
        )  # fmt: skip
    classes = {
        "spiece.model": (transformers.AlbertConfig(embedding_size=8), transformers.AlbertTokenizer),
        "sentencepiece.bpe.model": (transformers.BertConfig(), transformers.XLMRobertaTokenizer),
        "spm.model": (transformers.DebertaV2Config(), transformers.DebertaV2Tokenizer),
    }
    config, theirs = classes[name]
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    for key, value in (shape | {"vocab_size": 300}).items():
        setattr(config, key, value)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    product = fetch_encoder(tmp_path / "made", str(folder), None)
    assert name in product.files
    opened, wanted = open_tokenizer(tmp_path / "made"), theirs.from_pretrained(folder)
    own = sentencepiece.SentencePieceProcessor(model_file=str(folder / name))
    for text in (*LINES, "ﬁne Ａ，Ｂ ½ ①"):
        if name == "spm.model":  # transformers 5.23 leaves its normaliser out: full-width commas would be unknown
            assert opened.backend.encode(text, add_special_tokens=False).tokens == own.encode(text, out_type=str)
        else:
            assert opened.backend.encode(text).ids == wanted(text)["input_ids"]
    assert opened.unknown == wanted.unk_token_id and opened.mask == wanted.mask_token_id


@pytest.mark.parametrize("key", ["layer_norm_eps", "pad_token_id", "type_vocab_size", "initializer_range"])
def test_what_a_configuration_leaves_out_is_what_transformers_takes(tmp_path: Path, key: str) -> None:
    torch.manual_seed(0)
    config = transformers.XLMRobertaConfig(
        num_hidden_layers=2, hidden_size=16, num_attention_heads=2, intermediate_size=32, vocab_size=40,
        max_position_embeddings=30, type_vocab_size=2,
    )  # fmt: skip
    transformers.XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    del content[key]
    write_json(tmp_path / "config.json", content)
    theirs = transformers.AutoModel.from_pretrained(tmp_path).eval()
    ids = torch.arange(5, 15)
    with torch.no_grad():
        expected = theirs(ids[None]).last_hidden_state[0]
        found = open_encoder(tmp_path).eval()(ids, layout(torch.tensor([10]), ids.device))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def manifest(folder: Path) -> Manifest:
    return Manifest(folder / "manifest.json", {"results": {}, "reason": None})


def test_a_source_of_another_shape_than_the_model_is_refused(demo: Path, tmp_path: Path) -> None:
    spec = {"settings": {"weights": str(demo), "revision": None}}
    adopt_source(tmp_path / "made", spec, {"encoder": manifest(demo)})
    torch.manual_seed(0)
    other = tmp_path / "other"
    config = transformers.XLMRobertaConfig(
        num_hidden_layers=4, hidden_size=64, num_attention_heads=4, intermediate_size=512, vocab_size=4500
    )
    transformers.XLMRobertaModel(config).save_pretrained(other)
    words = r"demo: found an encoder of another shape than the run's model \(hidden_size 128 for 64\)"
    with pytest.raises(UserError, match=words):
        adopt_source(tmp_path / "made", spec, {"encoder": manifest(other)})
    own = {"sources": ["none", {"my": {"encoder": str(demo)}}], "models": ["m"]}
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(demo / name, other / name)
    for model, states in ((demo, ["ok", "ok"]), (other, ["ok", "problem"])):
        run = load(BASE | own | {"encoders": {"m": {"weights": str(model)}}})
        found = encoders(Jobs(run, ROOT, tmp_path / "results"))
        assert [one.state for one in found] == states
    assert re.search(words, found[1].text)


@pytest.mark.parametrize("place", ["no/such/folder", "./encoder", "~/no-such-encoder", "/no/encoder", "tests/none"])
def test_a_folder_that_is_not_there_is_said_to_be_a_folder(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError, match=rf"encoders\.m\.weights: found no folder '{place}'"):
        load(BASE | {"models": ["m"], "encoders": {"m": {"weights": place}}})
    with pytest.raises(UserError, match=rf"sources\.my\.encoder: found no folder '{place}'"):
        load(BASE | {"sources": ["none", {"my": {"encoder": place}}]})
    load(BASE | {"models": ["m"], "encoders": {"m": {"weights": "acme/encoder"}}})

"""A trimmed encoder: the first blocks alone, and only the pieces of the run's texts, which changes no number."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
import yaml
from encoder_jobs import Made, pairs, retrieval
from family_tokenizers import LINES
from safetensors.torch import load_file
from tokenizers import Tokenizer

from xstilts.artifacts import Manifest
from xstilts.cli import main
from xstilts.config.run import load
from xstilts.drop import drop
from xstilts.errors import UserError
from xstilts.featurising.trim import trim
from xstilts.files import read_json, read_jsonl, write_json
from xstilts.graph.settings import settings_of
from xstilts.modeling.encoder import open_encoder
from xstilts.modeling.fast_tokenizer import FastTokenizer, open_tokenizer
from xstilts.modeling.fetch import fetch_model
from xstilts.modeling.layout import layout
from xstilts.modeling.trim import kept_pieces, write_tokenizer
from xstilts.prediction.languages import predict_task
from xstilts.training.phase import train_target

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "resources/encoders/demo"
WORDS = "embeddings.word_embeddings.weight"
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's encoder without its bytes' fallback, so that some characters of the texts are unknown."""
    folder = tmp_path_factory.mktemp("upstream")
    for name in FILES:
        shutil.copyfile(DEMO / name, folder / name)
    content = read_json(folder / "tokenizer.json")
    content["model"]["byte_fallback"] = False
    write_json(folder / "tokenizer.json", content)
    return folder


class Run(Made):
    """A run on few rows, whole or trimmed."""

    def __init__(self, folder: Path, upstream: Path, **encoder: Any) -> None:
        super().__init__(folder, upstream, ("none", "mnli"), **encoder)
        self.mnli = self.data("mnli", train=pairs(32, "en"), dev=pairs(9, "en"))
        self.german, self.english = (self.data(f"xnli-{code}", dev=pairs(9, code)) for code in ("de", "en"))
        self.tatoeba = self.data("tatoeba", test=retrieval())
        self.whole = self.make(fetch_model, "whole", "fetch_whole", "m")
        self.encoder = self.whole
        if encoder:
            data = {"mnli__en": self.mnli, "xnli__en": self.english, "xnli__de": self.german}
            data["tatoeba__de"] = self.tatoeba
            given = data if encoder.get("vocabulary") == "run" else {}
            self.encoder = self.make(trim, "models/m", "trim", "m", encoder=self.whole.path, **given)

    def trained(self) -> Manifest:
        features = self.features("target", "mnli", self.encoder, mnli__en=self.mnli)
        given = {"target/mnli": features, "encoder": self.encoder.path}
        return self.make(train_target, "models/m/none/mnli/1", "train_target", "m", "none", "mnli", 1, **given)

    def predicted(self, model: Manifest) -> bytes:
        features = self.features("task", "xnli", self.encoder, xnli__en=self.english, xnli__de=self.german)
        given = {"model": model.path, "features": features, "xnli/en": self.english, "xnli/de": self.german}
        made = self.make(predict_task, "xnli", "predict", "m", "none", "mnli", 1, "xnli", **given)
        return b"".join((made.folder / f"dev-{code}.tsv").read_bytes() for code in ("en", "de"))

    def texts(self) -> set[str]:
        rows = [row for path in (self.mnli, self.german, self.tatoeba) for file in path.parent.glob("*.jsonl")
                for row in read_jsonl(file)]  # fmt: skip
        return {row[name] for row in rows for name in ("text", "text_a", "text_b") if name in row}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, upstream: Path) -> tuple[Run, Run]:
    whole = Run(tmp_path_factory.mktemp("whole"), upstream)
    return whole, Run(tmp_path_factory.mktemp("small"), upstream, vocabulary="run")


def states(folder: Path, text: str) -> torch.Tensor:
    ids = torch.tensor(open_tokenizer(folder).backend.encode(text).ids)
    with torch.no_grad():
        return open_encoder(folder).eval()(ids, layout(torch.tensor([len(ids)]), ids.device))


def test_every_text_of_the_run_is_cut_as_before(runs: tuple[Run, Run]) -> None:
    whole, small = runs
    before, after = (open_tokenizer(run.encoder.folder).backend for run in runs)
    assert len(after.get_vocab()) < len(before.get_vocab()) / 2
    unknown = 0
    for text in whole.texts():
        for given in ((text,), (text, "and")):
            assert after.encode(*given).tokens == before.encode(*given).tokens
            assert after.encode(*given).offsets == before.encode(*given).offsets
        unknown += before.encode(text).tokens.count("<unk>") + before.encode(text).ids.count(3)
    assert unknown, "some characters are unknown, the hardest case"
    kept, total = small.encoder.results["pieces"]
    assert kept == len(after.get_vocab()) and total == 4500
    theirs = transformers.AutoTokenizer.from_pretrained(small.encoder.folder)
    assert theirs(LINES[0])["input_ids"] == after.encode(LINES[0]).ids
    assert theirs.mask_token_id == len(theirs) - 1


def test_states_predictions_and_trained_weights_are_those_of_the_whole_encoder(
    runs: tuple[Run, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, small = runs
    for line in LINES[:4]:
        assert torch.equal(states(small.encoder.folder, line), states(whole.encoder.folder, line))
    models = [run.trained() for run in runs]
    expected, found = (load_file(model.folder / "model.safetensors") for model in models)
    kept = read_json(small.encoder.folder / "pieces.json")["kept"]
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor[kept] if name == WORDS else tensor, rtol=0, atol=1e-6)
    assert not torch.equal(expected[WORDS][kept], load_file(small.encoder.folder / "model.safetensors")[WORDS])
    assert whole.predicted(models[0]) == small.predicted(models[1])

    monkeypatch.chdir(small.folder)
    assert main(["untrim", str(models[1].folder), str(tmp_path / "back")]) == 0
    assert "model.safetensors" in capsys.readouterr().out
    heads = ("head.json", "head.safetensors")
    assert all((tmp_path / "back" / name).is_file() == (models[1].folder / name).is_file() for name in heads)
    back = load_file(tmp_path / "back/model.safetensors")
    assert back[WORDS].shape == expected[WORDS].shape
    torch.testing.assert_close(back[WORDS][kept], expected[WORDS][kept], rtol=0, atol=1e-6)
    untouched = sorted({*range(4500)} - {*kept})
    pretrained = open_encoder(whole.whole.folder).words.weight.detach()
    assert torch.equal(back[WORDS][untouched], pretrained[untouched])
    for line in LINES[:4]:
        difference = states(tmp_path / "back", line) - states(models[0].folder, line)
        assert difference.abs().max() < 1e-5
    assert (tmp_path / "back/tokenizer.json").read_bytes() == (whole.whole.folder / "tokenizer.json").read_bytes()
    assert main(["untrim", str(models[1].folder), str(tmp_path / "back")]) == 2
    assert main(["untrim", str(models[0].folder), str(tmp_path / "other")]) == 2
    capsys.readouterr()
    drop(models[1].folder / "manifest.json", [])
    assert main(["untrim", str(models[1].folder), str(tmp_path / "gone")]) == 2
    assert f"xstilts restore {models[1].folder}" in capsys.readouterr().err and not (tmp_path / "gone").exists()


def test_the_first_blocks_give_the_states_that_they_gave_before(upstream: Path, tmp_path: Path) -> None:
    run = Run(tmp_path, upstream, layers=2)
    assert run.encoder.results["layers"] == [2, 4] and "pieces" not in run.encoder.results
    ids = torch.tensor(open_tokenizer(upstream).backend.encode(LINES[0]).ids)
    where = layout(torch.tensor([len(ids)]), ids.device)
    with torch.no_grad():
        expected = open_encoder(upstream).eval()(ids, where, depth=2)
        torch.testing.assert_close(open_encoder(run.encoder.folder).eval()(ids, where), expected, rtol=0, atol=0)
        open_encoder(run.encoder.folder, masked_lm=True)  # the head stays for sources with raw text
    theirs = transformers.AutoModel.from_pretrained(run.encoder.folder)
    assert theirs.config.num_hidden_layers == 2
    with pytest.raises(UserError, match=r"layers: found 5; expected at most the encoder's 4"):
        Run(tmp_path / "more", upstream, layers=5)


def test_what_a_spec_of_trimming_covers(upstream: Path, tmp_path: Path) -> None:
    jobs = Made(tmp_path, upstream, ("none", "mnli"), vocabulary="run").jobs
    settings = settings_of(jobs, "trim", "m")
    roles = {role for one in settings["features"] for role in one["roles"]}
    assert roles == {"mnli/en", "xnli/en", "xnli/de", "tatoeba/de"}
    assert [path.parts[-3:-1] for path in jobs.data_of_trimming("m")] == [tuple(role.split("/")) for role in
        dict.fromkeys(role for one in settings["features"] for role in one["roles"])]  # fmt: skip
    alone = Made(tmp_path, upstream, ("none", "mnli"), layers=2).jobs
    assert settings_of(alone, "trim", "m") == {"layers": 2, "vocabulary": "whole", "features": []}
    assert alone.data_of_trimming("m") == []
    rules = [job[0] for job in jobs.every() if "m" in job]
    assert "fetch_whole" in rules and "trim" in rules and "fetch_model" not in rules


def test_what_cannot_be_trimmed_is_refused(tmp_path: Path) -> None:
    encoders = {"m": {"weights": "acme/encoder", "vocabulary": "run"}}
    with pytest.raises(UserError, match=r"vocabulary: run: source mnli\+mlm learns to guess among all pieces"):
        load(BASE | {"models": ["m"], "encoders": encoders, "sources": ["none", "mnli+mlm"]})
    pretraining = yaml.safe_load((ROOT / "config/runs/demo.yaml").read_text())["encoders"]["demo-encoder"][
        "pretraining"
    ]
    with pytest.raises(UserError, match="are for `weights`"):
        load(BASE | {"models": ["m"], "encoders": {"m": {"pretraining": pretraining, "layers": 2}}})
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    config = transformers.BertConfig(
        num_hidden_layers=1, hidden_size=8, num_attention_heads=1, intermediate_size=8, vocab_size=60
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"found an encoder 'bert'; expected XLM-R, RoBERTa or a BERT that reads"):
        Run(tmp_path / "run", tmp_path, layers=1)


def test_a_piece_of_the_lowest_score_stays_whoever_uses_it(tmp_path: Path) -> None:
    """What is unknown scores by the lowest piece: without that one, a path over unknown characters might win."""
    vocabulary = [["<unk>", 0.0], ["▁", -8.0], ["a", -9.0], ["▁ab", -12.0], ["c", -9.0], ["zz", -40.0]]
    splitter = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    model = {"type": "Unigram", "unk_id": 0, "byte_fallback": False, "vocab": vocabulary}
    backend = Tokenizer.from_str(
        json.dumps({"version": "1.0", "added_tokens": [], "pre_tokenizer": splitter, "model": model})
    )
    tokenizer = FastTokenizer(backend, 0, None, (0,))
    texts = ["abc", "xab", "ab x c"]
    seen = {number for text in texts for number in backend.encode(text).ids}
    kept = kept_pieces(tokenizer, seen)
    assert 5 in kept
    write_tokenizer(tokenizer, tmp_path, kept, tmp_path)
    after = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert [after.encode(text).tokens for text in texts] == [backend.encode(text).tokens for text in texts]

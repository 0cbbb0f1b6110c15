"""Tiny random encoders of several architectures, each with its own tokenizer's files, through the jobs of a run."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sentencepiece
import torch
import transformers
from encoder_jobs import LABELS, Made, pairs, retrieval, text
from family_tokenizers import LINES, trained

from xstilts.artifacts import read_manifest
from xstilts.errors import UserError
from xstilts.files import write_json
from xstilts.graph.jobs import Jobs
from xstilts.modeling.encoder import open_encoder
from xstilts.modeling.fast_tokenizer import open_tokenizer
from xstilts.modeling.fetch import fetch_model
from xstilts.modeling.hub import HubEncoder
from xstilts.prediction.languages import predict_task
from xstilts.training.phase import train_source, train_target

ROOT = Path(__file__).parents[3]
SHAPE = {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}


def sentencepiece_model(path: Path, **special: int) -> sentencepiece.SentencePieceProcessor:
    with open(path, "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(LINES * 3),
            model_writer=file,
            vocab_size=250,
            hard_vocab_limit=False,
            minloglevel=2,
            **special,
        )
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def xlmr_folder(folder: Path) -> None:
    sentencepiece_model(folder / "sentencepiece.bpe.model", pad_id=-1)
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "XLMRobertaTokenizer"})
    save(folder, transformers.XLMRobertaConfig(**SHAPE, vocab_size=400, max_position_embeddings=130))


def bert_folder(folder: Path) -> None:
    letters = sorted(set("".join(LINES)) - {" "})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": False})
    save(folder, transformers.BertConfig(**SHAPE, vocab_size=len(pieces), max_position_embeddings=128))


def deberta_folder(folder: Path) -> None:
    # the ids of DeBERTa-v3's own model
    special = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3}
    pieces = {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"}
    sentencepiece_model(folder / "spm.model", **special, **pieces)  # type: ignore[arg-type]
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "DebertaV2Tokenizer", "vocab_type": "spm"})
    config = transformers.DebertaV2Config(
        **SHAPE,
        vocab_size=400,
        max_position_embeddings=128,
        relative_attention=True,
        position_buckets=16,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        type_vocab_size=0,
    )
    save(folder, config)


def modernbert_folder(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((trained() / name).read_bytes())
    special = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "cls_token_id": 0, "sep_token_id": 2}
    save(folder, transformers.ModernBertConfig(**SHAPE, **special, vocab_size=700, max_position_embeddings=128))


def save(folder: Path, config: Any) -> None:
    torch.manual_seed(0)
    transformers.AutoModelForMaskedLM.from_config(config).save_pretrained(folder)


FOLDERS: dict[str, Callable[[Path], None]] = {
    "xlm-roberta": xlmr_folder,
    "bert": bert_folder,
    "deberta-v2": deberta_folder,
    "modernbert": modernbert_folder,
}


@pytest.fixture(params=FOLDERS)
def upstream(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / request.param
    folder.mkdir()
    FOLDERS[request.param](folder)
    return folder


@pytest.mark.slow
def test_an_encoder_goes_through_both_phases_and_evaluation(upstream: Path, tmp_path: Path) -> None:
    made = Made(tmp_path, upstream)
    encoder = made.make(fetch_model, "encoder", "fetch_model", "m")
    mnli = made.data("mnli", train=pairs(32, "en"), dev=pairs(9, "en"))
    german = made.data("xnli", dev=pairs(9, "de"))
    tatoeba = made.data("tatoeba", test=retrieval())
    lines = made.data("text", train=text())
    source = made.make(
        train_source,
        "source",
        "train_intermediate",
        "m",
        "mlm-en",
        1,
        encoder=encoder.path,
        mnli__en=mnli,
        **{"intermediate/mlm-en": made.features("intermediate", "mlm-en", encoder, text__en=lines)},
    )
    assert source.results["steps"] > 0
    target = {"target/mnli": made.features("target", "mnli", encoder, mnli__en=mnli)}
    model = made.make(train_target, "target", "train_target", "m", "mlm-en", "mnli", 1, encoder=source.path, **target)
    assert {"head.safetensors", "model.safetensors", "config.json"} <= set(model.content["files"])
    trained_config = json.loads((model.folder / "config.json").read_text())
    assert trained_config["model_type"] == json.loads((upstream / "config.json").read_text())["model_type"]
    transformers.AutoModel.from_pretrained(model.folder)
    german_features = made.features("task", "xnli", encoder, xnli__de=german)
    given = {"model": model.path, "features": german_features, "xnli/de": german}
    found = made.make(predict_task, "xnli", "predict", "m", "mlm-en", "mnli", 1, "xnli", **given)
    labels = (found.folder / "dev-de.tsv").read_text(encoding="utf-8").split()
    assert len(labels) == 9 and set(labels) <= {*LABELS}
    sentences = made.features("task", "tatoeba", encoder, tatoeba__de=tatoeba)
    given = {"model": source.path, "features": sentences, "tatoeba/de": tatoeba}
    found = made.make(predict_task, "tatoeba", "predict", "m", "mlm-en", "none", 1, "tatoeba", **given)
    assert len((found.folder / "test-de.tsv").read_text(encoding="utf-8").split()) == 5
    read_manifest(model.path).check()


def test_xlm_rs_own_tokenizer_class_has_fairseqs_ids(tmp_path: Path) -> None:
    xlmr_folder(tmp_path)
    tokenizer = open_tokenizer(tmp_path)
    own = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "sentencepiece.bpe.model"))
    for line in LINES:
        expected = [number + 1 for number in own.encode(line)]  # <s> <pad> </s> <unk> come first, in fairseq's order
        assert tokenizer.backend.encode(line, add_special_tokens=False).ids == [3 if n == 1 else n for n in expected]
        assert tokenizer.backend.encode(line).ids == [
            0,
            *tokenizer.backend.encode(line, add_special_tokens=False).ids,
            2,
        ]
    assert tokenizer.backend.encode("a", "b").ids.count(2) == 3, "<s> a </s></s> b </s>"
    assert tokenizer.unknown == 3 and tokenizer.mask == len(tokenizer) - 1


def test_special_tokens_may_be_written_as_objects_or_beside(tmp_path: Path) -> None:
    modernbert_folder(tmp_path)
    plain = open_tokenizer(tmp_path)
    names = json.loads((tmp_path / "tokenizer_config.json").read_text())
    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False}
    write_json(tmp_path / "tokenizer_config.json", names | {"mask_token": mask | {"single_word": False}})
    assert open_tokenizer(tmp_path).mask == plain.mask == len(plain) - 1
    special = {role: names.pop(role) for role in [*names] if role.endswith("_token")}
    write_json(tmp_path / "tokenizer_config.json", names)
    write_json(tmp_path / "special_tokens_map.json", special)
    beside = open_tokenizer(tmp_path)
    assert (beside.unknown, beside.mask, beside.special) == (plain.unknown, plain.mask, plain.special)
    encode = beside.backend.encode
    assert [encode(line).ids for line in LINES] == [plain.backend.encode(line).ids for line in LINES]


def test_an_encoder_whose_checkpoint_lacks_weights_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    bert_folder(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["bert.encoder.layer.1.attention.self.query.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"no weights for .*layer\.1\.attention\.self\.query\.weight"):
        open_encoder(tmp_path)


def test_an_encoder_without_a_language_model_cannot_learn_from_raw_text(tmp_path: Path) -> None:
    bert_folder(tmp_path)
    transformers.AutoModel.from_pretrained(tmp_path).save_pretrained(tmp_path)
    open_encoder(tmp_path)
    with pytest.raises(UserError, match="no weights for cls"):
        open_encoder(tmp_path, masked_lm=True)


@pytest.mark.parametrize("kind", ["T5", "MT5", "UMT5"])
@pytest.mark.parametrize("whole", [True, False])
def test_an_encoder_with_a_decoder_is_refused(tmp_path: Path, kind: str, whole: bool) -> None:
    """AutoModel gives the encoder of such a folder a decoder too, whether or not the folder has one."""
    config = getattr(transformers, f"{kind}Config")(
        d_model=8, d_ff=16, num_layers=1, num_heads=2, d_kv=4, vocab_size=30
    )
    getattr(transformers, f"{kind}{'Model' if whole else 'EncoderModel'}")(config).save_pretrained(tmp_path)
    for said in (True, False):
        write_json(tmp_path / "config.json", config.to_dict() | {"is_encoder_decoder": said})
        with pytest.raises(UserError, match="found an encoder with a decoder; expected an encoder alone"):
            open_encoder(tmp_path)


HEADS = {
    "bert": 0.1,
    "roberta": 0.1,
    "xlm-roberta": 0.1,
    "xlm-roberta-xl": 0.1,
    "electra": 0.1,
    "deberta": 0.1,
    "deberta-v2": 0.1,
    "mpnet": 0.1,
    "modernbert": 0.0,
    "gpt_neox": 0.1,
    "qwen2": 0.0,
    "bloom": 0.0,
    "albert": 0.1,  # of its states 0
    "rembert": 0.1,  # of its states 0
    "distilbert": 0.2,  # of its states 0.1
    "xlm": 0.1,
    "flaubert": 0.1,
    "xlnet": 0.1,
    "funnel": 0.1,
    "gpt2": 0.1,
    "opt": 0.1,
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_fresh_head_has_the_dropout_that_the_architecture_says(kind: str) -> None:
    """What transformers' own configurations say where nobody says anything else."""
    config = transformers.AutoConfig.for_model(kind)
    model = SimpleNamespace(config=config)
    assert HubEncoder.head_dropout.fget(model) == HEADS[kind]


def test_a_classifiers_own_dropout_comes_before_that_of_the_states() -> None:
    for kind, said, expected in (
        ("bert", {"hidden_dropout_prob": 0.3}, 0.3),
        ("bert", {"hidden_dropout_prob": 0.3, "classifier_dropout": 0.0}, 0.0),
        ("bloom", {"hidden_dropout": 0.25}, 0.25),
        ("modernbert", {"classifier_dropout": 0.2, "mlp_dropout": 0.4}, 0.2),
    ):
        config = transformers.AutoConfig.for_model(kind, **said)
        assert HubEncoder.head_dropout.fget(SimpleNamespace(config=config)) == expected


@pytest.mark.parametrize("kind", ["distilbert", "electra"])
def test_a_language_model_head_that_is_called_otherwise_is_refused_before_any_work(tmp_path: Path, kind: str) -> None:
    if kind == "distilbert":
        small = transformers.DistilBertConfig(vocab_size=30, dim=8, hidden_dim=16, n_layers=1, n_heads=2)
        transformers.DistilBertForMaskedLM(small).save_pretrained(tmp_path)
    else:
        of_shape = {**SHAPE, "embedding_size": 16, "vocab_size": 30}
        transformers.ElectraForMaskedLM(transformers.ElectraConfig(**of_shape)).save_pretrained(tmp_path)
    assert open_encoder(tmp_path).hidden in (8, 16)
    with pytest.raises(UserError, match=rf"a language-model head of '{kind}' .*; expected a source without raw text"):
        open_encoder(tmp_path, masked_lm=True)


def test_limits_beyond_the_positions_are_refused(tmp_path: Path) -> None:
    upstream = tmp_path / "bert"
    upstream.mkdir()
    bert_folder(upstream)
    made = Made(tmp_path, upstream)
    encoder = made.make(fetch_model, "encoder", "fetch_model", "m")
    long = made.jobs.run.model_copy(
        update={"lengths": made.jobs.run.lengths.model_copy(update={"retrieval": 129, "classification": 128})}
    )
    made.jobs = Jobs(long, ROOT, tmp_path / "results")
    tatoeba = made.data("tatoeba", test=retrieval())
    sentences = made.features("task", "tatoeba", encoder, tatoeba__de=tatoeba)
    with pytest.raises(UserError, match=r"lengths\.retrieval: found 129; expected at most 128 tokens"):
        given = {"model": encoder.path, "features": sentences, "tatoeba/de": tatoeba}
        made.make(predict_task, "t", "predict", "m", "none", "none", 1, "tatoeba", **given)

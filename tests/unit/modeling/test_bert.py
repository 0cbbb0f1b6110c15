"""A BERT with XLM-R's tokenizer runs as the equal XLM-R: the same states, and the path without padding."""

import itertools
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from family_tokenizers import LINES, trained

from xstilts.files import read_json, write_json
from xstilts.modeling.encoder import open_encoder, save_encoder
from xstilts.modeling.fast_tokenizer import open_tokenizer
from xstilts.modeling.hub import HubEncoder
from xstilts.modeling.layout import layout
from xstilts.modeling.xlmr import XlmRoberta

SHAPE = {"num_hidden_layers": 3, "hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 48}


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """A random BERT with a language-model head, whose rows of both segments differ, and a tokenizer of XLM-R's kind."""
    torch.manual_seed(0)
    folder = tmp_path / "bert"
    config = transformers.BertConfig(**SHAPE, vocab_size=620, max_position_embeddings=64)  # more rows than pieces
    model = transformers.BertForMaskedLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    model.save_pretrained(folder)
    shutil.copyfile(trained() / "tokenizer.json", folder / "tokenizer.json")
    return folder


def batch(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    tokenizer = open_tokenizer(folder)
    found = [tokenizer.backend.encode(first, second).ids[:60] for first, second in itertools.pairwise(LINES)]
    return torch.tensor([one for ids in found for one in ids]), torch.tensor([len(ids) for ids in found])


def test_its_states_are_those_of_bert_at_every_depth(bert: Path) -> None:
    ids, lengths = batch(bert)
    opened = open_encoder(bert).eval()
    assert isinstance(opened, XlmRoberta) and opened.positions == 64
    theirs = transformers.AutoModel.from_pretrained(bert).eval()
    assert isinstance(theirs, transformers.BertModel)
    with torch.no_grad():
        states = [opened(ids, layout(lengths, ids.device), depth=depth) for depth in range(4)]
        for start, length in zip(lengths.cumsum(0) - lengths, lengths, strict=True):
            expected = theirs(ids[start : start + length][None], output_hidden_states=True).hidden_states
            for depth in range(4):
                found = states[depth][start : start + length]
                torch.testing.assert_close(found, expected[depth][0], rtol=1e-5, atol=1e-5)


def test_its_language_model_comes_along(bert: Path) -> None:
    ids, lengths = batch(bert)
    opened = open_encoder(bert, masked_lm=True).eval()
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(bert).eval()
    first = ids[: lengths[0]]
    with torch.no_grad():
        found = opened.language_model(opened(first, layout(lengths[:1], ids.device)))
        torch.testing.assert_close(found, theirs(first[None]).logits[0], rtol=1e-5, atol=1e-4)


def test_what_was_trained_from_it_is_an_xlm_r_for_everyone(bert: Path, tmp_path: Path) -> None:
    ids, lengths = batch(bert)
    opened = open_encoder(bert).eval()
    names = save_encoder(opened, bert, tmp_path / "saved")
    assert "tokenizer.json" in names
    theirs = transformers.AutoModel.from_pretrained(tmp_path / "saved").eval()
    assert isinstance(theirs, transformers.XLMRobertaModel)
    again = open_encoder(tmp_path / "saved").eval()
    with torch.no_grad():
        states = opened(ids, layout(lengths, ids.device))
        torch.testing.assert_close(again(ids, layout(lengths, ids.device)), states, rtol=0, atol=0)
        expected = theirs(ids[: lengths[0]][None]).last_hidden_state[0]
        torch.testing.assert_close(states[: lengths[0]], expected, rtol=1e-5, atol=1e-5)


def test_a_bert_that_tells_segments_apart_stays_one(bert: Path) -> None:
    content = read_json(bert / "tokenizer.json")
    for part in content["post_processor"]["pair"][3:]:
        next(iter(part.values()))["type_id"] = 1
    write_json(bert / "tokenizer.json", content)
    assert isinstance(open_encoder(bert), HubEncoder)


def test_a_bert_with_its_own_pieces_stays_one(bert: Path) -> None:
    (bert / "tokenizer.json").unlink()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "paris", "is"]
    (bert / "vocab.txt").write_text("\n".join(words) + "\n")
    assert isinstance(open_encoder(bert), HubEncoder)

"""Decoders opened as encoders: causal states, sentence vectors where a text ends, and their tokenizers."""

import json
from pathlib import Path

import pytest
import torch
from decoders import END, bloom, llama, qwen
from family_tokenizers import LINES

from xstilts.errors import UserError
from xstilts.families.features import learn_template, tokenise
from xstilts.families.span_qa import solid_spans
from xstilts.modeling.check import check_encoder
from xstilts.modeling.encoder import open_encoder, read_sentence_at
from xstilts.modeling.fast_tokenizer import open_tokenizer
from xstilts.modeling.heads import sentences
from xstilts.modeling.layout import layout
from xstilts.modeling.model import build_model

CPU = torch.device("cpu")


@pytest.mark.parametrize("write", [qwen, llama, bloom])
def test_a_decoder_is_opened_as_an_encoder_whose_tokens_know_those_before_them(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Whatever follows, in the text or as padding beside a longer one, changes no state."""
    encoder = open_encoder(write(tmp_path)).eval()
    check_encoder(tmp_path)
    assert encoder.causal and encoder.sentence == "last"
    first, second = torch.tensor([5, 6, 7, 8]), torch.tensor([5, 6, 9, 10, 11, 12])
    alone = encoder(first, layout(torch.tensor([4]), CPU))
    both = encoder(torch.cat([first, second]), layout(torch.tensor([4, 6]), CPU))
    assert torch.allclose(alone, both[:4], atol=1e-6), "padding beside a longer text"
    assert torch.allclose(both[:2], both[4:6], atol=1e-6), "two texts that begin alike"
    assert not torch.allclose(both[2], both[6], atol=1e-3)
    deep = encoder(first, layout(torch.tensor([4]), CPU), depth=0)
    assert deep.shape == alone.shape and not torch.allclose(deep, alone, atol=1e-3)


def test_a_sequence_has_the_vector_of_its_last_token_or_the_mean(tmp_path: Path) -> None:
    encoder = open_encoder(qwen(tmp_path))
    where = layout(torch.tensor([2, 3]), CPU)
    states = torch.arange(10.0).reshape(5, 2)
    assert sentences(states, where, "first").tolist() == [[0, 1], [4, 5]]
    assert sentences(states, where, "last").tolist() == [[2, 3], [8, 9]]
    assert sentences(states, where, "mean").tolist() == [[1, 2], [6, 7]]
    assert build_model(encoder, {"mnli": ("classification", 3)}, 0).heads["mnli"].sentence == "last"
    read_sentence_at(encoder, tmp_path, "mean")
    assert build_model(encoder, {"mnli": ("classification", 3)}, 0).heads["mnli"].sentence == "mean"
    with pytest.raises(UserError, match="whose first token has read nothing; expected last or mean"):
        read_sentence_at(encoder, tmp_path, "first")


def test_what_a_decoder_cannot_do_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"found a decoder, .* expected sources without raw text \(no \+mlm, no mlm-en"):
        open_encoder(qwen(tmp_path), masked_lm=True)


@pytest.mark.parametrize(("write", "first"), [(qwen, END), (llama, "<|begin_of_text|>")])
def test_texts_and_pairs_begin_and_end_with_a_token(write, first: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    tokenizer = open_tokenizer(write(tmp_path))
    name = tokenizer.backend.id_to_token
    template = learn_template(tokenizer)
    assert [[name(n) for n in part] for part in template.single] == [[first], [END]]
    assert [[name(n) for n in part] for part in template.pair] == [[first], [END], [END]]
    assert not any(map(any, template.segments[:3])) and template.segments[3:] == (0, 0)
    assert tokenizer.unknown == tokenizer.backend.token_to_id(END) and tokenizer.mask is None


def test_words_are_the_pieces_that_they_are_inside_a_text(tmp_path: Path) -> None:
    tokenizer = open_tokenizer(qwen(tmp_path))
    words = ["The", "quick", "brown", "fox"]
    apart = [piece for word in words for piece in tokenizer.backend.encode(word, add_special_tokens=False).tokens]
    assert apart == tokenizer.backend.encode(" ".join(words), add_special_tokens=False).tokens
    pieces = tokenise([*LINES], tokenizer, chars=True)
    spans = solid_spans([*LINES], pieces)
    for place, line in enumerate(LINES[:4]):
        own = spans[pieces.start[place] : pieces.start[place] + pieces.length[place]]
        assert {line[a:b].strip() for a, b in own} == {line[a:b] for a, b in own}, "no blank belongs to an answer"
        assert own[0][0] == 0 and own[-1][1] == len(line)


def test_an_encoders_tokenizer_that_sets_no_token_is_refused_as_before(tmp_path: Path) -> None:
    names = json.loads((qwen(tmp_path) / "tokenizer_config.json").read_text(encoding="utf-8"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(names | {"mask_token": END, "unk_token": END}))
    with pytest.raises(UserError, match="sets no special token before a text"):
        check_encoder(tmp_path)

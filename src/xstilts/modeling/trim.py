"""A smaller encoder from a pretrained one: its first blocks, and only the pieces that a run's texts are cut into.

Leaving pieces out changes no segmentation of those texts. A Unigram tokenizer takes the best path through all pieces
that occur in a text: the best one stays, no other gets better, and none appears, as the score of what is unknown hangs
on the lowest score of all (that piece stays). Other kinds (WordPiece, BPE) build a piece from pieces: they are refused.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xstilts.errors import UserError
from xstilts.files import read_json, write_json
from xstilts.modeling.encoder import open_encoder
from xstilts.modeling.fast_tokenizer import FastTokenizer, copy_tokenizer, special_tokens
from xstilts.modeling.xlmr import XlmRoberta
from xstilts.tensors import read_header

PIECES = "pieces.json"  # of a trimmed encoder: the rows of the whole embedding, and which of them it kept


@dataclass
class Recorder:
    """A tokenizer that remembers into which pieces it cut what it was given."""

    backend: Any
    seen: set[int] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    def encode(self, *texts: Any, **options: Any) -> Any:
        """Encode one text or pair."""
        found = self.backend.encode(*texts, **options)
        self.seen.update(found.ids)
        return found

    def encode_batch(self, texts: list[str], **options: Any) -> Any:
        """Encode texts with the places of their pieces."""
        return self._record(self.backend.encode_batch(texts, **options))

    def encode_batch_fast(self, texts: list[str], **options: Any) -> Any:
        """Encode texts without the places of their pieces."""
        return self._record(self.backend.encode_batch_fast(texts, **options))

    def _record(self, found: list[Any]) -> list[Any]:
        for encoding in found:
            self.seen.update(encoding.ids)
        return found


def open_trimmable(folder: Path, masked_lm: bool) -> XlmRoberta:
    """Open an encoder that can be trimmed: XLM-R, RoBERTa, or a BERT that reads as XLM-R does."""
    encoder = open_encoder(folder, masked_lm)
    if not isinstance(encoder, XlmRoberta):
        kind = read_json(folder / "config.json").get("model_type")
        raise UserError(
            f"{folder}: found an encoder {kind!r}; expected XLM-R, RoBERTa or a BERT that reads as XLM-R does, for "
            "`layers` and `vocabulary: run`"
        )
    return encoder


def has_language_model(folder: Path) -> bool:
    """Say whether the weights of an encoder have a language-model head beside them."""
    names = (name for path in folder.glob("model*.safetensors") for name in read_header(path))
    return any(name.startswith(("lm_head.dense", "cls.predictions.transform")) for name in names)


def keep_layers(encoder: XlmRoberta, layers: int) -> None:
    """Leave the first blocks."""
    if layers > encoder.depth:
        raise UserError(f"layers: found {layers}; expected at most the encoder's {encoder.depth}")
    encoder.layers = encoder.layers[:layers]
    encoder.config["num_hidden_layers"] = layers


def kept_pieces(tokenizer: FastTokenizer, seen: set[int]) -> list[int]:
    """Return the pieces that must stay when ``seen`` are those that texts are cut into, in their order.

    Raises:
        UserError: the tokenizer is no Unigram model.
    """
    model = _model(tokenizer)
    scores = [score for _, score in model["vocab"]]
    added = {int(number) for number in tokenizer.backend.get_added_tokens_decoder()}
    single = {n for n, (piece, _) in enumerate(model["vocab"]) if len(piece) == 6 and piece.startswith("<0x")}  # bytes
    return sorted(seen | added | single | {model["unk_id"], scores.index(min(scores))} | {*tokenizer.special})


def _model(tokenizer: FastTokenizer) -> dict[str, Any]:
    model: dict[str, Any] = json.loads(tokenizer.backend.to_str())["model"]
    if model["type"] != "Unigram":
        raise UserError(
            f"vocabulary: run: found a tokenizer of the kind {model['type']}; expected Unigram (SentencePiece): of no "
            "other can pieces be left out without a change"
        )
    return model


def keep_rows(encoder: XlmRoberta, kept: list[int]) -> None:
    """Leave the rows of the embedding that these pieces have; the language model goes, it would need them all."""
    rows = encoder.words.weight.detach()[kept].clone()
    encoder.words = nn.Embedding(len(kept), encoder.hidden, sparse=True, _weight=rows)
    encoder.lm_head = None
    encoder.config["vocab_size"] = len(kept)


def write_tokenizer(tokenizer: FastTokenizer, source: Path, kept: list[int], folder: Path) -> list[str]:
    """Write a tokenizer with these pieces alone, numbered anew in their order; return the files' names."""
    content = json.loads(tokenizer.backend.to_str())
    new = {old: number for number, old in enumerate(kept)}
    vocabulary = content["model"]["vocab"]
    content["model"] |= {"vocab": [vocabulary[old] for old in kept if old < len(vocabulary)]}
    content["model"]["unk_id"] = new[content["model"]["unk_id"]]
    for token in content["added_tokens"]:
        token["id"] = new[token["id"]]
    _renumber(content["post_processor"], new)
    names = special_tokens(source) | {"unk_token": tokenizer.backend.id_to_token(tokenizer.unknown)}
    if tokenizer.mask is not None:
        names["mask_token"] = tokenizer.backend.id_to_token(tokenizer.mask)
    write_json(folder / "tokenizer.json", content)
    write_json(folder / "tokenizer_config.json", {**names, "tokenizer_class": "PreTrainedTokenizerFast"})
    return ["tokenizer.json", "tokenizer_config.json"]


def _renumber(processor: dict[str, Any] | None, new: dict[int, int]) -> None:
    """Give the special tokens of a template their new numbers."""
    if processor is None:
        return
    for token in processor.get("special_tokens", {}).values():
        token["ids"] = [new[old] for old in token["ids"]]
    for role in ("sep", "cls"):  # RobertaProcessing and BertProcessing
        if role in processor:
            processor[role] = [processor[role][0], new[processor[role][1]]]
    for part in processor.get("processors", ()):
        _renumber(part, new)


def untrim(folder: Path, trimmed: Path, whole: Path, dest: Path) -> list[str]:
    """Put a model that was trained from a trimmed encoder back into the whole vocabulary.

    Its own rows stay, the others are those of the pretrained encoder; blocks that were cut off stay cut off.

    Args:
        folder: the model.
        trimmed: the encoder that it was trained from, with ``pieces.json``.
        whole: the encoder that this one was trimmed from.
        dest: the folder to write.

    Returns:
        The names of the files.
    """
    model, pretrained = open_trimmable(folder, masked_lm=False), open_trimmable(whole, masked_lm=False)
    rows = pretrained.words.weight.detach().clone()
    if (trimmed / PIECES).is_file():
        kept = read_json(trimmed / PIECES)["kept"]
        if len(kept) != len(model.words.weight):
            raise UserError(f"{folder}: found {len(model.words.weight)} pieces; expected the {len(kept)} of {trimmed}")
        rows[kept] = model.words.weight.detach()
        model.words = nn.Embedding(len(rows), model.hidden, _weight=rows)
        model.config["vocab_size"] = len(rows)
    with torch.no_grad():
        files = model.save(dest)
    return [*files, *copy_tokenizer(whole, dest)]

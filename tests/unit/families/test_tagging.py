"""Tagging: every word gets exactly one tag, whatever its script and however long its sentence."""

from pathlib import Path

import numpy as np
import pytest
import tokenizers
from family_tokenizers import LINES, bert, characters, pieces
from test_families_features import sequences

from xstilts.errors import UserError
from xstilts.families import tagging
from xstilts.families.features import Features, FeatureSettings
from xstilts.modeling.fast_tokenizer import FastTokenizer

TAGS = ("ADJ", "NOUN", "VERB", "X")
TOKENIZERS = {"pieces": pieces, "bert": bert, "characters": lambda: characters(LINES)}


def sentence(name: str, tokens: list[str], seed: int = 0) -> dict:
    tags = [TAGS[i] for i in np.random.default_rng(seed).integers(0, len(TAGS), len(tokens))]
    return {"id": name, "tokens": tokens, "tags": tags}


def perfect(features: Features) -> list[np.ndarray]:
    """Return the logits of a model that knows every target and guesses X elsewhere."""
    tag = features.targets["tag"]
    logits = np.eye(len(TAGS), dtype=np.float32)[np.where(tag < 0, 3, tag)]
    return np.split(logits, features.offsets[1:-1])


@pytest.mark.parametrize("name", TOKENIZERS)
def test_tags_come_back_word_by_word(name: str, tmp_path: Path) -> None:
    rows = [sentence(str(i), line.split(), i) for i, line in enumerate(LINES)]
    rows.append(sentence("zh", list("狗在花园里睡觉")))  # words of languages without spaces
    rows.append(sentence("th", ["สุนัข", "กระโดด", "ข้าม", "สุนัข"]))
    settings = FeatureSettings(max_length=128, labels=TAGS)
    features = tagging.featurise(rows, TOKENIZERS[name](), settings)
    predictions = tagging.decode(perfect(features), features, rows, settings)
    assert predictions == [row["tags"] for row in rows]
    tagging.write(tmp_path / "test-x.tsv", predictions, rows)
    text = (tmp_path / "test-x.tsv").read_text()
    assert text == "\n".join("".join(f"{tag}\n" for tag in row["tags"]) for row in rows)
    assert text.count("\n\n") == len(rows) - 1


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("max_length", [16, 64, 256])
def test_a_sentence_of_5000_words_is_split_and_joined_again(name: str, max_length: int) -> None:
    words = (" ".join(LINES).split() * 100)[:5000]
    rows = [sentence("before", ["fox"]), sentence("long", words), sentence("after", ["dog", "fox"])]
    settings = FeatureSettings(max_length=max_length, labels=TAGS)
    tokenizer = TOKENIZERS[name]()
    features = tagging.featurise(rows, tokenizer, settings)
    assert np.diff(features.offsets).max() <= max_length
    counts = np.bincount(features.example)
    assert counts[0] == counts[2] == 1 and counts[1] > 10
    predictions = tagging.decode(perfect(features), features, rows, settings)
    assert [len(tags) for tags in predictions] == [1, 5000, 2]
    assert predictions == [row["tags"] for row in rows]
    # no word is torn apart: a sequence begins with a first piece, and takes the next word whenever it fits
    starts = features.offsets[:-1] + 1
    assert (features.context["word"][starts] >= 0).all()


def test_each_word_is_tokenised_alone_and_its_first_piece_scored() -> None:
    tokenizer = pieces()
    row = sentence("0", ["garden", ",", "über", "2019", "狗"])
    features = tagging.featurise([row], tokenizer, FeatureSettings(max_length=64, labels=TAGS))
    parts = [tokenizer.backend.encode(word, add_special_tokens=False).ids for word in row["tokens"]]
    assert sequences(features) == [[0, *(piece for part in parts for piece in part), 2]]
    place = np.flatnonzero(features.context["word"] >= 0)
    assert place.tolist() == (1 + np.cumsum([0, *map(len, parts)])[:-1]).tolist()
    assert features.context["word"][place].tolist() == [0, 1, 2, 3, 4]
    assert np.flatnonzero(features.targets["tag"] >= 0).tolist() == place.tolist()


@pytest.mark.parametrize("kind", ["byte-level", "replaced blanks"])
def test_words_are_the_pieces_that_they_are_inside_a_text(kind: str) -> None:
    """RoBERTa's and ModernBERT's kind, and Gemma's, know a word behind a blank by another piece than one without."""
    mark = "Ġ" if kind == "byte-level" else "▁"
    merges = [("c", "a"), ("ca", "t"), (mark, "cat"), ("d", "o"), ("do", "g"), (mark, "dog"), (mark, "a")]
    pieces_of = [*"catdog", mark, *("".join(pair) for pair in merges), "<s>", "</s>", "<unk>", "<mask>"]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces_of))}
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>"))
    if kind == "byte-level":
        backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        backend.normalizer = tokenizers.normalizers.Replace(" ", "▁")
    backend.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B </s>",
        special_tokens=[(token, vocabulary[token]) for token in ("<s>", "</s>")],
    )
    tokenizer = FastTokenizer(backend, vocabulary["<unk>"], vocabulary["<mask>"], (vocabulary["<s>"],))
    row = sentence("0", ["cat", "dog"])
    features = tagging.featurise([row], tokenizer, FeatureSettings(max_length=64, labels=TAGS))
    inside = backend.encode("a cat dog", add_special_tokens=False).tokens[-2:]
    assert inside == [f"{mark}cat", f"{mark}dog"]
    assert [backend.id_to_token(int(one)) for one in features.input_ids[1:-1]] == inside


@pytest.mark.parametrize("name", TOKENIZERS)
def test_words_that_are_nothing_or_too_long_become_unknown(name: str) -> None:
    tokenizer = TOKENIZERS[name]()
    empty = "\u3000" if name == "characters" else "\u200b"  # each tokenizer's normaliser drops another one
    assert tokenizer.backend.encode(empty, add_special_tokens=False).ids == []
    row = sentence("0", ["dog", empty, "fo" * 40, "fox"])
    features = tagging.featurise([row], tokenizer, FeatureSettings(max_length=24, labels=TAGS))
    scored = features.input_ids[features.context["word"] >= 0]
    assert scored[1] == scored[2] == tokenizer.unknown
    assert (features.input_ids == tokenizer.unknown).sum() == 2
    assert tagging.decode(perfect(features), features, [row], FeatureSettings(64, labels=TAGS)) == [row["tags"]]


def test_rows_without_tags_and_tags_that_the_head_cannot_give() -> None:
    settings = FeatureSettings(max_length=64, labels=TAGS)
    rows = [{"id": "0", "tokens": ["a", "dog"], "tags": None}, {"id": "1", "tokens": ["fox"], "tags": ["RARE"]}]
    features = tagging.featurise(rows, pieces(), settings)
    assert (features.targets["tag"] == -100).all()
    assert tagging.decode(perfect(features), features, rows, settings) == [["X", "X"], ["X"]]
    with pytest.raises(UserError, match="row 1: 2 tags for 1 words"):
        tagging.featurise([rows[1] | {"tags": ["X", "X"]}], pieces(), settings)


def test_a_file_never_has_more_or_fewer_tags_than_words(tmp_path: Path) -> None:
    row = sentence("0", ["a", "dog"])
    with pytest.raises(ValueError, match="row 0: 1 tags for 2 words"):
        tagging.write(tmp_path / "x.tsv", [["X"]], [row])
    assert not list(tmp_path.iterdir())

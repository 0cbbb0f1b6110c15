"""Sequences end to end, special tokens learnt from the tokenizer, and choosing among them."""

import numpy as np
import pytest
from family_tokenizers import LINES, bert, characters, pieces

from xstilts.errors import ConfigError
from xstilts.families import classification
from xstilts.families.features import Features, FeatureSettings, concatenate, learn_template, lengths, take

TOKENIZERS = {"pieces": pieces, "bert": bert, "characters": lambda: characters(LINES)}


def pairs(count: int) -> list[dict]:
    return [
        {"id": str(i), "text_a": LINES[i % 10], "text_b": LINES[(i * 3 + 1) % 10], "label": "01"[i % 2]}
        for i in range(count)
    ]


def sequences(features: Features) -> list[list[int]]:
    return [part.tolist() for part in np.split(features.input_ids, features.offsets[1:-1])]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_pair_has_the_special_tokens_and_segments_that_the_tokenizer_itself_sets(name: str) -> None:
    tokenizer = TOKENIZERS[name]()
    rows = pairs(25)
    features = classification.featurise(rows, tokenizer, FeatureSettings(max_length=512, labels=("0", "1")))
    whole = [tokenizer.backend.encode(row["text_a"], row["text_b"]) for row in rows]
    assert sequences(features) == [encoding.ids for encoding in whole]
    segments = [number for encoding in whole for number in encoding.type_ids]
    assert features.context.get("segment", np.zeros(len(segments))).tolist() == segments
    assert ("segment" in features.context) == (name == "bert")
    assert features.targets["label"].tolist() == [0, 1] * 12 + [0]
    assert features.input_ids.dtype == np.int32 and features.offsets.dtype == np.int64


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_text_alone_is_encoded_as_the_tokenizer_itself_encodes_one(name: str) -> None:
    """It is no pair with an empty second text, which a data set may have too; rows of both kinds keep their places."""
    tokenizer, settings = TOKENIZERS[name](), FeatureSettings(max_length=40, labels=("0", "1"))
    alone = [row | {"text_b": None} for row in pairs(10)]
    features = classification.featurise(alone, tokenizer, settings)
    before, after = (part.tolist() for part in learn_template(tokenizer).single)
    for row, found in zip(alone, sequences(features), strict=True):
        whole = tokenizer.backend.encode(row["text_a"]).ids
        assert found == (whole if len(whole) <= 40 else [*whole[: 40 - len(after)], *after])
        assert found[: len(before)] == before
    assert not features.context and features.example.tolist() == [*range(10)]

    mixed = [row if number % 3 else row | {"text_b": None} for number, row in enumerate(pairs(10))]
    mixed[4] = mixed[4] | {"text_b": ""}
    together = classification.featurise(mixed, tokenizer, settings)
    for number, row in enumerate(mixed):
        single = classification.featurise([row], tokenizer, settings)
        assert sequences(together)[number] == sequences(single)[0]
        begin, end = together.offsets[number : number + 2]
        expected = single.context.get("segment", np.zeros(end - begin))
        assert np.array_equal(together.context.get("segment", np.zeros(together.offsets[-1]))[begin:end], expected)
    assert together.targets["label"].tolist() == [0, 1] * 5 and together.example.tolist() == [*range(10)]
    _, between, behind = learn_template(tokenizer).pair
    assert sequences(together)[4][-len(between) - len(behind) :] == [*between, *behind], "an empty second text"


def test_xlm_roberta_sets_two_separators_between_texts() -> None:
    template = learn_template(pieces())
    assert [part.tolist() for part in template.pair] == [[0], [2, 2], [2]]
    assert [part.tolist() for part in template.single] == [[0], [2]]
    assert template.room(10, pair=True) == 6
    with pytest.raises(ConfigError, match="max_length 5"):
        template.room(5, pair=True)


def test_chosen_and_joined_sequences_are_the_same_sequences() -> None:
    settings = FeatureSettings(max_length=60, labels=("0", "1"))
    rows = pairs(12)
    features = classification.featurise(rows, bert(), settings)
    parts = [classification.featurise(rows[:5], bert(), settings), classification.featurise(rows[5:], bert(), settings)]
    joined = concatenate(parts)
    for field in ("input_ids", "offsets", "example"):
        assert np.array_equal(getattr(joined, field), getattr(features, field))
    assert np.array_equal(joined.targets["label"], features.targets["label"])
    assert np.array_equal(joined.context["segment"], features.context["segment"])

    order = np.array([7, 0, 7, 3])
    chosen = take(features, order)
    assert sequences(chosen) == [sequences(features)[i] for i in order]
    assert chosen.example.tolist() == order.tolist()
    assert len(chosen.context["segment"]) == len(chosen.input_ids)
    assert lengths(chosen).tolist() == [len(sequences(features)[i]) for i in order]


def test_no_rows_make_no_sequences() -> None:
    features = classification.featurise([], pieces(), FeatureSettings(max_length=60, labels=("0", "1")))
    assert len(features) == 0 and len(features.input_ids) == 0
    assert classification.decode([], features, [], FeatureSettings(max_length=60)) == []

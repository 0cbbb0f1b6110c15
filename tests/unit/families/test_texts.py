"""Classification, multiple choice, retrieval and masked language modelling: truncation, decoding, submission files."""

from pathlib import Path

import numpy as np
import pytest
from family_tokenizers import LINES, bert, pieces
from test_families_features import sequences

from xstilts.errors import UserError
from xstilts.families import classification, mlm, multiple_choice, retrieval
from xstilts.families.features import FeatureSettings, longest_first

NLI = ("contradiction", "entailment", "neutral")


def ids(text: str, tokenizer) -> list[int]:
    return tokenizer.backend.encode(text, add_special_tokens=False).ids


def test_pairs_lose_the_end_of_the_longer_text_piece_by_piece() -> None:
    rng = np.random.default_rng(0)
    for room in (2, 3, 8, 9):
        first, second = rng.integers(0, 12, (2, 200))
        kept = longest_first(first, second, room)
        for a, b, *found in zip(first, second, *kept, strict=True):
            while a + b > room:
                a, b = (a - 1, b) if a > b else (a, b - 1)
            assert found == [a, b]


def test_classification_from_texts_to_a_submission_file(tmp_path: Path) -> None:
    tokenizer, settings = pieces(), FeatureSettings(max_length=32, labels=NLI)
    rows = [
        {"id": "0", "text_a": LINES[0], "text_b": "The dog.", "label": "entailment"},
        {"id": "1", "text_a": "狗", "text_b": LINES[7], "label": None},
    ]
    features = classification.featurise(rows, tokenizer, settings)
    a, b = ids(LINES[0], tokenizer), ids("The dog.", tokenizer)
    assert sequences(features)[0] == [0, *a[: 28 - len(b)], 2, 2, *b, 2]
    assert np.diff(features.offsets).max() <= 32
    assert features.targets["label"].tolist() == [1, -100]
    outputs = [np.array([0, 1, 5], np.float32), np.array([3, 1, 2], np.float32)]
    predictions = classification.decode(outputs, features, rows, settings)
    classification.write(tmp_path / "test-en.tsv", predictions, rows)
    assert (tmp_path / "test-en.tsv").read_bytes() == b"neutral\ncontradiction\n"
    with pytest.raises(UserError, match=r"row 7: found the label 'maybe'; expected one of contradiction"):
        classification.featurise([rows[0] | {"id": "7", "label": "maybe"}], tokenizer, settings)


@pytest.mark.parametrize(("make", "special"), [(pieces, ([0], [2, 2], [2])), (bert, ([2], [3], [3]))])
def test_multiple_choice_cuts_the_start_of_the_prompt(make, special: tuple[list[int], ...], tmp_path: Path) -> None:
    tokenizer, settings = make(), FeatureSettings(max_length=40)
    rows = [
        {"id": "0", "prompt": LINES[1], "choices": ["and the dog", "a fox", LINES[0] + LINES[1]], "label": 1},
        {"id": "1", "prompt": "The dog", "choices": ["barks", "jumps"], "label": None},
    ]
    features = multiple_choice.featurise(rows, tokenizer, settings)
    assert features.example.tolist() == [0, 0, 0, 1, 1]
    assert features.targets["label"].tolist() == [1, 1, 1, -100, -100]
    prompt, choice = ids(LINES[1], tokenizer), ids("and the dog", tokenizer)
    before, between, after = special
    room = 40 - sum(map(len, special))
    assert sequences(features)[0] == [*before, *prompt[len(choice) - room :], *between, *choice, *after]
    # a choice that fills the sequence leaves nothing of the prompt
    assert sequences(features)[2] == [*before, *between, *ids(LINES[0] + LINES[1], tokenizer)[:room], *after]
    scores = [np.array([value], np.float32) for value in (0.1, 0.3, 0.2, 9, -1)]
    assert multiple_choice.decode(scores, features, rows, settings) == [1, 0]
    multiple_choice.write(tmp_path / "x.tsv", [1, 0], rows)
    assert (tmp_path / "x.tsv").read_bytes() == b"1\n0\n"
    with pytest.raises(UserError, match="row 0: label 3"):
        multiple_choice.featurise([rows[0] | {"label": 3}], tokenizer, settings)


def test_retrieval_takes_single_sentences_and_writes_indices_or_pairs(tmp_path: Path) -> None:
    tokenizer, settings = pieces(), FeatureSettings(max_length=16)
    rows = [{"id": str(i), "side": "english" if i > 1 else "foreign", "text": LINES[i]} for i in range(4)]
    features = retrieval.featurise(rows, tokenizer, settings)
    assert sequences(features) == [[0, *ids(row["text"], tokenizer)[:14], 2] for row in rows]
    states = [np.full(3, i, np.float32) for i in range(4)]
    assert np.array_equal(retrieval.decode(states, features, rows, settings), np.stack(states))
    retrieval.write(tmp_path / "tatoeba.tsv", [1, 0], rows)
    assert (tmp_path / "tatoeba.tsv").read_bytes() == b"1\n0\n"
    retrieval.write(tmp_path / "bucc.tsv", [("de-1", "en-3")], rows)
    assert (tmp_path / "bucc.tsv").read_bytes() == b"de-1\ten-3\n"
    retrieval.write(tmp_path / "none.tsv", [], rows)
    assert (tmp_path / "none.tsv").read_bytes() == b""
    with pytest.raises(ValueError, match="1 indices for 2"):
        retrieval.write(tmp_path / "bad.tsv", [1], rows)
    assert not (tmp_path / "bad.tsv").exists()


def test_lines_stand_alone_or_fill_blocks_of_one_language() -> None:
    tokenizer = pieces()
    rows = [{"id": str(i), "language": "de" if i == 2 else "en", "text": LINES[i]} for i in (0, 1, 2, 3)]
    rows.append({"id": "4", "language": "en", "text": LINES[0], "text_b": LINES[2]})
    own = [ids(row["text"], tokenizer) for row in rows]
    other = ids(LINES[2], tokenizer)
    pair = [0, *own[4], 2, 2, *other, 2]
    alone = mlm.featurise(rows, tokenizer, FeatureSettings(max_length=512))
    assert sequences(alone) == [*([0, *line, 2] for line in own[:4]), pair]
    packed = mlm.featurise(rows, tokenizer, FeatureSettings(max_length=512, packed=True))
    assert sequences(packed) == [[0, *own[0], 2, *own[1], 2], [0, *own[2], 2], [0, *own[3], 2], pair]
    assert packed.example.tolist() == [0, 1, 2, 3]


def test_blocks_lose_no_piece_of_a_long_line() -> None:
    tokenizer = pieces()
    rows = [{"id": str(i), "language": "en", "text": " ".join(LINES[i:])} for i in range(10)]
    rows.append({"id": "blank", "language": "en", "text": " "})
    everything = [piece for row in rows for piece in ids(row["text"], tokenizer)]
    for packed in (False, True):
        features = mlm.featurise(rows, tokenizer, FeatureSettings(max_length=50, packed=packed))
        assert np.diff(features.offsets).max() <= 50
        assert [i for i in features.input_ids.tolist() if i not in (0, 2)] == everything
        assert (features.input_ids[features.offsets[:-1]] == 0).all()
        assert (features.input_ids[features.offsets[1:] - 1] == 2).all()


def test_masking_is_15_percent_80_10_10_and_spares_special_tokens() -> None:
    special = (0, 1, 2, 3, 60, 99)
    original = np.random.default_rng(0).integers(0, 100, 400_000).astype(np.int32)
    inputs, targets = mlm.mask(original, np.random.default_rng(1), 99, special, 100)
    chosen = targets != -100
    assert (targets[chosen] == original[chosen]).all() and (inputs[~chosen] == original[~chosen]).all()
    assert not np.isin(original[chosen], special).any()
    ordinary = ~np.isin(original, special)
    assert abs(chosen[ordinary].mean() - 0.15) < 0.003
    masked, same = inputs == 99, inputs == original
    assert abs(masked[chosen].mean() - 0.8) < 0.01
    assert abs(same[chosen].mean() - 0.1) < 0.006
    drawn = inputs[chosen & ~masked & ~same]
    assert set(np.unique(drawn)) == set(range(100)) - set(special)
    again = mlm.mask(original, np.random.default_rng(1), 99, special, 100)
    assert np.array_equal(inputs, again[0]) and np.array_equal(targets, again[1])
    assert inputs.dtype == np.int32 and targets.dtype == np.int64


def test_masked_features_keep_their_shape() -> None:
    tokenizer = pieces()
    rows = [{"id": str(i), "language": "en", "text": line} for i, line in enumerate(LINES)]
    features = mlm.featurise(rows, tokenizer, FeatureSettings(max_length=64))
    masked = mlm.masked(features, np.random.default_rng(3), tokenizer.mask, tokenizer.special, len(tokenizer))
    assert np.array_equal(masked.offsets, features.offsets)
    found = masked.targets["tag"] != -100
    assert found.any() and np.array_equal(masked.targets["tag"][found], features.input_ids[found])

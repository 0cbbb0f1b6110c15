"""What goes through a model together, and what a loss is averaged over."""

import numpy as np
import pytest

from xstilts.families.features import IGNORED, Features, ends
from xstilts.modeling.batches import scored_items, split_by_tokens, units


@pytest.mark.parametrize("limit", [1, 7, 64, 10_000])
def test_no_pass_holds_more_padded_tokens_than_it_may_unless_a_unit_alone_does(limit: int) -> None:
    lengths = np.random.default_rng(limit).integers(1, 40, 200)
    groups = split_by_tokens(lengths, limit)
    assert sorted(np.concatenate(groups).tolist()) == list(range(200)), "each unit once"
    padded = [int(lengths[group].max()) * len(group) for group in groups]
    assert all(size <= limit or len(group) == 1 for size, group in zip(padded, groups, strict=True))
    longest = [int(lengths[group].max()) for group in groups]
    assert longest == sorted(longest, reverse=True), "equal lengths together, the longest first"
    full = [most * (len(group) + 1) > limit for most, group in zip(longest, groups, strict=True)]
    assert all(full[:-1]), "another unit would not have fitted"


def features(*rows: int, tags: tuple[int, ...] = ()) -> Features:
    """Two tokens a sequence; ``rows`` say where each comes from."""
    targets = {"tag": np.array(tags)} if tags else {}
    tokens = np.arange(2 * len(rows), dtype=np.int32)
    return Features(tokens, ends(np.full(len(rows), 2)), np.array(rows, dtype=np.int32), targets)


def test_a_loss_is_averaged_over_scored_tokens_or_over_units() -> None:
    tagged = features(0, 0, tags=(IGNORED, 3, IGNORED, 1))
    assert scored_items(tagged, "tagging") == 2
    assert scored_items(features(0, 0, 1, 1), "multiple_choice") == 2, "a question with its choices is one"
    assert units(features(0, 0, 1, 1), "multiple_choice").tolist() == [0, 2, 4]
    assert scored_items(features(0, 0, 1), "span_qa") == 3, "windows"

"""The family of queries and candidates: what is cut, what is contrasted, and what a rank is."""

import math

import numpy as np
import pytest
import torch
from family_tokenizers import characters
from torch.nn import functional

from xstilts.families import dual_encoder
from xstilts.families.dual_encoder import Place
from xstilts.families.features import Features, FeatureSettings, lengths
from xstilts.modeling.batches import contrasted, units
from xstilts.modeling.heads import build_head, loss_sum
from xstilts.modeling.layout import layout
from xstilts.scoring import reciprocal_rank

SETTINGS = FeatureSettings(max_length=6, max_query_length=4)
TOKENIZER = characters(["abcdefgh"])


def read(features: Features, sequence: int) -> str:
    ids = features.input_ids[features.offsets[sequence] : features.offsets[sequence + 1]].tolist()
    return TOKENIZER.backend.decode(ids, skip_special_tokens=True)


def test_queries_and_candidates_are_cut_at_their_own_lengths() -> None:
    rows = [
        {"id": "pair", "query": "abcdefgh", "target": "hgfedcba"},
        {"id": "query", "text": "abcdefgh", "targets": ["candidate"]},
        {"id": "candidate", "text": "abcdefgh"},
    ]
    features = dual_encoder.featurise(rows, TOKENIZER, SETTINGS)
    assert features.example.tolist() == [0, 0, 1, 2]
    assert lengths(features).tolist() == [4, 6, 4, 6], "special tokens included"
    assert [read(features, sequence) for sequence in range(4)] == ["a", "hgf", "a", "abc"], "a blank is a piece too"


def test_the_loss_is_the_softmax_over_each_group_of_pairs() -> None:
    """As in XTREME-R's third_party/bert.py: cross entropy of scale x cosine, the target on the diagonal."""
    torch.manual_seed(0)
    outputs = functional.normalize(torch.randn(10, 8), dim=1) * 10
    group = torch.tensor([0, 0, 0, 1, 1]).repeat_interleave(2)
    where = layout(torch.ones(10, dtype=torch.int64), torch.device("cpu"))
    expected = torch.zeros(())
    for pairs in (slice(0, 6), slice(6, 10)):
        scores = outputs[pairs][0::2] @ outputs[pairs][1::2].T
        expected = expected + functional.cross_entropy(scores, torch.arange(len(scores)), reduction="sum")
    assert loss_sum("dual_encoder", outputs, {"contrast": group}, where) == pytest.approx(float(expected), rel=1e-6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss_sum("dual_encoder", outputs, {"contrast": group}, where)
    assert found == pytest.approx(float(expected), rel=1e-6), "nothing of it is rounded to bfloat16"


def test_outputs_have_one_length_and_their_scale_is_learned() -> None:
    head = build_head("dual_encoder", 8, 1, 0.1, seed=3)
    where = layout(torch.tensor([2, 3]), torch.device("cpu"))
    outputs = head(torch.randn(5, 8), where)
    assert outputs.norm(dim=1).tolist() == pytest.approx([10, 10]), "the square root of 100"
    outputs.sum().backward()
    assert head.scale.grad is not None and set(dict(head.named_parameters())) == {"scale", "dense.weight", "dense.bias"}


@pytest.mark.parametrize(
    ("pairs", "most", "sizes"), [(16, 4, [4, 4, 4, 4]), (6, 4, [3, 3]), (5, 4, [3, 2]), (3, 4, [3]), (7, None, [7])]
)
def test_groups_are_of_about_equal_size(pairs: int, most: int | None, sizes: list[int]) -> None:
    rows = [{"id": str(n), "query": "a", "target": "b"} for n in range(pairs)]
    features = dual_encoder.featurise(rows, TOKENIZER, SETTINGS)
    numbered, bounds = contrasted(features, units(features, "dual_encoder"), most)
    assert (np.diff(bounds) // 2).tolist() == sizes
    assert np.bincount(numbered.targets["contrast"]).tolist() == [2 * size for size in sizes]


def outputs(*points: tuple[float, float]) -> list[np.ndarray]:
    return [np.asarray(point, np.float32) for point in points]


def test_a_pair_is_ranked_among_the_distinct_candidates_and_after_equal_ones() -> None:
    rows = [{"id": str(n), "query": "q", "target": target} for n, target in enumerate("xxyz")]
    features = dual_encoder.featurise(rows, TOKENIZER, SETTINGS)
    east, north, west = (5, 0), (0, 2), (-1, 0)
    found = dual_encoder.decode(outputs(east, east, north, east, east, north, (1, 1), west), features, rows, SETTINGS)
    assert [place.rank for place in found] == [1, 3, 2, 3], "a tie is lost"
    assert [place.first for place in found] == [0, 1, 0, 0]
    assert reciprocal_rank.dev_score(found, rows) == pytest.approx(100 * (1 + 1 / 3 + 1 / 2 + 1 / 3) / 4)
    same = dual_encoder.decode(outputs(*[east] * 8), features, rows, SETTINGS)
    assert [place.rank for place in same] == [3, 3, 3, 3], "an encoder with one answer to everything finds nothing"
    none = dual_encoder.decode(outputs(*[(np.nan, np.nan)] * 8), features, rows, SETTINGS)
    assert [place.rank for place in none] == [3, 3, 3, 3], "a training that diverged is scored, and stopped by its loss"
    firsts, wanted = reciprocal_rank.distinct(same, rows)
    assert len(firsts) == 1 < len(wanted)


def test_what_needs_no_reading() -> None:
    rows = [{"id": str(n), "query": "q", "target": target} for n, target in enumerate("xyyyz")]
    features = dual_encoder.featurise(rows, TOKENIZER, SETTINGS)
    fixed, drawn = dual_encoder.unread(features, rows, SETTINGS, np.random.default_rng(0))
    assert fixed == [Place(2, 1), Place(1, 1), Place(1, 1), Place(1, 1), Place(3, 1)], (
        "y, which most rows ask for, first"
    )
    assert {place.rank for place in drawn} <= {1, 2, 3}
    assert dual_encoder.unread_loss(features, 4) == math.log(4)

"""Which seeds and languages a difference of two rows is of."""

from xstilts.reporting.aggregate import Pairing, pair


def test_of_equally_large_sets_of_languages_the_commonest_counts():
    cell = {1: {"en": 1.0, "de": 2.0}, 2: {"en": 1.0, "fr": 2.0}, 3: {"en": 3.0, "fr": 4.0}}
    assert pair(cell, cell) == Pairing((2, 3), (2, 3), ("en", "fr"))


def test_arms_without_a_common_seed_count_the_seeds_that_have_the_languages_of_both():
    grid = {1: {"en": 1.0, "de": 2.0}, 2: {"en": 3.0}}
    base = {7: {"en": 4.0, "de": 5.0}, 8: {"de": 6.0}}
    assert pair(grid, base) == Pairing((1,), (7,), ("de", "en"))

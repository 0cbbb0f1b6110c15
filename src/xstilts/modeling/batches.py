"""Which sequences go through the model together: units, and micro-batches of bounded size."""

from dataclasses import replace

import numpy as np

from xstilts.families.facts import facts
from xstilts.families.features import IGNORED, Array, Features


def units(features: Features, family: str) -> np.ndarray:
    """Return boundaries [units + 1] in sequences: a question with all its choices, a pair, elsewhere one sequence."""
    if not (facts(family).grouped or facts(family).contrasted):
        return np.arange(len(features.example) + 1)
    starts = np.flatnonzero(np.diff(features.example, prepend=-1))
    return np.append(starts, len(features.example))


def contrasted(features: Features, bounds: Array, most: int | None) -> tuple[Features, Array]:
    """Divide the pairs of a batch into groups of about equal size, within which queries meet candidates.

    Args:
        features: pairs, a query and its candidate each.
        bounds: where the pairs begin, as from ``units``.
        most: pairs of a group at most; None: all of them.

    Returns:
        The features with the target "contrast", int64 [sequences], the number of the group; where the groups begin.
        A group is not divided: it goes through the model in one forward pass, as a question with its choices.
    """
    pairs = len(bounds) - 1
    groups = -(-pairs // (most or pairs))
    group = np.arange(pairs) * groups // pairs
    numbered = replace(features, targets=features.targets | {"contrast": np.repeat(group, np.diff(bounds))})
    return numbered, bounds[np.searchsorted(group, np.arange(groups + 1))]


def split_by_tokens(lengths: np.ndarray, limit: int) -> list[np.ndarray]:
    """Group units, longest first, so that longest x count stays within ``limit`` tokens (never fewer than one unit)."""
    order = np.argsort(-lengths, kind="stable")
    groups, start = [], 0
    while start < len(order):
        count = max(1, int(limit // max(1, lengths[order[start]])))
        groups.append(order[start : start + count])
        start += count
    return groups


def scored_items(features: Features, family: str) -> int:
    """Count what the loss of a batch is averaged over: units, or scored tokens."""
    if facts(family).loss_over == "tokens":
        return int((features.targets["tag"] != IGNORED).sum())
    return len(units(features, family)) - 1

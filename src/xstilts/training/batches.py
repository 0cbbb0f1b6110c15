"""Which sequences go through the model together: units, and micro-batches of bounded size."""

import numpy as np

from xstilts.tasks.features import IGNORED, Features


def units(features: Features, family: str) -> np.ndarray:
    """Return boundaries [units + 1] in sequences: a question with all its choices, elsewhere one sequence each."""
    if family != "multiple_choice":
        return np.arange(len(features.example) + 1)
    starts = np.flatnonzero(np.diff(features.example, prepend=-1))
    return np.append(starts, len(features.example))


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
    """Count what the loss of a batch is averaged over: units, or scored tokens for tagging and mlm."""
    if family in ("tagging", "mlm"):
        return int((features.targets["tag"] != IGNORED).sum())
    return len(units(features, family)) - 1

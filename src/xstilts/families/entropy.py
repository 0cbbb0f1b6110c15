"""The loss of a model that reads nothing: where a training begins, and where one stays that learns nothing."""

import numpy as np

from xstilts.families.features import Array


def entropy(counts: Array) -> float:
    """Return the entropy (nats) of how often each label occurs: the least mean loss of one answer to everything."""
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())

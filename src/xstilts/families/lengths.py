"""From the configured token limits to a family's feature settings."""

from typing import Any

from xstilts.families.facts import facts
from xstilts.families.features import FeatureSettings


def feature_settings(family: str, lengths: dict[str, int], labels: tuple[str, ...], no_answer: bool) -> FeatureSettings:
    """Return the featuriser's settings of a family from the configured lengths."""
    further: dict[str, Any] = {name: lengths[limit] for name, limit in facts(family).limits.items()}
    return FeatureSettings(max_length=lengths[family], labels=labels, no_answer=no_answer, **further)

"""From the configured token limits to a family's feature settings."""

from typing import Any

from xstilts.tasks.features import FeatureSettings


def feature_settings(family: str, lengths: dict[str, int], labels: tuple[str, ...], no_answer: bool) -> FeatureSettings:
    """Return the featuriser's settings of a family from the configured lengths."""
    windows: dict[str, Any] = {}
    if family == "span_qa":
        windows = {"doc_stride": lengths["doc_stride"], "max_query_length": lengths["max_query"]}
    return FeatureSettings(max_length=lengths[family], labels=labels, no_answer=no_answer, **windows)

"""Which splits and rows of a data set are evaluated."""

from typing import Any

from xstilts.artifacts import Manifest
from xstilts.data.rows.subset import first
from xstilts.files import read_jsonl


def splits_of(data: Manifest, settings: dict[str, Any]) -> list[str]:
    """Return the splits to predict: those with labels, and (without a limit) those of the task that have none."""
    if data.reason:
        return []
    labelled = data.results["evaluate"]
    others = [] if settings["limit"] else [name for name in settings["splits"] if name in data.results["rows"]]
    return [name for name in data.results["rows"] if name in labelled or name in others]


def rows_of(data: Manifest, split: str, limit: int | None) -> list[Any]:
    """Read the rows of a split, the first ``limit`` by hash when there is one."""
    return list(first(read_jsonl(data.folder / f"{split}.jsonl"), limit))

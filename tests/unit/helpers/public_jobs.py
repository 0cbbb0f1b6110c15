"""Downloads of public data sets through the real clients, from servers on loopback."""

from pathlib import Path
from typing import Any

import pytest

from xstilts.artifacts import produce
from xstilts.data.fetching.public import download_dataset
from xstilts.data.registry import DataSet
from xstilts.files import write_json
from xstilts.graph import data_settings

XNLI = "datasets/facebook/xnli"
DE = "de/test-00000-of-00001.parquet"


def forget_sizes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DataSet, "expected_rows", lambda *_: 1)  # a split is there, of whatever size
    for module in ("fetching.archives", "job"):
        patch.setattr(f"xstilts.data.{module}.check_upstream", lambda *_: None)


def download(name: str) -> Any:
    """Run the download job of a data set as the workflow would, and return its manifest."""
    folder = Path("store", name)
    write_json(Path(f"{name}.json"), {"rule": "download", "wildcards": [name], "code": "", "settings": sets(name)})
    return produce(folder / "manifest.json", Path(f"{name}.json"), {}, download_dataset)


def sets(name: str) -> dict[str, Any]:
    return data_settings.download(None, name)  # type: ignore[arg-type]  # what it says does not depend on the run


def files(name: str, way: str = "hub") -> Path:
    return Path("store", name, "files", way)

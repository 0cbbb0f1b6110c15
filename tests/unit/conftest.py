"""What several tests of data share: a server of upstream archives, and a registry that forgets their sizes."""

from collections.abc import Iterator

import pytest
import upstream_server
from upstream_server import Server

from xstilts.data.registry import DataSet


@pytest.fixture
def server() -> Iterator[Server]:
    with upstream_server.running() as server:
        yield server


@pytest.fixture
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the registry's upstream sizes: the archives of these tests are tiny."""
    monkeypatch.setattr(DataSet, "expected_rows", lambda *_: None)

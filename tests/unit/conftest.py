"""What unit tests share: one thread, a server of upstream archives, and a registry that forgets their sizes."""

import sys
from collections.abc import Iterator

import pytest
import upstream_server
from upstream_archives import forget_sizes
from upstream_server import Server


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute on one thread, in this process and in those that it starts: equal bytes need equal threads."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def server() -> Iterator[Server]:
    with upstream_server.running() as server:
        yield server


@pytest.fixture
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the registry's upstream sizes: the archives of these tests are tiny."""
    forget_sizes(monkeypatch)

"""Servers on loopback in place of the Hub and the archives, and every data set of the Hub as a run fetches it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hub_repositories
import pytest
import upstream_server
from hub_repositories import ROWS
from hub_server import Hub, running_hub
from public_jobs import download, forget_sizes
from upstream_server import Server

from xstilts.cli import main
from xstilts.data.fetching import upstream
from xstilts.data.registry import dataset


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("xstilts.data.fetching.public.FIRST_PAUSE", 0.0)
    with running_hub(monkeypatch) as server:
        yield server


@pytest.fixture
def archives(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The upstream archives' server, with nothing on it until a test publishes there."""
    with upstream_server.running() as server:
        here = {
            name: tuple(
                replace(one, url=server.url(f"/{name}/{one.name}"), also=(), bytes=None, sha256=None) for one in known
            )
            for name, known in upstream.load().items()
        }
        monkeypatch.setattr(upstream, "load", lambda: here)
        yield server


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every data set of the Hub as a run fetches it, in a folder with a lock file."""
    place = tmp_path_factory.mktemp("everything")
    with pytest.MonkeyPatch.context() as patch, running_hub(patch) as server:
        patch.chdir(place)
        forget_sizes(patch)
        patch.setattr(upstream, "load", lambda: {})  # XQuAD would come from its archives
        hub_repositories.publish(server)
        assert main(["lock"]) == 0
        for name in ROWS:
            manifest = download(name)
            assert (manifest.results["missing"], manifest.reason) == ([], None), name
            assert set(manifest.results["from"]) == set(dataset(name).languages)
            assert set(manifest.results["from"].values()) == {"hub"}
    return place


@pytest.fixture
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the registry's upstream sizes: the repositories of these tests are tiny."""
    forget_sizes(monkeypatch)

"""`xstilts doctor --fetch-heads`: what the hosts of a run's files say of them, from servers on loopback."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hub_repositories
import pytest
import upstream_archives
import yaml
from hub_server import Hub, running_hub
from upstream_server import Server

from xstilts.cli import main
from xstilts.config.run import load
from xstilts.data.fetching import hub as client
from xstilts.data.fetching import lock, upstream
from xstilts.data.fetching.lock import Pin
from xstilts.doctor.heads import heads
from xstilts.graph.jobs import Jobs

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
ENCODER = "acme/encoder"
PART = {"sources": ["none", "mnli"], "tasks": ["xnli", "tatoeba"], "models": ["m"], "languages": ["en", "de"]}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.0)
    with running_hub(monkeypatch) as server:
        hub_repositories.publish(server)
        server.put(f"models/{ENCODER}", **{"config.json": b"{}", "model.safetensors": b"weights"})
        assert main(["lock", "--data", "mnli", "xnli", "--model", ENCODER]) == 0
        yield server


@pytest.fixture
def catalogue(server: Server, monkeypatch: pytest.MonkeyPatch) -> upstream.Catalogue:
    found = upstream_archives.publish(server)
    monkeypatch.setattr(upstream, "load", lambda: found)
    return found


def said(**changes: Any) -> list[tuple[str, str]]:
    run = load(BASE | PART | {"encoders": {"m": {"weights": ENCODER}}} | changes)
    return [(finding.state, finding.text) for finding in heads(Jobs(run, ROOT))]


def test_what_is_as_it_was_pinned_is_said_in_a_line_and_nothing_is_fetched(
    hub: Hub, catalogue: upstream.Catalogue, server: Server
) -> None:
    hub.asked.clear()
    found = said()
    assert {state for state, _ in found} == {"ok"}
    lines = [text for _, text in found]
    assert any(text.startswith("xnli: facebook/xnli: 30 files, ") and "as pinned at" in text for text in lines)
    assert any(text.startswith(f"{ENCODER}: 2 files, 9 bytes") and "1 of them without a hash" in text for text in lines)
    (mnli,) = catalogue["mnli"]
    assert f"mnli: {mnli.url}: {mnli.bytes:,} bytes, as pinned" in lines
    assert {question.split()[0] for question, _ in hub.asked} == {"HEAD"}, "no body of any file"
    assert len(server.asked) == sum(len(catalogue[name]) for name in ("mnli", "xnli", "tatoeba"))


def test_what_differs_from_its_pin_is_named_with_both(
    hub: Hub, catalogue: upstream.Catalogue, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = lock.read()
    pin = pins["facebook/xnli"]
    name = "de/test-00000-of-00001.parquet"
    lock.write(pins | {"facebook/xnli": Pin(pin.repository, pin.commit, {**pin.files, name: "0" * 64})})
    (mnli,) = catalogue["mnli"]
    (xnli,) = catalogue["xnli"]
    moved = {"mnli": (replace(mnli, bytes=5),), "xnli": (replace(xnli, url=server.url("/gone"), also=(xnli.url,)),)}
    monkeypatch.setattr(upstream, "load", lambda: catalogue | moved)
    found = said()
    assert (
        "problem",
        f"xnli: facebook/xnli: {name}: found SHA-256 {pin.files[name]}; expected {'0' * 64}, as pinned",
    ) in (found)
    assert ("problem", f"mnli: {mnli.url}: found {mnli.bytes:,} bytes; expected 5, as pinned") in found
    assert ("warning", f"xnli: {server.url('/gone')}: answered 404: it is not there (any more)") in found
    assert ("ok", f"xnli: {xnli.url}: {xnli.bytes:,} bytes, as pinned") in found


def test_a_host_that_does_not_answer_is_asked_once(
    hub: Hub, catalogue: upstream.Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = "http://127.0.0.1:9"
    dead = tuple(replace(one, url=f"{nobody}/{one.name}") for one in catalogue["tatoeba"])
    monkeypatch.setattr(upstream, "load", lambda: {"tatoeba": dead})
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", nobody + "/{repo_id}/{revision}/{filename}"
    )
    found = said()
    assert {state for state, _ in found} == {"warning"}
    assert sum("no connection" in text for _, text in found if text.startswith("tatoeba")) <= 8 < len(dead)
    assert any(text.endswith("not asked, as 127.0.0.1:9 did not answer") for _, text in found)
    copy = f"tatoeba: a copy of {dead[0].name} with SHA-256 {dead[0].sha256} is used where it lies at "
    assert any(text.startswith(copy) and text.endswith(f"tatoeba/.archives/{dead[0].name}") for _, text in found)


def test_what_is_not_pinned_is_looked_for_by_what_is_read_from_it(hub: Hub, catalogue: upstream.Catalogue) -> None:
    lock.LOCK.unlink()
    del hub.repositories["datasets/nyu-mll/glue"]
    lines = [text for state, text in said() if state == "warning"]
    assert [line.split(" at ")[0] for line in lines] == [
        "mnli: nyu-mll/glue: the Hub has no such repository; if it is private, set HF_TOKEN to the token of an account "
        "that may read it",
        "xnli: facebook/xnli: 30 files",
        f"{ENCODER}: 2 files",
    ]
    assert all(line.endswith("not pinned (config/lock.yaml)") for line in lines[1:])

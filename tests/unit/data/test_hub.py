"""Files of the Hub through its real client, from a server on loopback: pins, redirects, refusals, broken transfers."""

import hashlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import Hub, running_hub
from upstream_server import cut, status

from xstilts.data.fetching import lock
from xstilts.data.fetching.download import DownloadError, HostGone
from xstilts.data.fetching.hub import fetch, resolve
from xstilts.data.fetching.lock import Pin
from xstilts.errors import DataError, PinMismatch, UserError

LARGE, SMALL = os.urandom(300_000), b'{"hidden_size": 8}\n'
MODEL, DATA = "models/acme/encoder", "datasets/acme/pairs"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub(monkeypatch) as server:
        yield server


def of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def cdn(repository: str, commit: str, name: str) -> str:
    return f"/cdn/{repository}/{commit}/{name}"


def asked(hub: Hub, command: str) -> list[str | None]:
    return [where for what, where in hub.asked if what == command]


def test_a_pin_has_the_commit_and_the_hash_of_each_wanted_file(hub: Hub) -> None:
    files = {"config.json": SMALL, "model.safetensors": LARGE, "pytorch_model.bin": b"pickle"}
    commit = hub.put(MODEL, **files)
    pin = resolve("acme/encoder", "model", ["config.json", "*.safetensors"])
    assert pin == Pin("acme/encoder", commit, {"config.json": of(SMALL), "model.safetensors": of(LARGE)})
    assert not asked(hub, f"GET {cdn(MODEL, commit, 'model.safetensors')}"), "a large file's hash is in the metadata"


def test_a_pattern_without_a_file_is_named(hub: Hub) -> None:
    hub.put(DATA, **{"en/test-0.parquet": LARGE})
    with pytest.raises(DownloadError, match=r"acme/pairs: has no file en/train-\*\.parquet at commit [0-9a-f]{40}"):
        resolve("acme/pairs", "dataset", ["en/test-*.parquet", "en/train-*.parquet"])


def test_files_come_from_the_pinned_commit_whatever_came_later(hub: Hub, tmp_path: Path) -> None:
    hub.put(DATA, **{"en/test-0.parquet": LARGE, "readme.csv": SMALL})
    pin = resolve("acme/pairs", "dataset", ["en/*.parquet", "*.csv"])
    hub.put(DATA, **{"en/test-0.parquet": b"another", "readme.csv": b"another"})
    paths = fetch(pin, "dataset", pin.files, tmp_path)
    assert [path.read_bytes() for path in paths] == [LARGE, SMALL]
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["en/test-0.parquet", "readme.csv"]
    hub.asked.clear()
    fetch(pin, "dataset", pin.files, tmp_path)
    assert not hub.asked, "what is there is not fetched again"


@pytest.mark.parametrize("name", ["data.parquet", "data.csv"])
def test_a_file_that_changed_shows_both_hashes_and_is_not_kept(hub: Hub, tmp_path: Path, name: str) -> None:
    commit = hub.put(DATA, **{name: LARGE})
    with pytest.raises(PinMismatch) as raised:
        fetch(Pin("acme/pairs", commit, {name: of(b"as it was")}), "dataset", [name], tmp_path)
    for shown in (f"acme/pairs/{name}", commit, of(LARGE), of(b"as it was"), "config/lock.yaml"):
        assert shown in str(raised.value)
    assert not (tmp_path / name).exists()


def test_a_cut_connection_is_resumed_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    content = LARGE * 50  # the client writes, and resumes, in blocks of 10 MB
    commit = hub.put(DATA, **{"data.parquet": content})
    place = cdn(DATA, commit, "data.parquet")
    hub.next[place] = [cut(12_000_000)]
    (path,) = fetch(resolve("acme/pairs", "dataset", ["*"]), "dataset", ["data.parquet"], tmp_path)
    assert path.read_bytes() == content
    assert asked(hub, f"GET {place}") == [None, f"bytes={10 << 20}-"]


def test_a_body_that_is_always_shorter_than_promised_is_refused(hub: Hub, tmp_path: Path) -> None:
    commit = hub.put(DATA, **{"data.parquet": LARGE})
    pin = resolve("acme/pairs", "dataset", ["*"])
    short = status(200, Content_Length="0")  # whole by its own account, and not what the metadata promise
    hub.next[cdn(DATA, commit, "data.parquet")] = [short] * 9
    with pytest.raises(DownloadError, match=r"data\.parquet: the connection ended before the file did \(3 attempts\)"):
        fetch(pin, "dataset", pin.files, tmp_path, first_pause=0)
    assert not (tmp_path / "data.parquet").exists()


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_again(hub: Hub, tmp_path: Path, code: int) -> None:
    commit = hub.put(DATA, **{"data.parquet": LARGE})
    hub.next["/api/datasets/acme/pairs"] = [status(code)]
    said: list[str] = []
    pin = resolve("acme/pairs", "dataset", ["*"], say=said.append, first_pause=0)
    hub.next[cdn(DATA, commit, "data.parquet")] = [status(code)]
    (path,) = fetch(pin, "dataset", pin.files, tmp_path, first_pause=0)
    assert path.read_bytes() == LARGE and f"acme/pairs: answered {code}; again in 0 s" in said


def test_what_is_not_there_is_said_in_words(hub: Hub, tmp_path: Path) -> None:
    commit = hub.put(DATA, **{"data.csv": SMALL})
    with pytest.raises(DownloadError, match=r"acme/nothing: the Hub has no such repository; .*, set HF_TOKEN"):
        resolve("acme/nothing", "dataset", ["*"])
    with pytest.raises(DownloadError, match="acme/pairs: the Hub has no such revision"):
        resolve("acme/pairs", "dataset", ["*"], revision="f" * 40)
    with pytest.raises(DownloadError, match=r"acme/pairs/gone\.csv: the Hub has no such file at that revision"):
        fetch(Pin("acme/pairs", commit, {"gone.csv": of(SMALL)}), "dataset", ["gone.csv"], tmp_path)
    with pytest.raises(DownloadError, match=r"acme/pairs/data\.csv: the Hub has no such revision"):
        fetch(Pin("acme/pairs", "f" * 40, {"data.csv": of(SMALL)}), "dataset", ["data.csv"], tmp_path)


def test_a_gated_repository_names_the_token_and_opens_with_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.put(DATA, **{"data.csv": SMALL})
    hub.gated.add(DATA)
    pin = Pin("acme/pairs", commit, {"data.csv": of(SMALL)})
    for call in (
        lambda: resolve("acme/pairs", "dataset", ["*"]),
        lambda: fetch(pin, "dataset", ["data.csv"], tmp_path),
    ):
        with pytest.raises(DownloadError, match=r"access is refused: its terms must be accepted .* HF_TOKEN"):
            call()
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    assert resolve("acme/pairs", "dataset", ["*"]) == pin
    assert fetch(pin, "dataset", ["data.csv"], tmp_path)[0].read_bytes() == SMALL


def test_no_connection_is_one_line(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = "http://127.0.0.1:9"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", nowhere)
    with pytest.raises(HostGone, match=r"^acme/pairs: no connection \(.+\) \(3 attempts\)$"):
        resolve("acme/pairs", "dataset", ["*"], first_pause=0)


def test_a_name_that_may_have_been_meant_for_a_folder_is_said_to_be_none(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DownloadError, match=r"^checkpoints/mine: the Hub has no such .*; no folder of that name is h"):
        resolve("checkpoints/mine", "model", ["*"])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HostGone, match=r"^checkpoints/mine: not tried, as .*; no folder of that name is here$"):
        resolve("checkpoints/mine", "model", ["*"])


def test_a_full_disk_is_one_line(hub: Hub, tmp_path: Path) -> None:
    hub.put(DATA, **{"data.parquet": LARGE})
    pin = resolve("acme/pairs", "dataset", ["*"])
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(UserError, match=r"acme/pairs/data\.parquet: cannot write: File too large"):
            fetch(pin, "dataset", pin.files, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert fetch(pin, "dataset", pin.files, tmp_path)[0].read_bytes() == LARGE


def test_a_lock_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    pins = {name: Pin(name, "c" * 40, {"b": of(b"b"), "a": of(b"a")}) for name in ("z/z", "a/a")}
    place = tmp_path / "config" / "lock.yaml"
    lock.write(pins, place)
    assert lock.read(place) == pins
    assert lock.pinned("z/z", place) == pins["z/z"] and lock.pinned("b/b", place) is None
    assert lock.read(tmp_path / "none.yaml") == {}
    place.write_text("a/a: nonsense\n")
    with pytest.raises(DataError, match=r"lock\.yaml: found content that `make lock` does not write"):
        lock.read(place)

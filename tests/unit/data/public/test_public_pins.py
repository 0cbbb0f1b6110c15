"""Pins of public data sets and models: made once, renewed when asked, and kept to."""

import hashlib
import json
import os
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import hub_repositories
import pytest
import upstream_archives
from hub_repositories import NLI, TEXT
from hub_server import Hub
from public_jobs import DE, XNLI, download, sets
from upstream_server import Server

from xstilts.cli import main
from xstilts.config.outside import check_files
from xstilts.data.fetching import lock, upstream
from xstilts.data.fetching.hub import resolve
from xstilts.data.fetching.lock import LOCK, Pin
from xstilts.errors import ConfigError, PinMismatch, UserError
from xstilts.tasks import outside


def test_two_that_pin_at_once_lose_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_repositories.publish(hub)
    both_have_read, read = threading.Barrier(2), lock.read

    def read_and_wait(path: Path = LOCK) -> dict[str, Pin]:
        found = read(path)
        with suppress(threading.BrokenBarrierError):
            both_have_read.wait(1)
        return found

    monkeypatch.setattr(lock, "read", read_and_wait)
    pins = [threading.Thread(target=main, args=(["lock", "--data", name],)) for name in ("xnli", "mnli")]
    for one in pins:
        one.start()
    for one in pins:
        one.join()
    assert set(read()) == {"facebook/xnli", "nyu-mll/glue"}


def test_the_lock_file_pins_once_and_is_renewed_only_when_asked(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub_repositories.publish(hub)
    assert main(["lock", "--data", "mnli", "xnli"]) == 0
    before, text = lock.read(), LOCK.read_text()
    assert set(before) == {"nyu-mll/glue", "facebook/xnli"}
    assert before["facebook/xnli"].files[DE] == hashlib.sha256(hub.repositories[XNLI][DE]).hexdigest()
    hub.asked.clear()
    hub.put(XNLI, **{DE: hub_repositories.nli(NLI[::-1])})
    assert main(["lock", "--data", "mnli", "xnli"]) == 0
    assert LOCK.read_text() == text and not hub.asked, "what is pinned stays, without a question"
    assert main(["lock", "--data", "qqp"]) == 0
    both = lock.read()["nyu-mll/glue"]
    assert both.commit == before["nyu-mll/glue"].commit and set(both.files) > set(before["nyu-mll/glue"].files)
    assert main(["lock", "--data", "xnli", "--renew"]) == 0
    after = lock.read()["facebook/xnli"]
    assert after.commit == hub.commit(XNLI) != before["facebook/xnli"].commit
    said = capsys.readouterr().err
    assert f"facebook/xnli: was pinned at {before['facebook/xnli'].commit}" in said


def test_a_run_that_reads_nothing_from_the_hub_asks_it_nothing(hub: Hub) -> None:
    hub_repositories.publish(hub)
    assert main(["lock", "--data", "--text", "--model"]) == 0, "as the rule calls it: empty lists"
    assert lock.read() == {} and LOCK.is_file() and not hub.asked


def test_data_sets_of_one_repository_move_together(hub: Hub) -> None:
    hub_repositories.publish(hub)
    main(["lock", "--data", "mnli", "qqp"])
    before = lock.read()["nyu-mll/glue"]
    moved = hub.put("datasets/nyu-mll/glue", **{"qqp/train-00000-of-00001.parquet": b"PAR1"})
    assert main(["lock", "--data", "mnli", "--renew"]) == 0
    after = lock.read()["nyu-mll/glue"]
    assert after.commit == moved and after.files.keys() == before.files.keys()
    assert sets("qqp")["hub"]["pin"] is not None, "a run that reads it still knows from where"


def test_another_revision_than_is_pinned_is_refused_until_it_is_renewed(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = {"premise": TEXT, "choice1": TEXT, "choice2": TEXT, "label": hub_repositories.NUMBER}
    rows = [{"premise": "p", "choice1": "a", "choice2": "b", "label": 0}]
    hub.put("datasets/acme/choices", **{"en/val-0.parquet": hub_repositories.parquet(features, rows)})
    entry = {"family": "multiple_choice", "languages": ["en"], "target": "csqa"}
    entry |= {"fields": {"prompt": "premise", "choices": ["choice1", "choice2"], "label": "label"}}

    def named(**more: str) -> None:
        place = {"repository": "acme/choices", "splits": {"dev": "{language}/val-*.parquet"}, **more}
        Path("choices.yaml").write_text(json.dumps({"choices": entry | {"hub": place}}))
        outside.name_files(tuple(map(str, check_files(["choices.yaml"]))))

    try:
        named()
        assert main(["lock", "--data", "choices"]) == 0
        commit = lock.read()["acme/choices"].commit
        named(revision=commit)
        assert main(["lock", "--data", "choices"]) == 0, "the very commit that is pinned"
        named(revision="v2")
        os.utime("choices.yaml", (1, 1))
        assert main(["lock", "--data", "choices"]) == 1
        assert "is pinned at its main branch" in capsys.readouterr().err
        with pytest.raises(ConfigError, match=r"data set choices: acme/choices: is pinned at .* revision than v2"):
            sets("choices")
    finally:
        outside.name_files(())


def test_what_cannot_be_pinned_is_said_and_the_rest_is_pinned(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub_repositories.publish(hub, without=("facebook/anli",))
    assert main(["lock", "--data", "anli", "csqa", "--model", "acme/none"]) == 1
    assert set(lock.read()) == {"tau/commonsense_qa"}
    said = capsys.readouterr().err
    assert "not pinned: facebook/anli: the Hub has no such repository" in said
    assert "not pinned: acme/none: the Hub has no such repository" in said
    assert main(["lock", "--data", "tatoeba"]) == 2
    assert "data set 'tatoeba' is not read from the Hub; known: mnli" in capsys.readouterr().err


def test_a_model_is_pinned_by_its_own_files_without_pickles(hub: Hub) -> None:
    content = {"config.json": b"{}", "model.safetensors": b"w", "tokenizer.json": b"{}", "pytorch_model.bin": b"p"}
    commit = hub.put("models/acme/encoder", **content, **{"onnx/model.safetensors": b"o"})
    assert main(["lock", "--model", "acme/encoder"]) == 0
    pin = lock.pinned("acme/encoder")
    assert pin is not None and pin.commit == commit
    assert set(pin.files) == {"config.json", "model.safetensors", "tokenizer.json"}


def test_a_file_that_differs_from_its_pin_stops_the_run(hub: Hub, any_size: None, archives: Server) -> None:
    hub_repositories.publish(hub)
    archives.files["/xnli/XNLI-1.0.zip"] = upstream_archives.xnli()
    main(["lock", "--data", "xnli"])
    pins = lock.read()
    pin = pins["facebook/xnli"]
    lock.write(pins | {"facebook/xnli": Pin(pin.repository, pin.commit, {**pin.files, DE: "0" * 64})})
    with pytest.raises(
        PinMismatch, match=rf"facebook/xnli/{DE} at commit {pin.commit}: found SHA-256 {pin.files[DE]}; expected 0+"
    ):
        download("xnli")
    assert not Path("store/xnli/manifest.json").exists() and not archives.asked


def test_an_archive_that_differs_from_its_pin_stops_the_run(
    hub: Hub, any_size: None, archives: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = upstream.load()["anli"]
    monkeypatch.setattr(upstream, "load", lambda: {"anli": (replace(one, sha256="0" * 64),)})
    archives.files["/anli/anli_v0.1.zip"] = upstream_archives.anli()
    with pytest.raises(PinMismatch, match=r"found SHA-256 [0-9a-f]{64}; expected 0{64}, which is pinned"):
        download("anli")


def test_names_that_lead_out_of_the_folder_are_refused_from_the_hub_and_the_lock_file(hub: Hub) -> None:
    hub_repositories.publish(hub)
    hub.put("models/acme/evil", **{"config.json": b"{}", "../config.json": b"{}"})
    lock.write({"acme/evil": Pin("acme/evil", "a" * 40, {"../config.json": "b" * 64})})
    with pytest.raises(UserError, match=r"lock.yaml: found the name '../config.json'"):
        lock.read()
    with pytest.raises(UserError, match=r"acme/evil on the Hub: found the name '../config.json'"):
        resolve("acme/evil", "model", ["../config.json"])

"""Public data sets from the Hub and the archives, through the real clients, from servers on loopback to rows."""

import hashlib
import resource
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hub_repositories
import pytest
import upstream_archives
import upstream_server
from data_files import rows
from hub_repositories import NLI, ROWS, TAGS
from hub_server import Hub, running_hub
from upstream_server import Server, status

from xstilts import settings
from xstilts.artifacts import produce
from xstilts.cli import main
from xstilts.data import hub_tables, lock, upstream
from xstilts.data.job import prepare_dataset
from xstilts.data.lock import LOCK, Pin
from xstilts.data.public import download_dataset, try_again
from xstilts.data.registry import DataSet, dataset, holds, names
from xstilts.errors import PinMismatch, UserError
from xstilts.files import read_json, write_json

XNLI = "datasets/facebook/xnli"
DE = "de/test-00000-of-00001.parquet"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("xstilts.data.public.FIRST_PAUSE", 0.0)
    with running_hub(monkeypatch) as server:
        yield server


@pytest.fixture
def archives(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The upstream archives' server, with nothing on it until a test publishes there."""
    with upstream_server.running() as server:
        here = {
            name: tuple(replace(one, url=server.url(f"/{name}/{one.name}"), bytes=None, sha256=None) for one in known)
            for name, known in upstream.load().items()
        }
        monkeypatch.setattr(upstream, "load", lambda: here)
        yield server


def forget_sizes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DataSet, "expected_rows", lambda *_: 1)  # a split is there, of whatever size
    for module in ("archives", "job"):
        patch.setattr(f"xstilts.data.{module}.check_upstream", lambda *_: None)


@pytest.fixture
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the registry's upstream sizes: the repositories of these tests are tiny."""
    forget_sizes(monkeypatch)


def download(name: str) -> Any:
    """Run the download job of a data set as the workflow would, and return its manifest."""
    folder = Path("store", name)
    write_json(Path(f"{name}.json"), {"rule": "download", "wildcards": [name], "code": "", "settings": sets(name)})
    return produce(folder / "manifest.json", Path(f"{name}.json"), {}, download_dataset)


def sets(name: str) -> dict[str, Any]:
    return settings.download(None, name)  # type: ignore[arg-type]  # what it says does not depend on the run


def files(name: str, way: str = "hub") -> Path:
    return Path("store", name, "files", way)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every data set of the Hub as a run fetches it, in a folder with a lock file."""
    place = tmp_path_factory.mktemp("everything")
    with pytest.MonkeyPatch.context() as patch, running_hub(patch) as server:
        patch.chdir(place)
        forget_sizes(patch)
        hub_repositories.publish(server)
        assert main(["lock"]) == 0
        for name in ROWS:
            manifest = download(name)
            assert (manifest.results["missing"], manifest.reason) == ([], None), name
            assert set(manifest.results["from"]) == set(dataset(name).languages)
            assert set(manifest.results["from"].values()) == {"hub"}
    return place


def test_every_repository_becomes_rows(everything: Path, tmp_path: Path) -> None:
    assert set(hub_tables.load()) == set(ROWS)
    for name, expected in ROWS.items():
        languages = dataset(name).languages
        for language in sorted({*languages[:2], languages[-1], "en"} & {*languages}):
            said, _ = rows(name, language, everything / files(name), tmp_path / name / language)
            wanted = {split: n for split, n in expected.items() if split != "train" or language == "en"}
            assert said["rows"] == wanted, (name, language)
            labelled = wanted | ({"test": 0} if name == "csqa" else {})
            assert said["labelled"] == labelled, (name, language)


def test_what_the_columns_become(everything: Path, tmp_path: Path) -> None:
    def read(name: str, language: str, split: str) -> list[dict[str, Any]]:
        place = tmp_path / "rows" / name / language
        return rows(name, language, everything / files(name), place)[1][split]

    for name, language, text in (
        ("mnli", "en", "is\t"),
        ("snli", "en", "is\t"),
        ("anli", "en", "is\t"),
        ("xnli", "de", "is "),
    ):
        found = read(name, language, "dev")
        assert [row["text_b"] for row in found] == [f"{text}{row['label']}" for row in found], name
        assert {row["label"] for row in found} == set(NLI) and found[0]["text_a"] == '"A 0'
    assert [row["id"] for row in read("anli", "en", "dev")][:2] == ["dev1-0", "dev1-1"]
    assert [row["label"] for row in read("qqp", "en", "train")] == ["0", "1"]
    assert [row["label"] for row in read("pawsx", "ko", "test")] == ["0", "1"]
    assert [row["impossible"] for row in read("squad2", "en", "dev")] == [False, False, True]
    asked = read("squad", "en", "train")
    assert [row["answers"] for row in asked] == [[{"text": "Ada", "start": 5}]] * 3
    assert {row["document"] for row in asked} == {"Ada"} and len({row["group"] for row in asked}) == 2
    assert [row["label"] for row in read("hellaswag", "en", "train")] == [0, 3]
    assert read("hellaswag", "en", "dev")[0]["choices"][1] == "he runs"
    story = read("cosmosqa", "en", "dev")[0]
    assert (story["prompt"], story["label"]) == ('She said "no",\nthen left. Why?', 1)
    assert read("csqa", "en", "dev")[0]["choices"][1] == "choice B" and read("csqa", "en", "dev")[0]["label"] == 1
    assert read("panx", "sw", "test")[0]["tokens"] == ["Ada", ":", "Paris"]
    assert read("panx", "sw", "test")[0]["tags"] == ["B-PER", "O", "B-LOC"]
    assert [row["id"] for row in read("tydiqa", "fi", "test")] == [f"finnish-{n}-validation" for n in range(3)]


def test_tydiqa_is_trained_on_in_english_only(everything: Path) -> None:
    train = list((everything / files("tydiqa")).rglob("*train.json"))
    assert [path.name for path in train] == ["tydiqa.goldp.en.train.json"]
    asked = [q["id"] for a in read_json(train[0])["data"] for p in a["paragraphs"] for q in p["qas"]]
    assert asked == [f"english-{n}-train" for n in range(3)]


def test_the_training_sets_of_other_languages_stay_on_the_hub(everything: Path) -> None:
    pins = lock.read(everything / LOCK)
    for repository in ("facebook/xnli", "google-research-datasets/paws-x", "unimelb-nlp/wikiann"):
        train = [name for name in pins[repository].files if "/train-" in name]
        assert train == ([] if repository == "facebook/xnli" else ["en/train-00000-of-00001.parquet"])
    assert not any(".en/" in name and "MLQA.en.en" not in name for name in pins["google/xtreme"].files)


@pytest.mark.parametrize("names", [NLI[::-1], [NLI[1], NLI[0], NLI[2]]])
def test_labels_go_by_their_names_on_the_hub(hub: Hub, any_size: None, tmp_path: Path, names: list[str]) -> None:
    for split in ("train", "validation_matched"):
        hub.put("datasets/nyu-mll/glue", **{f"mnli/{split}-0.parquet": hub_repositories.nli(names)})
    assert main(["lock", "--data", "mnli"]) == 0
    download("mnli")
    found = rows("mnli", "en", files("mnli"), tmp_path / "rows")[1]["train"]
    assert [row["text_b"] for row in found] == [f"is\t{row['label']}" for row in found]


def test_tags_go_by_their_names_on_the_hub(hub: Hub, any_size: None, tmp_path: Path) -> None:
    hub_repositories.publish(hub)
    for split in ("train", "validation", "test"):
        name = f"en/{split}-00000-of-00001.parquet"
        hub.put("datasets/unimelb-nlp/wikiann", **{name: hub_repositories.panx(TAGS[::-1])})
    main(["lock", "--data", "panx"])
    download("panx")
    assert rows("panx", "en", files("panx"), tmp_path / "rows")[1]["dev"][0]["tags"] == ["B-PER", "O", "B-LOC"]


def test_a_table_without_label_names_is_refused(hub: Hub, any_size: None, archives: Server) -> None:
    plain = hub_repositories.parquet(
        {"premise": hub_repositories.TEXT, "hypothesis": hub_repositories.TEXT, "label": hub_repositories.NUMBER},
        [{"premise": "A", "hypothesis": "B", "label": 1}],
    )
    hub.put("datasets/nyu-mll/glue", **{f"mnli/{split}-0.parquet": plain for split in ("train", "validation_matched")})
    main(["lock", "--data", "mnli"])
    assert "found int under 'gold_label'; expected a str" in (download("mnli").reason or "")


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


def test_data_sets_of_one_repository_move_together(hub: Hub) -> None:
    hub_repositories.publish(hub)
    main(["lock", "--data", "mnli", "qqp"])
    before = lock.read()["nyu-mll/glue"]
    moved = hub.put("datasets/nyu-mll/glue", **{"qqp/train-00000-of-00001.parquet": b"PAR1"})
    assert main(["lock", "--data", "mnli", "--renew"]) == 0
    after = lock.read()["nyu-mll/glue"]
    assert after.commit == moved and after.files.keys() == before.files.keys()
    assert sets("qqp")["hub"]["pin"] is not None, "a run that reads it still knows from where"


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


def test_the_hub_first_and_the_archives_for_what_it_lacks(
    hub: Hub, any_size: None, archives: Server, tmp_path: Path
) -> None:
    hub_repositories.publish(hub)
    hub.put(XNLI, **{DE: hub_repositories.parquet({"premise": hub_repositories.TEXT}, [{"premise": "A"}])})
    archives.files["/xnli/XNLI-1.0.zip"] = upstream_archives.xnli()
    main(["lock", "--data", "xnli"])
    manifest = download("xnli")
    assert {code for code, way in manifest.results["from"].items() if way == "archives"} == {"de"}
    assert manifest.results["missing"] == [] and manifest.reason is None
    assert rows("xnli", "de", files("xnli", "archives"), tmp_path / "de")[0]["rows"] == {"dev": 3, "test": 4}
    assert rows("xnli", "fr", files("xnli"), tmp_path / "fr")[0]["rows"] == {"dev": 3, "test": 3}


def test_a_repository_that_is_gone_leaves_the_archives(
    hub: Hub, any_size: None, archives: Server, tmp_path: Path
) -> None:
    hub_repositories.publish(hub, without=("facebook/anli",))
    archives.files["/anli/anli_v0.1.zip"] = upstream_archives.anli()
    main(["lock", "--data", "anli"])
    assert set(download("anli").results["from"].values()) == {"archives"}
    assert rows("anli", "en", files("anli", "archives"), tmp_path / "rows")[0]["rows"] == {"train": 9, "dev": 9}


def test_of_the_archives_only_those_of_the_lacking_languages_are_fetched(
    hub: Hub, any_size: None, archives: Server
) -> None:
    hub_repositories.publish(hub)
    hub.put("datasets/google/xquad", **{"xquad.ro/validation-00000-of-00001.parquet": b"PAR1"})
    archives.files["/xquad/xquad.ro.json"] = upstream_archives.squad({"id": "q1"}).encode()
    main(["lock", "--data", "xquad"])
    assert download("xquad").results["from"]["ro"] == "archives"
    assert [path for path, _ in archives.asked] == ["/xquad/xquad.en.json", "/xquad/xquad.ro.json"], "English: for ids"


def test_what_nobody_has_is_a_reason_and_is_tried_again(hub: Hub, any_size: None, archives: Server) -> None:
    manifest = download("anli")
    assert manifest.content["files"] == {} and manifest.results["from"] == {}
    assert manifest.reason == (
        "facebook/anli is not pinned in config/lock.yaml: `make lock` did not find what it is read from; "
        f"{archives.url('/anli/anli_v0.1.zip')}: answered 404: it is not there (any more)"
    )
    write_json(
        Path("prepare.json"),
        {"rule": "prepare", "wildcards": [], "code": "", "settings": {"dataset": "anli", "language": "en", "rows": {}}},
    )

    def prepared() -> Any:
        place, here = Path("data/anli/en/manifest.json"), Path("store/anli/manifest.json")
        return produce(
            place, Path("prepare.json"), {"download": here}, lambda *a: prepare_dataset(*a, origin=Path("no"))
        )

    assert prepared().reason == manifest.reason and not list(Path("data").rglob("*.jsonl"))
    archives.files["/anli/anli_v0.1.zip"] = upstream_archives.anli()
    assert download("anli").reason == manifest.reason, "not by itself"
    try_again(Path("store/anli/manifest.json"))
    assert download("anli").reason is None
    assert prepared().results["rows"] == {"train": 9, "dev": 9}
    whole = Path("store/anli/manifest.json").read_bytes()
    try_again(Path("store/anli/manifest.json"))
    assert Path("store/anli/manifest.json").read_bytes() == whole, "what is whole stays"


def test_one_language_that_is_missing_leaves_the_others(
    hub: Hub, any_size: None, archives: Server, tmp_path: Path
) -> None:
    hub_repositories.publish(hub)
    main(["lock", "--data", "mlqa"])
    pin = lock.read()["google/xtreme"]
    hub.next[f"/cdn/datasets/google/xtreme/{pin.commit}/MLQA.hi.hi/test-00000-of-00001.parquet"] = [status(404)]
    manifest = download("mlqa")
    assert manifest.results["left"] == ["hi"] and set(manifest.results["from"]) == {*dataset("mlqa").languages} - {"hi"}
    assert manifest.reason is None and "MLQA.hi.hi/test-00000-of-00001.parquet" in manifest.results["reason"]
    assert not [path for path in files("mlqa").rglob("*hi*") if path.is_file()], "its dev split would be a part only"


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


def test_another_number_of_rows_than_upstream_is_no_data_set(hub: Hub, archives: Server) -> None:
    hub_repositories.publish(hub)
    main(["lock", "--data", "squad"])
    reason = download("squad").reason
    assert reason is not None and reason.startswith("squad train in en: found 3 rows; expected 87599, the size of the")


def test_a_broken_table_is_named(hub: Hub, any_size: None, archives: Server) -> None:
    hub_repositories.publish(hub)
    name = "plain_text/train-00000-of-00001.parquet"
    whole = hub.repositories["datasets/rajpurkar/squad"][name]
    hub.put("datasets/rajpurkar/squad", **{name: whole[: len(whole) // 2]})
    main(["lock", "--data", "squad"])
    reason = download("squad").reason
    assert reason is not None and reason.startswith(f"rajpurkar/squad/{name}: found broken parquet")


def test_the_mirror_counts_only_when_it_has_all_splits(everything: Path, tmp_path: Path) -> None:
    place = tmp_path / "mirror"
    shutil.copytree(everything / files("xnli"), place)
    assert holds(dataset("xnli"), "de", place)
    (place / "targets/xnli/test-de.tsv").unlink()
    assert not holds(dataset("xnli"), "de", place) and holds(dataset("xnli"), "fr", place)


def test_the_sizes_are_the_papers() -> None:
    union = [dataset(name).expected_rows("train", "en") for name in ("anli", "snli", "mnli")]
    assert sum(size or 0 for size in union) == 1_104_934, "ANLI+"
    assert dataset("tydiqa").expected_rows("train", "en") == 3696
    unknown = {"ccg", "text"}
    for name in set(names()) - unknown:
        known = [dataset(name).expected_rows(split, "en") for split in dataset(name).upstream_splits("en")]
        assert name in ("bucc2018", "tatoeba") or (known and None not in known), name


def test_a_full_disk_stops_the_download_in_one_line(hub: Hub, any_size: None, archives: Server, tmp_path: Path) -> None:
    hub_repositories.publish(hub)
    main(["lock", "--data", "squad"])
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    settings_of_squad = sets("squad")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500, before[1]))
    try:
        with pytest.raises(UserError, match=r"squad/plain_text/.*: cannot write: File too large"):
            download_dataset(tmp_path, {"settings": settings_of_squad}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.rglob("*.json")) and not archives.asked

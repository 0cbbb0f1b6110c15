"""Where public data come from: the Hub first, then the archives, a copy of one's own, or nowhere, with the reason."""

import hashlib
import resource
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import hub_repositories
import pytest
import upstream_archives
from data_files import rows
from datasets import ClassLabel, List
from hub_repositories import TEXT
from hub_server import Hub
from public_jobs import DE, XNLI, download, files, sets
from upstream_server import Server, status

from xstilts.artifacts import produce
from xstilts.cli import main
from xstilts.config.outside import check_files
from xstilts.data.fetching import lock
from xstilts.data.fetching.archives import bring
from xstilts.data.fetching.hub_tables import table
from xstilts.data.fetching.public import download_dataset, try_again
from xstilts.data.fetching.upstream import Archive
from xstilts.data.job import prepare_dataset, why_missing
from xstilts.data.registry import dataset, holds, names
from xstilts.errors import DataError, PinMismatch, UserError
from xstilts.files import read_json, read_jsonl, write_json
from xstilts.tasks import outside, registry


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


def test_xquad_comes_from_its_published_files_and_the_hub_gives_what_they_lack(
    hub: Hub, any_size: None, archives: Server
) -> None:
    hub_repositories.publish(hub)
    for code in ("en", "ro"):
        archives.files[f"/xquad/xquad.{code}.json"] = upstream_archives.squad({"id": "q1"}).encode()
    main(["lock", "--data", "xquad"])
    found = download("xquad").results["from"]
    assert {code for code, way in found.items() if way == "archives"} == {"en", "ro"}
    assert set(found) == set(dataset("xquad").languages)


def test_another_address_is_tried_when_the_first_has_not_the_file(hub: Hub, any_size: None, archives: Server) -> None:
    """Of several addresses the hash decides: one that serves another file is passed over like one that serves none."""
    whole = upstream_archives.squad({"id": "q1"}).encode()
    archives.files |= {"/new/xquad.en.json": b"<html>moved</html>", "/old/xquad.en.json": whole}
    one = Archive(
        url=archives.url("/gone/xquad.en.json"),
        also=(archives.url("/new/xquad.en.json"), archives.url("/old/xquad.en.json")),
        sha256=hashlib.sha256(whole).hexdigest(),
        to="targets/xquad/",
    )
    said: list[str] = []
    assert bring(one, Path("store"), ("en",), Path("origin"), set(), said.append, 0.01) == (one.sha256, [])
    assert Path("origin/targets/xquad/xquad.en.json").read_bytes() == whole
    del archives.files["/old/xquad.en.json"]
    Path("store/xquad.en.json").unlink()
    with pytest.raises(PinMismatch, match=r"/new/xquad.en.json: found SHA-256"):
        bring(one, Path("store"), ("en",), Path("origin"), set(), said.append, 0.01)
    assert f"a copy of xquad.en.json with SHA-256 {one.sha256} is used where it lies at store/xquad.en.json" in said
    Path("store/xquad.en.json").write_bytes(whole)
    assert bring(one, Path("store"), ("en",), Path("origin"), set(), said.append, 0.01)[0] == one.sha256


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


def test_a_copy_of_ones_own_is_used_where_the_log_says_and_stays(hub: Hub, any_size: None, archives: Server) -> None:
    assert download("anli").reason is not None, "nobody has it"
    place = Path("store/anli/.archives/anli_v0.1.zip")
    place.parent.mkdir(parents=True, exist_ok=True)
    own = upstream_archives.anli()  # once: a zip holds the time at which it was made
    place.write_bytes(own)
    try_again(Path("store/anli/manifest.json"))
    assert download("anli").results["from"] == {"en": "archives"}
    assert place.read_bytes() == own, "nobody else may have one"
    archives.files["/snli/snli_1.0.zip"] = upstream_archives.content("snli", "snli_1.0.zip")
    assert download("snli").results["from"] == {"en": "archives"} and not Path("store/snli/.archives").exists()


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


def test_a_language_that_is_missing_names_its_own_file() -> None:
    place = "https://host/tatoeba/v1/tatoeba."
    lines = [f"{place}{code}-eng.{code}: answered 404: it is not there (any more)" for code in ("afr", "ben", "deu")]
    assert why_missing(lines, "tatoeba", "bn") == lines[1]
    assert why_missing([*lines, "https://host/all.zip: no connection"], "tatoeba", "fr") == (
        "https://host/all.zip: no connection"
    )
    assert why_missing(lines, "tatoeba", "fr").endswith("; and 1 more reason")


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
    unknown = {"ccg", "text", "udpos27"}
    for name in set(names()) - unknown:
        known = [dataset(name).expected_rows(split, "en") for split in dataset(name).upstream_splits("en")]
        assert name in ("bucc2018", "tatoeba") or (known and None not in known), name


def test_every_split_that_is_scored_has_a_known_size() -> None:
    without: dict[tuple[str, str], list[str]] = {}  # UD 2.5 has no dev file in these languages
    for task in registry()[0].values():
        if task.dataset == "udpos27":  # the sizes of UD 2.7 are not known here, but for what udpos takes of it
            continue
        for language in task.languages:
            for split in task.splits:
                size = dataset(task.dataset).expected_rows(split, language)
                assert size is not None, (task.name, language, split)
                if size == 0:
                    without.setdefault((task.name, split), []).append(language)
    assert without == {("udpos", "dev"): ["kk", "th", "tl", "yo"]}


def test_a_mirror_without_a_split_of_unknown_size_does_not_count(tmp_path: Path) -> None:
    unknown = replace(dataset("udpos"), rows={"dev": {"kk": 0}})
    assert not holds(unknown, "fi", tmp_path) and not holds(dataset("udpos"), "ko", tmp_path)
    (tmp_path / "targets/udpos").mkdir(parents=True)
    (tmp_path / "targets/udpos/test-kk.tsv").write_text("a\tNOUN\n")
    assert holds(unknown, "kk", tmp_path) and holds(dataset("udpos"), "kk", tmp_path)


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


def test_a_data_set_of_the_users_own_comes_from_the_hub_with_its_columns(hub: Hub, tmp_path: Path) -> None:
    """XCOPA's columns: two choices in two of them, labels as numbers, a test set without any."""
    features = {"premise": TEXT, "choice1": TEXT, "choice2": TEXT, "label": hub_repositories.NUMBER}
    made = [{"premise": f"p{n}", "choice1": "a", "choice2": "b", "label": n % 2} for n in range(3)]
    tested = [{**row, "label": None} for row in made]
    numbered = {**features, "label": ClassLabel(names=["first", "second"])}  # GLUE's -1: no label
    unlabelled = [{**row, "label": -1} for row in made]
    tables = {f"{code}/val-0.parquet": made for code in ("en", "qu")}
    tables |= {f"{code}/test-0.parquet": tested for code in ("en", "qu")}
    hub.put(
        "datasets/acme/choices", **{name: hub_repositories.parquet(features, rows) for name, rows in tables.items()}
    )
    (tmp_path / "choices.yaml").write_text(
        """
choices:
  family: multiple_choice
  hub: {repository: acme/choices, splits: {dev: "{language}/val-*.parquet", test: "{language}/test-*.parquet"}}
  fields: {prompt: premise, choices: [choice1, choice2], label: label}
  languages: [en, qu]
  target: csqa
"""
    )
    outside.name_files(tuple(map(str, check_files(["choices.yaml"]))))
    try:
        assert main(["lock", "--data", "choices"]) == 0
        found = download("choices")
        assert found.results["from"] == {"en": "hub", "qu": "hub"} and not found.results["missing"]
        format_of = dataset("choices").format
        write_json(Path("prepare.json"), {"settings": {"dataset": "choices", "language": "qu", "format": format_of}})
        spec = read_json(Path("prepare.json"))
        prepared = prepare_dataset(tmp_path / "rows", spec, {"download": found}, Path("nowhere"))
        hub.put("datasets/acme/choices", **{"qu/test-0.parquet": hub_repositories.parquet(numbered, unlabelled)})
        assert main(["lock", "--data", "choices", "--renew"]) == 0
        again = prepare_dataset(tmp_path / "again", spec, {"download": download("choices")}, Path("nowhere"))
        assert again.results["labelled"] == {"dev": 3, "test": 0}
        hub.put("datasets/acme/choices", **{"qu/val-0.parquet": hub_repositories.parquet(numbered, unlabelled)})
        assert main(["lock", "--data", "choices", "--renew"]) == 0
        unread = download("choices").results
        assert unread["left"] == ["qu"] and "'-'" in " ".join(unread["missing"]), "elsewhere `drop` must name it"
        gone = "acme/choices: qu/val-*.parquet: found no such file"
        lost = replace(
            found, content={**found.content, "results": {**found.results, "from": {"en": "hub"}, "missing": [gone]}}
        )
        without = prepare_dataset(tmp_path / "lost", spec, {"download": lost}, Path("nowhere"))
        assert without.reason == gone, "a language that cannot be had is an empty cell, and no job that fails"
    finally:
        outside.name_files(())
    assert prepared.results["labelled"] == {"dev": 3, "test": 0} and prepared.results["evaluate"] == ["dev"]
    row = read_jsonl(tmp_path / "rows/dev.jsonl")[1]
    assert (row["prompt"], row["choices"], row["label"]) == ("p1", ["a", "b"], 1)


def test_a_hidden_tag_is_not_the_last_class(tmp_path: Path) -> None:
    """Hidden test tags are -1, which Python counts from the end of the names."""
    place = tmp_path / "tags.parquet"
    features = {"tokens": List(TEXT), "tags": List(ClassLabel(names=["O", "B-PER", "I-PER"]))}
    place.write_bytes(hub_repositories.parquet(features, [{"tokens": ["Ada", "Byron"], "tags": [1, 2]}]))
    assert [row["tags"] for row in table(place)] == [["B-PER", "I-PER"]]
    place.write_bytes(hub_repositories.parquet(features, [{"tokens": ["Ada", "Byron"], "tags": [1, -1]}]))
    with pytest.raises(DataError, match=r"tags.parquet: found a label index beyond the names of the features"):
        list(table(place))

"""`xstilts mirror`: from archives in each upstream format, over a real server, to rows that `prepare` reads."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import upstream_archives
import upstream_server
from data_files import NLI_ROWS, mirror, rows
from mirror_folder import files, got
from upstream_archives import publish
from upstream_server import Server

from xstilts.data.fetching.mirror import Held
from xstilts.data.fetching.upstream import load
from xstilts.data.registry import DataSet, dataset, names

TINY = {  # rows of the tiny archives by split; retrieval counts the rows of both sides
    **NLI_ROWS,
    "qqp": {"train": 2, "dev": 1},
    "squad": {"train": 2, "dev": 2},
    "squad2": {"train": 2, "dev": 2},
    "hellaswag": {"train": 3, "dev": 3},
    "cosmosqa": {"train": 4, "dev": 4},
    "csqa": {"train": 5, "dev": 5, "test": 5},
    "xnli": {"dev": 3, "test": 4},
    "pawsx": {"train": 4, "dev": 2, "test": 3},
    "udpos": {"train": 1, "dev": 1, "test": 1},
    "udpos27": {"train": 1, "dev": 1, "test": 1},
    "panx": {"train": 2, "dev": 2, "test": 2},
    "xquad": {"test": 2},
    "mlqa": {"dev": 1, "test": 1},
    "tydiqa": {"train": 2, "test": 2},
    "bucc2018": {"dev": 9, "test": 9},
    "tatoeba": {"test": 4},
    "siqa": {"train": 3, "dev": 2},
    "copa": {"train": 3, "dev": 2},
    "xcopa": {"dev": 2, "test": 3},
    "lareqa": {"test": 2},
    "lareqa-candidates": {"test": 2},
    "lareqa-train": {"train": 2, "dev": 2},
    "mewslix": {"dev": 2, "test": 2},
    "mewslix-candidates": {"test": 3},
    "mewslix-train": {"train": 2, "dev": 2},
}
UNSEEN = {"val.ta.jsonl", "test.ta.jsonl", "raw.tar.gz", "mewsli-x_20220518_6.zip"}  # archives whose hash is not known


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Held]]:
    """A mirror of all tiny archives, and what the command said of it."""
    folder = tmp_path_factory.mktemp("everything") / "mirror"
    with pytest.MonkeyPatch.context() as patch, upstream_server.running() as server:
        upstream_archives.forget_sizes(patch)
        return folder, got(folder, publish(server))


def test_every_data_set_goes_from_its_archives_to_rows(
    everything: tuple[Path, dict[str, Held]], tmp_path: Path
) -> None:
    folder, held = everything
    assert set(held) == set(TINY) == set(names()) - {"ccg", "text"}
    assert {name: found.missing for name, found in held.items() if found.missing} == {}
    assert not (folder / ".archives").exists()
    assert files(folder) == {place for found in held.values() for place in found.files}
    for name in TINY:
        languages = dataset(name).languages
        assert list(held[name].rows) == list(languages)
        for language in sorted({*languages[:2], languages[-1], "en"} & {*languages}):
            said, read = rows(name, language, folder, tmp_path / name / language)
            expected = {split: n for split, n in TINY[name].items() if split != "train" or language == "en"}
            assert said["rows"] == expected, (name, language)
            assert held[name].rows[language] == said["labelled" if dataset(name).family == "retrieval" else "rows"]
            if name not in ("bucc2018", "csqa"):
                assert said["labelled"] == ({"test": 2} if name == "tatoeba" else expected)
            assert all(row["language"] in (language, "en") for split in read.values() for row in split)


def test_what_the_formats_are_known_for(everything: tuple[Path, dict[str, Held]], tmp_path: Path) -> None:
    folder, _ = everything

    def read(name: str, language: str, split: str) -> list[dict[str, Any]]:
        return rows(name, language, folder, tmp_path / "rows" / name / language)[1][split]

    row = read("xnli", "th", "test")[3]  # columns by name, quotes are text, labels from the shared file
    assert (row["text_a"], row["text_b"], row["label"]) == ('"th 3', "th b", "entailment")
    assert (folder / "targets/xnli/test-labels.tsv").read_text().split() == [
        "entailment", "neutral", "contradiction", "entailment",
    ]  # fmt: skip
    assert read("xnli", "sw", "dev")[2]["group"] == read("xnli", "en", "dev")[2]["group"]
    assert [row["label"] for row in read("pawsx", "ko", "test")] == ["0", "1", "0"]
    assert (folder / "targets/pawsx/test-ko.tsv").read_text().splitlines()[1] == 'ko "1\tko b'
    assert not (folder / "targets/pawsx/train-ko.tsv").exists()
    assert [row["text_a"] for row in read("qqp", "en", "train")] == ['What is "x?', "Why?"]  # not the broken row
    assert read("udpos", "wo", "test")[0]["tokens"] == ["del", "wo"]
    assert not (folder / "targets/udpos/train-de.tsv").exists()
    assert {row["id"] for row in read("tydiqa", "en", "train")} == {"english-1", "english-2"}
    train = (folder / "targets/tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.en.train.json").read_text()
    assert "finnish" not in train
    assert {row["id"] for row in read("tydiqa", "ko", "test")} == {"korean-1", "korean-2"}
    assert "-" not in {row["label"] for row in read("snli", "en", "dev")}
    foreign = [row for row in read("bucc2018", "zh", "test") if row["side"] == "foreign"]
    assert [row["matches"] for row in foreign] == [[], ["en-2"], [], [], ["en-0"]]


def test_rows_of_another_number_than_upstream_has_are_refused(server: Server, tmp_path: Path) -> None:
    held = got(tmp_path, publish(server, ("csqa", "mlqa")))
    assert held["csqa"].missing == ("csqa train in en: found 5 rows; expected 9741, the size of the upstream split",)
    assert len(held["mlqa"].missing) == 7
    assert files(tmp_path) == set()


def test_rows_of_the_upstream_number_pass(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"train": 9741, "dev": 1221, "test": 1140}
    monkeypatch.setattr(
        upstream_archives,
        "content",
        lambda _, url: upstream_archives.csqa(sizes[url.rsplit("/", 1)[1].split("_")[0]], key="no_answers" not in url),
    )
    held = got(tmp_path, publish(server, ("csqa",)))
    assert held["csqa"].missing == () and held["csqa"].rows == {"en": sizes}


def test_a_language_that_does_not_pass_stays_out_and_the_others_go_in(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DataSet, "expected_rows", lambda _, split, language: 3 if language == "th" else 2)
    held = got(tmp_path, publish(server, ("xquad",)))["xquad"]
    assert held.missing == ("xquad test in th: found 2 rows; expected 3, the size of the upstream split",)
    assert set(dataset("xquad").languages) - set(held.rows) == {"th"}
    assert not (tmp_path / "targets/xquad/xquad.th.json").exists() and len(files(tmp_path)) == 11


def test_the_catalogue_covers_every_place_that_the_readers_look_at() -> None:
    catalogue = load()
    assert set(catalogue) == set(names()) - {"ccg", "text"}
    archives = [archive for found in catalogue.values() for archive in found]
    assert all(archive.url.startswith("https://") for archive in archives)
    assert len({(one.url, one.sha256, one.bytes) for one in archives}) == len({one.url for one in archives})
    unknown = {archive.name for archive in archives if archive.sha256 is None}
    assert unknown == UNSEEN, "what has no known hash comes from a commit, or its host has it only once"
    assert {archive.name for archive in archives if archive.bytes is None} == {*UNSEEN, "ud-treebanks-v2.7.tgz"}
    for found in catalogue.values():
        assert len({archive.name for archive in found}) == len(found)  # they share a folder while they are fetched


@pytest.mark.slow
def test_the_pins_and_sizes_hold_for_real_files(tmp_path: Path, server: Server) -> None:
    """Some data sets of the real mirror are upstream's own files: they must pass the real pins."""
    source = mirror()
    catalogue = {}
    for name in ("csqa", "xquad", "tatoeba", "xcopa", "lareqa"):
        moved = []
        for archive in load()[name]:
            path = f"/{archive.to}{archive.name}"
            if (source / archive.to / archive.name).is_file():
                server.files[path] = (source / archive.to / archive.name).read_bytes()
            moved.append(replace(archive, url=server.url(path)))
        catalogue[name] = tuple(moved)
    held = got(tmp_path, catalogue)
    assert held["csqa"].missing == () and held["csqa"].rows == {"en": {"train": 9741, "dev": 1221, "test": 1140}}
    for found in held.values():
        assert all("404" in reason or "no such file" in reason for reason in found.missing), found.missing
    counts = {name: len(held[name].rows) for name in ("xquad", "tatoeba", "xcopa", "lareqa")}
    assert counts == {"xquad": 10, "tatoeba": 35, "xcopa": 10, "lareqa": 9}

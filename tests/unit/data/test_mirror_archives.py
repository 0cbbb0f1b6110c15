"""`xstilts mirror`: archives that are broken, dangerous or not what they should be."""

import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mirror_folder import files, got, pack
from upstream_archives import publish, tarred, treebanks, zipped
from upstream_server import Server, cut, status


@pytest.mark.usefixtures("any_size")
def test_an_archive_cannot_write_outside(server: Server, tmp_path: Path) -> None:
    row = json.dumps({"gold_label": "neutral", "sentence1": "A", "sentence2": "B"}) + "\n"
    evil = {f"../../../evil/multinli_1.0_{split}.jsonl": row for split in ("train", "dev_matched")}
    folder = tmp_path / "deep" / "er" / "mirror"
    catalogue = pack(server, publish(server, ("mnli",)), "mnli", zipped({"/etc/evil": "x", "../evil": "x", **evil}))
    assert got(folder, catalogue)["mnli"].missing == ()
    assert files(tmp_path / "deep") == {
        f"er/mirror/{name}"
        for name in ("mirror.json", ".lock", *(f"intermediate/mnli/{x.rsplit('/', 1)[1]}" for x in evil))
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep"]


@pytest.mark.usefixtures("any_size")
def test_links_in_an_archive_are_not_followed(server: Server, tmp_path: Path) -> None:
    catalogue = publish(server, ("pawsx",))
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo("x-final/en/train.tsv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    held = got(tmp_path, pack(server, catalogue, "pawsx", buffer.getvalue()))["pawsx"]
    assert "x-final.tar.gz has no en/train.tsv" in held.missing and files(tmp_path) == set()


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("mnli", b"<html>moved</html>", "broken archive"),
        ("mnli", zipped({"x.jsonl": "{}"}), "multinli_1.0.zip has no multinli_1.0_train.jsonl"),
        ("pawsx", tarred({"x-final/en/train.tsv": "a\tb\n" * 9999})[:-40], "broken archive"),
        ("pawsx", tarred({"x-final/en/train.tsv": "id\tsentence1\tlabel\n1\ta\t0\n"}), "a header without sentence2"),
        ("pawsx", tarred({"x/en/train.tsv": "id\tsentence1\tsentence2\tlabel\n1\ta\t0\n"}), "train.tsv:2: found 3"),
        ("xnli", zipped({"XNLI-1.0/xnli.dev.tsv": b"\xff\xfe"}), "not UTF-8"),
    ],
)  # fmt: skip
def test_an_archive_that_is_not_what_it_should_be_leaves_nothing(
    server: Server, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    held = got(tmp_path, pack(server, publish(server, (name,)), name, content))[name]
    assert any(words in reason for reason in held.missing), held.missing
    assert not any("unpacked-" in reason for reason in held.missing)
    assert files(tmp_path) == set()


@pytest.mark.usefixtures("any_size")
def test_pairs_that_differ_between_languages_are_refused(server: Server, tmp_path: Path) -> None:
    header = "language\tgold_label\tsentence1\tsentence2\tpairID\n"
    dev = header + "en\tneutral\ta\tb\t1\nen\tneutral\ta\tb\t2\nde\tneutral\ta\tb\t2\nde\tneutral\ta\tb\t1\n"
    catalogue = pack(server, publish(server, ("xnli",)), "xnli", zipped({"XNLI-1.0/xnli.dev.tsv": dev}))
    held = got(tmp_path, catalogue)["xnli"]
    assert any("other pairs or labels in de; expected those of en" in reason for reason in held.missing)


@pytest.mark.usefixtures("any_size")
def test_a_cut_connection_and_a_wrong_hash_on_the_way(server: Server, tmp_path: Path) -> None:
    catalogue = publish(server, ("hellaswag",))
    train, dev = catalogue["hellaswag"]
    server.next[urlsplit(train.url).path] = [cut(100), status(429)]
    held = got(tmp_path, {"hellaswag": (train, replace(dev, sha256="0" * 64))})["hellaswag"]
    assert "expected 0000" in held.missing[0] and dev.sha256 in held.missing[0]
    assert files(tmp_path) == set()  # English without dev is no use


@pytest.mark.usefixtures("any_size")
def test_a_broken_treebank_costs_its_own_language_only(server: Server, tmp_path: Path) -> None:
    languages = ("en", "ru", "ta", "zh")
    catalogue = publish(server, ("udpos",))
    older = replace(catalogue["udpos"][0], languages=languages)
    raw = treebanks("v2.5", languages, broken="ta_y-ud-dev")
    held = got(tmp_path, pack(server, {"udpos": (older,)}, "udpos", raw))["udpos"]
    assert set(held.rows) == {"en", "ru", "zh"}
    assert any("ud-treebanks-v2.5.tgz: ta/ta_y-ud-dev.conllu:4: found 9 columns" in why for why in held.missing)
    assert (tmp_path / "targets/udpos/train-en.tsv").is_file(), "English alone is trained on"
    assert not (tmp_path / "targets/udpos/train-ru.tsv").exists()


def bomb() -> bytes:
    """A zip of a few hundred kilobytes with a member of 200 MB."""
    return zipped({"multinli_1.0_train.jsonl": bytes(200_000_000), "multinli_1.0_dev_matched.jsonl": "{}"})


def locked() -> bytes:
    """A zip whose members say that they are encrypted."""
    raw = bytearray(zipped({"multinli_1.0_train.jsonl": "{}", "multinli_1.0_dev_matched.jsonl": "{}"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = raw.find(mark)
        while place >= 0:
            raw[place + offset] |= 1
            place = raw.find(mark, place + 4)
    return bytes(raw)


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize(
    ("make", "words"),
    [(bomb, "of 200,000,000 bytes unpacked; expected at most"), (locked, "multinli_1.0_train.jsonl encrypted")],
)
def test_an_archive_that_would_fill_the_disk_or_wants_a_password_is_one_line(
    server: Server, tmp_path: Path, make: Callable[[], bytes], words: str
) -> None:
    held = got(tmp_path, pack(server, publish(server, ("mnli",)), "mnli", make()))["mnli"]
    assert len(held.missing) >= 1 and words in held.missing[0], held.missing
    assert files(tmp_path) == set()

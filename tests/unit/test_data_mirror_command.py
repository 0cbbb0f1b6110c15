"""`xstilts mirror`: from archives in each upstream format, over a real server, to rows that `prepare` reads."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import upstream_archives
import upstream_server
from data_files import mirror, rows, squad, write
from upstream_archives import publish, tarred, zipped
from upstream_server import Server, cut, stall, status

from xstilts.cli import main
from xstilts.commands.mirror import table
from xstilts.data.mirror import Held, fill
from xstilts.data.registry import DataSet, dataset, names
from xstilts.data.upstream import Catalogue, load

TINY = {  # rows of the tiny archives by split; retrieval counts the rows of both sides
    "mnli": {"train": 3, "dev": 3},
    "snli": {"train": 3, "dev": 3, "test": 3},
    "anli": {"train": 9, "dev": 9},
    "qqp": {"train": 2, "dev": 1},
    "squad": {"train": 2, "dev": 2},
    "squad2": {"train": 2, "dev": 2},
    "hellaswag": {"train": 3, "dev": 3},
    "cosmosqa": {"train": 4, "dev": 4},
    "csqa": {"train": 5, "dev": 5, "test": 5},
    "xnli": {"dev": 3, "test": 4},
    "pawsx": {"train": 4, "dev": 2, "test": 3},
    "udpos": {"train": 1, "dev": 1, "test": 1},
    "panx": {"train": 2, "dev": 2, "test": 2},
    "xquad": {"test": 2},
    "mlqa": {"dev": 1, "test": 1},
    "tydiqa": {"train": 2, "test": 2},
    "bucc2018": {"dev": 9, "test": 9},
    "tatoeba": {"test": 4},
}


@pytest.fixture
def server() -> Iterator[Server]:
    with upstream_server.running() as server:
        yield server


@pytest.fixture
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the registry's upstream sizes: the archives of these tests are tiny."""
    monkeypatch.setattr(DataSet, "expected_rows", lambda *_: None)


def got(folder: Path, catalogue: Catalogue, *wanted: str) -> dict[str, Held]:
    return fill(folder, wanted or tuple(catalogue), catalogue, first_pause=0.001)


def files(folder: Path) -> set[str]:
    """Return the data files below a mirror."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith((".", "mirror.json"))
    }


def pack(server: Server, catalogue: Catalogue, name: str, content: bytes) -> Catalogue:
    """Serve another content for a data set's only archive, and pin it."""
    (archive,) = catalogue[name]
    server.files[urlsplit(archive.url).path] = content
    return {name: (replace(archive, bytes=len(content), sha256=hashlib.sha256(content).hexdigest()),)}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Held]]:
    """A mirror of all tiny archives, and what the command said of it."""
    folder = tmp_path_factory.mktemp("everything") / "mirror"
    with pytest.MonkeyPatch.context() as patch, upstream_server.running() as server:
        patch.setattr(DataSet, "expected_rows", lambda *_: None)
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


def test_a_second_call_fetches_nothing_and_mends_what_was_damaged(
    server: Server, tmp_path: Path, any_size: None
) -> None:
    catalogue = publish(server, ("squad", "mlqa"))
    got(tmp_path, catalogue)
    server.asked.clear()
    held = got(tmp_path, catalogue)
    assert server.asked == []
    assert held["squad"].rows == {"en": {"train": 2, "dev": 2}}
    damaged = tmp_path / "intermediate/squad/dev-v1.1.json"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-10])
    got(tmp_path, catalogue)
    assert damaged.read_bytes() == whole
    assert not any("MLQA" in path for path, _ in server.asked)


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


@pytest.mark.usefixtures("any_size")
def test_what_failed_is_named_and_the_next_call_fetches_only_that(server: Server, tmp_path: Path) -> None:
    catalogue = publish(server, ("bucc2018",))
    gone = urlsplit(catalogue["bucc2018"][1].url).path
    server.next[gone] = [status(404)]
    held = got(tmp_path, catalogue)["bucc2018"]
    assert held.missing == (f"{server.url(gone)}: answered 404: it is not there (any more)",)
    assert held.rows["de"] == {"dev": 2} and held.rows["zh"] == {"dev": 2, "test": 2}
    assert "answered 404" in table({"bucc2018": held})
    server.asked.clear()
    assert got(tmp_path, catalogue)["bucc2018"].missing == ()
    assert server.asked == [(gone, None)]
    assert len(files(tmp_path)) == 24 and not (tmp_path / ".archives").exists()


@pytest.mark.usefixtures("any_size")
def test_a_failed_call_takes_nothing_away(server: Server, tmp_path: Path) -> None:
    catalogue = publish(server, ("bucc2018",))
    paths = [urlsplit(archive.url).path for archive in catalogue["bucc2018"]]
    server.next[paths[0]] = [status(404)]
    got(tmp_path, catalogue)
    before = files(tmp_path)
    for path in (tmp_path / ".archives").rglob("*.bz2"):
        path.unlink()
    for path in paths:
        server.next[path] = [status(404)]
    held = got(tmp_path, catalogue)["bucc2018"]
    assert files(tmp_path) == before == set(held.files) and len(held.missing) == 8 and held.rows["zh"]


@pytest.mark.usefixtures("any_size")
def test_a_host_that_does_not_answer_is_tried_once(server: Server, tmp_path: Path) -> None:
    catalogue = publish(server, ("tatoeba",))
    silent = tuple(
        replace(archive, url=archive.url.replace("127.0.0.1", "127.1.2.3")) for archive in catalogue["tatoeba"]
    )
    held = got(tmp_path, {"tatoeba": silent})["tatoeba"]
    assert "no connection (Connection refused) (5 attempts)" in held.missing[0]
    assert "not tried" in held.missing[1] and len(held.missing) == 82
    assert "and 79 more" in table({"tatoeba": held})


@pytest.mark.usefixtures("any_size")
def test_an_archive_put_there_by_hand_is_used(server: Server, tmp_path: Path) -> None:
    catalogue = publish(server, ("panx",))
    (archive,) = catalogue["panx"]
    content = server.files.pop(urlsplit(archive.url).path)
    assert got(tmp_path, catalogue)["panx"].missing
    write(tmp_path, {".archives/panx/panx_dataset.zip": content})
    assert got(tmp_path, catalogue)["panx"].missing == ()


@pytest.mark.usefixtures("any_size")
def test_files_from_elsewhere_are_left_alone(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"targets/xquad/xquad.de.json": squad({"id": "mine"}), "intermediate/ccg/train.tsv": "a\tN\n"})
    held = got(tmp_path, publish(server, ("xquad",)), "xquad", "ccg")
    assert server.asked == [] and held["xquad"].own == ("targets/xquad/xquad.de.json",)
    assert files(tmp_path) == {"targets/xquad/xquad.de.json", "intermediate/ccg/train.tsv"}
    assert main(["mirror", str(tmp_path), "--only", "xquad", "ccg"]) == 0
    assert "1 files from elsewhere (targets/xquad/xquad.de.json, ...): left alone" in capsys.readouterr().out


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


def test_a_killed_call_leaves_no_half_data_set_and_the_next_one_goes_on(tmp_path: Path, any_size: None) -> None:
    with upstream_server.running() as server:
        catalogue = publish(server, ("squad", "xquad"))
        slow = urlsplit(catalogue["xquad"][6].url).path
        server.next[slow] = [stall]
        code = (
            "import sys; sys.path.insert(0, sys.argv[2]); import upstream_server, upstream_archives\n"
            "from pathlib import Path\n"
            "from xstilts.data.mirror import fill\n"
            "from xstilts.data.registry import DataSet\n"
            "from xstilts.data.upstream import Archive\n"
            "DataSet.expected_rows = lambda *_: None\n"
            "catalogue = {n: tuple(Archive(**a) for a in x) for n, x in eval(sys.argv[3]).items()}\n"
            "fill(Path(sys.argv[1]), ('squad', 'xquad'), catalogue)\n"
        )
        plain = {name: [vars(archive) for archive in archives] for name, archives in catalogue.items()}
        command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent), repr(plain)]
        with subprocess.Popen(command) as process:
            while not any(path == slow for path, _ in server.asked):
                assert process.poll() is None
                time.sleep(0.05)
            time.sleep(0.2)
            os.kill(process.pid, signal.SIGKILL)
        assert files(tmp_path) == {"intermediate/squad/train-v1.1.json", "intermediate/squad/dev-v1.1.json"}
        server.asked.clear()
        held = got(tmp_path, catalogue)
        assert next(asked for path, asked in server.asked if path == slow) is not None  # goes on with its part
        assert not any("SQuAD" in path for path, _ in server.asked)
        assert held["xquad"].missing == () and not (tmp_path / ".archives").exists()


def test_the_list_needs_no_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mirror", str(tmp_path / "none"), "--list"]) == 0
    said = capsys.readouterr().out
    assert not (tmp_path / "none").exists()
    assert len([line for line in said.splitlines() if not line.startswith(" ")]) == 1 + len(names())
    assert "355.2+  lindat.mff.cuni.cz" in said and "CCGbank is sold by the LDC" in said and "goes into text/" in said


def test_the_plain_install_is_enough(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'torch', 'transformers', 'datasets', 'pydantic', 'pandas'}:\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from xstilts.cli import main\n"
        "sys.exit(main(['mirror', sys.argv[1], '--only', 'ccg']))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True)


def test_what_has_no_archive_is_said_and_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mirror", str(tmp_path), "--only", "ccg", "text"]) == 0
    assert "CCGbank is sold by the LDC" in capsys.readouterr().out
    assert main(["mirror", str(tmp_path), "--only", "sqaud"]) == 2
    assert "unknown data set 'sqaud'; known: mnli snli" in capsys.readouterr().err


def test_the_catalogue_covers_every_place_that_the_readers_look_at() -> None:
    catalogue = load()
    assert set(catalogue) == set(names()) - {"ccg", "text"}
    archives = [archive for found in catalogue.values() for archive in found]
    assert len({archive.url for archive in archives}) == len(archives)
    assert all(archive.url.startswith("https://") for archive in archives)
    assert all((archive.bytes is None) == (archive.sha256 is None) for archive in archives)
    unpinned = [archive.name for archive in archives if archive.sha256 is None]
    assert unpinned[0] == "ud-treebanks-v2.7.tgz" and len(unpinned) == 11
    for found in catalogue.values():
        assert len({archive.name for archive in found}) == len(found)  # they share a folder while they are fetched


@pytest.mark.slow
def test_the_pins_and_sizes_hold_for_real_files(tmp_path: Path, server: Server) -> None:
    """CommonsenseQA, XQuAD and Tatoeba of the real mirror are upstream's own files: they must pass the real pins."""
    source = mirror()
    catalogue = {}
    for name in ("csqa", "xquad", "tatoeba"):
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
    assert len(held["xquad"].rows) == 10 and len(held["tatoeba"].rows) == 35

"""`xstilts mirror` called again: after failures, kills and damage, beside files from elsewhere, without a network."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import upstream_server
from data_files import squad, write
from mirror_folder import files, got
from upstream_archives import publish
from upstream_server import Server, stall, status

from xstilts.cli import main
from xstilts.commands.mirror import table
from xstilts.data.registry import names
from xstilts.errors import DataError
from xstilts.files import sha256, write_json


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


@pytest.mark.usefixtures("any_size")
def test_what_failed_is_named_and_the_next_call_fetches_only_that(server: Server, tmp_path: Path) -> None:
    catalogue = publish(server, ("bucc2018",))
    gone = urlsplit(catalogue["bucc2018"][1].url).path
    server.next[gone] = [status(404)]
    held = got(tmp_path, catalogue)["bucc2018"]
    lacking = "bucc2018 in de: without its test split: not taken"
    assert held.missing == (f"{server.url(gone)}: answered 404: it is not there (any more)", lacking)
    assert "de" not in held.rows and held.rows["zh"] == {"dev": 2, "test": 2}
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


def test_a_killed_call_leaves_no_half_data_set_and_the_next_one_goes_on(tmp_path: Path, any_size: None) -> None:
    with upstream_server.running() as server:
        catalogue = publish(server, ("squad", "xquad"))
        slow = urlsplit(catalogue["xquad"][6].url).path
        server.next[slow] = [stall]
        code = (
            "import sys; sys.path.insert(0, sys.argv[2]); import upstream_server, upstream_archives\n"
            "from pathlib import Path\n"
            "from xstilts.data.fetching.mirror import fill\n"
            "from xstilts.data.registry import DataSet\n"
            "from xstilts.data.fetching.upstream import Archive\n"
            "DataSet.expected_rows = lambda *_: None\n"
            "catalogue = {n: tuple(Archive(**a) for a in x) for n, x in eval(sys.argv[3]).items()}\n"
            "fill(Path(sys.argv[1]), ('squad', 'xquad'), catalogue)\n"
        )
        plain = {name: [vars(archive) for archive in archives] for name, archives in catalogue.items()}
        command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parents[1] / "helpers"), repr(plain)]
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
    assert "355.2+  lindat.mff.cuni.cz" in said and "CCGbank is sold by the LDC" in said
    assert re.search(r"^text +not there +~256  huggingface.co +", said, re.M)
    assert "40 languages, 2 million sentences in all" in said


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
    assert main(["mirror", str(tmp_path), "--only", "ccg"]) == 0
    assert "CCGbank is sold by the LDC" in capsys.readouterr().out
    assert main(["mirror", str(tmp_path), "--only", "sqaud"]) == 2
    assert "unknown data set 'sqaud'; known: mnli snli" in capsys.readouterr().err


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize("outside", ["../precious", "{tmp}/precious", "a/../../precious"])
def test_a_record_that_names_files_outside_of_the_folder_is_refused(
    server: Server, tmp_path: Path, outside: str
) -> None:
    (tmp_path / "precious").write_text("mine")
    folder, place = tmp_path / "mirror", outside.format(tmp=tmp_path)
    write_json(folder / "mirror.json", {"squad": {"files": {place: sha256(tmp_path / "precious")}}})
    with pytest.raises(DataError, match=r"mirror.json: found the name .*precious'; expected names of files inside"):
        got(folder, publish(server, ("squad",)))
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.usefixtures("any_size")
def test_what_the_command_did_not_write_stays(server: Server, tmp_path: Path) -> None:
    write_json(tmp_path / "mirror.json", {"squad": {"files": {"notes.txt": "0" * 64}, "archives": {"x": "y"}}})
    (tmp_path / "notes.txt").write_text("written by somebody else under a name of the record")
    catalogue = publish(server, ("squad",))
    by_hand = tmp_path / ".archives/squad" / catalogue["squad"][0].name
    by_hand.parent.mkdir(parents=True)
    with urllib.request.urlopen(catalogue["squad"][0].url) as response:
        by_hand.write_bytes(response.read())
    assert got(tmp_path, catalogue)["squad"].missing == ()
    assert (tmp_path / "notes.txt").is_file()
    assert [path.name for path in by_hand.parent.iterdir()] == [by_hand.name], "what was fetched is gone, this is not"


def test_a_long_name_stands_apart_from_what_is_said_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mirror", str(tmp_path / "new"), "--list"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert [words[0] for words in lines] == ["data", *names()]
    assert all(words[1:3] == ["not", "there"] for words in lines[1:])
    assert not (tmp_path / "new").exists()

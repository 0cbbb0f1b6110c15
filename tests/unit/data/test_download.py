"""One file over HTTP, from a real server that cuts, refuses, redirects, truncates and lies."""

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import upstream_server
from upstream_server import Handler, Server, cut, serve, status

from xstilts.data.fetching.download import ATTEMPTS, DownloadError, HostGone, download
from xstilts.errors import PinMismatch, UserError

CONTENT = bytes(range(256)) * 4096  # 1 MiB
HASH = hashlib.sha256(CONTENT).hexdigest()
PATH = "/sets/archive.zip"


@pytest.fixture
def server() -> Iterator[Server]:
    with upstream_server.running() as server:
        server.files[PATH] = CONTENT
        yield server


def fetch(server: Server, folder: Path, sha256: str | None = HASH, size: int | None = len(CONTENT)) -> str:
    return download(server.url(PATH), folder / "archive.zip", size, sha256, first_pause=0.01)


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_alone(server: Server, tmp_path: Path) -> None:
    assert fetch(server, tmp_path / "new" / "folder") == HASH
    assert (tmp_path / "new" / "folder" / "archive.zip").read_bytes() == CONTENT
    assert there(tmp_path / "new" / "folder") == ["archive.zip"]


def test_a_file_without_a_pin_arrives_and_its_hash_is_told(server: Server, tmp_path: Path) -> None:
    assert fetch(server, tmp_path, sha256=None, size=None) == HASH


def test_a_cut_connection_is_resumed_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.next[PATH] = [cut(300_000), cut(200_000)]
    fetch(server, tmp_path)
    assert (tmp_path / "archive.zip").read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [None, "bytes=300000-", "bytes=500000-"]


def test_a_connection_that_breaks_often_but_goes_on_is_not_given_up(server: Server, tmp_path: Path) -> None:
    server.next[PATH] = [cut(50_000)] * (ATTEMPTS + 5)
    fetch(server, tmp_path)
    assert (tmp_path / "archive.zip").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_the_whole_again(server: Server, tmp_path: Path) -> None:
    server.next[PATH] = [cut(300_000), lambda handler, content: serve(handler, content, ranges=False)]
    fetch(server, tmp_path)
    assert (tmp_path / "archive.zip").read_bytes() == CONTENT


def test_a_file_that_changes_between_two_connections_is_taken_from_the_start(server: Server, tmp_path: Path) -> None:
    newer = b"n" * 700_000

    def change(handler: Handler, content: bytes) -> None:
        serve(handler, content, cut=300_000)
        handler.server.files[PATH] = newer

    server.next[PATH] = [change]
    fetch(server, tmp_path, sha256=None, size=None)
    assert (tmp_path / "archive.zip").read_bytes() == newer


def test_a_later_call_goes_on_where_an_earlier_one_ended(server: Server, tmp_path: Path) -> None:
    server.next[PATH] = [cut(300_000), *[status(503)] * ATTEMPTS]
    with pytest.raises(DownloadError, match="503"):
        fetch(server, tmp_path)
    assert there(tmp_path) == ["archive.zip.part"]
    server.asked.clear()
    fetch(server, tmp_path)
    assert server.asked == [(PATH, "bytes=300000-")]
    assert (tmp_path / "archive.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"of another version" * 1000, CONTENT + b"longer", b"x" * len(CONTENT)])
def test_a_part_that_does_not_belong_is_thrown_away(server: Server, tmp_path: Path, left: bytes) -> None:
    (tmp_path / "archive.zip.part").write_bytes(left)
    fetch(server, tmp_path)
    assert (tmp_path / "archive.zip").read_bytes() == CONTENT


def test_a_part_is_not_trusted_where_no_hash_is_known(server: Server, tmp_path: Path) -> None:
    (tmp_path / "archive.zip.part").write_bytes(b"x" * 1000)
    assert fetch(server, tmp_path, sha256=None, size=None) == HASH


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server: Server, tmp_path: Path, code: int) -> None:
    server.next[PATH] = [status(code, Location="/elsewhere")]
    server.files["/elsewhere"] = CONTENT
    assert fetch(server, tmp_path) == HASH


@pytest.mark.parametrize(
    ("code", "words"), [(401, "a login is needed"), (403, "refused"), (404, "not there"), (410, "not there any more")]
)
def test_a_refusal_is_one_clear_line_at_once(server: Server, tmp_path: Path, code: int, words: str) -> None:
    server.next[PATH] = [status(code)]
    with pytest.raises(DownloadError, match=rf"^{server.url(PATH)}: answered {code}: .*{words}[^\n]*$"):
        fetch(server, tmp_path)
    assert len(server.asked) == 1
    assert there(tmp_path) == []


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path, code: int) -> None:
    server.next[PATH] = [status(code), status(code)]
    assert fetch(server, tmp_path) == HASH
    assert len(server.asked) == 3


def test_the_pause_that_the_server_names_is_kept(server: Server, tmp_path: Path) -> None:
    server.next[PATH] = [status(429, Retry_After="1")]
    said: list[str] = []
    download(server.url(PATH), tmp_path / "archive.zip", say=said.append, first_pause=0.01)
    assert said == [f"127.0.0.1:{server.server_port}: answered 429 Too Many Requests; again in 1 s"]


def test_a_server_that_stays_broken_is_given_up(server: Server, tmp_path: Path) -> None:
    server.next[PATH] = [status(500)] * 50
    with pytest.raises(DownloadError, match=f"answered 500 .*{ATTEMPTS} attempts"):
        fetch(server, tmp_path)
    assert len(server.asked) == ATTEMPTS
    assert there(tmp_path) == []


def test_a_body_that_stays_truncated_never_becomes_a_file(server: Server, tmp_path: Path) -> None:
    server.next[PATH] = [cut(300_000), *[cut(0)] * 50]
    with pytest.raises(DownloadError, match="ended after 300,000 of 1,048,576 bytes"):
        fetch(server, tmp_path, sha256=None, size=None)
    assert there(tmp_path) == ["archive.zip.part"]


def test_a_wrong_hash_names_both_and_keeps_nothing(server: Server, tmp_path: Path) -> None:
    changed = CONTENT[:-1] + b"!"
    server.files[PATH] = changed
    with pytest.raises(PinMismatch) as raised:
        fetch(server, tmp_path)
    assert HASH in str(raised.value) and hashlib.sha256(changed).hexdigest() in str(raised.value)
    assert there(tmp_path) == []


@pytest.mark.parametrize("length", [len(CONTENT) - 7, len(CONTENT) + 7])
def test_a_file_of_another_size_is_refused_before_it_is_read(server: Server, tmp_path: Path, length: int) -> None:
    server.files[PATH] = b"x" * length
    with pytest.raises(PinMismatch, match=f"found {length:,} bytes; expected 1,048,576"):
        fetch(server, tmp_path)
    assert there(tmp_path) == []


def test_no_connection_says_so(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
        with pytest.raises(HostGone, match=r"no connection \(Connection refused\)"):
            download(url, tmp_path / "x", first_pause=0.001)
    assert there(tmp_path) == []


def test_a_full_disk_is_one_clear_line(server: Server, tmp_path: Path) -> None:
    (tmp_path / "archive.zip.part").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"archive\.zip\.part: cannot write: No space left on device$"):
        fetch(server, tmp_path)
    assert not (tmp_path / "archive.zip").exists()


def test_a_file_that_does_not_fit_is_refused_before_it_is_read(server: Server, tmp_path: Path) -> None:
    server.next[PATH] = [status(200, Content_Length=str(10**17))]
    with pytest.raises(UserError, match=r"100,000,000,000,000,000 bytes are needed for archive\.zip"):
        fetch(server, tmp_path, sha256=None, size=None)
    assert there(tmp_path) == []


def test_a_file_put_there_by_hand_is_checked_and_used(server: Server, tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(CONTENT)
    assert fetch(server, tmp_path) == HASH
    assert server.asked == []
    (tmp_path / "archive.zip").write_bytes(b"another")
    with pytest.raises(PinMismatch, match=f"found SHA-256 {hashlib.sha256(b'another').hexdigest()}.*{HASH}"):
        fetch(server, tmp_path)
    assert (tmp_path / "archive.zip").read_bytes() == b"another"

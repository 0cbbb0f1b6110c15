"""A file over HTTP, or a part of one: streamed, resumed after a cut connection, and there whole or not at all."""

import os
import shutil
import ssl
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from xstilts.errors import PinMismatch, UserError
from xstilts.files import sha256 as sha256_of

ATTEMPTS = 5  # in a row without a byte; a download that goes on is never given up
FIRST_PAUSE = 1.0  # seconds, doubled each time
LONGEST_PAUSE = 60.0
TIMEOUT = 30.0  # seconds without a byte
CHUNK = 1 << 20
REPORT_SECONDS = 10.0
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
REFUSALS = {
    401: "a login is needed",
    403: "access is refused",
    404: "it is not there (any more)",
    410: "it is not there any more",
}


class DownloadError(UserError):
    """A file cannot be had from its place upstream."""


class HostGone(DownloadError):
    """No connection to the host: its other files are not worth trying either."""


class _TryAgain(Exception):
    """A failure that may pass; ``wait`` is the pause in seconds that the server asked for."""

    def __init__(self, reason: str, wait: float = 0.0, no_host: bool = False, code: int = 0) -> None:
        super().__init__(reason)
        self.wait = wait
        self.no_host = no_host
        self.code = code  # of the answer


def download(
    url: str,
    target: Path,
    size: int | None = None,
    sha256: str | None = None,
    say: Callable[[str], None] = lambda line: None,
    first_pause: float = FIRST_PAUSE,
) -> str:
    """Fetch ``url`` to ``target``, which gets its name only when it is whole and its hash is right.

    What a cut connection left (``target.part``) is continued by a range request, also by a later call when a hash is
    pinned that tells whether the parts belong together. Refusals by load (429, 5xx) and broken connections are tried
    again with growing pauses, or after the pause that the server names. A target that is there already is checked
    and kept: so a file may be put there by hand.

    Args:
        url: http or https.
        target: the file to write; its folder is made.
        size: bytes that are expected, None when not known.
        sha256: the hash that is expected, None when not known.
        say: takes a line about every ten seconds, and for each new attempt.
        first_pause: seconds before the second attempt, doubled for each further one.

    Returns:
        The SHA-256 of the file.

    Raises:
        HostGone: no connection. DownloadError: a refusal. PinMismatch: a file of another size or hash. UserError: a
        full disk.
    """
    part = target.with_name(target.name + ".part")
    if target.is_file():
        found = sha256_of(target)
        if sha256 in (None, found):
            return found
        raise PinMismatch(f"{target}: found SHA-256 {found}; expected {sha256}, pinned for {url}; remove the file")
    target.parent.mkdir(parents=True, exist_ok=True)
    if sha256 is None:
        part.unlink(missing_ok=True)
    continued = part.exists()
    while True:
        _fetch(url, part, size, say, first_pause)
        found = sha256_of(part)
        if sha256 in (None, found):
            break
        part.unlink()
        if not continued:  # else what an earlier call left may be of another version: once more from the start
            raise PinMismatch(f"{url}: found SHA-256 {found}; expected {sha256}, which is pinned; nothing is kept")
        continued = False
    with open(part, "rb+") as handle:
        os.fsync(handle.fileno())
    part.replace(target)
    return found


def head(url: str) -> int | None:
    """Return the bytes that a file has by its header, None when the host does not say; nothing of it is read.

    Raises:
        HostGone: no connection. DownloadError: a refusal.
    """
    try:
        with _ask(url, {}) as response:
            length = response.headers.get("Content-Length", "")
    except _TryAgain as trouble:
        raise (HostGone if trouble.no_host else DownloadError)(f"{url}: {trouble}") from None
    return int(length) if length.isdigit() else None


def download_range(
    place: str,
    locate: Callable[[bool], str],
    begin: int,
    end: int,
    size: int,
    target: Path,
    say: Callable[[str], None] = lambda line: None,
    first_pause: float = FIRST_PAUSE,
) -> int:
    """Fetch the bytes from ``begin`` to ``end`` (not in it) of a file to ``target``, in the way of ``download``.

    Args:
        place: what the file is called in messages.
        locate: returns its address, with True one that was asked for just now: some are good for a while only.
        begin: the first byte.
        end: the byte after the last.
        size: bytes of the whole file, which each answer must name.
        target: the file to write, whole or not at all; what a cut connection left beside it is gone on with.
        say: takes a line for each new attempt.
        first_pause: seconds before the second attempt, doubled for each further one.

    Returns:
        The bytes that came.

    Raises:
        HostGone: no connection. DownloadError: a refusal, or a host that sends whole files only. PinMismatch: a file of
        another size. UserError: a full disk.
    """
    part = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    if _size(part) > end - begin:
        part.unlink()
    there, anew = _size(part), False

    def attempt() -> None:
        nonlocal anew
        known, anew = anew, True
        url, first = locate(known), begin + _size(part)
        try:
            response = _ask(url, {"Range": f"bytes={first}-{end - 1}"})
        except DownloadError as error:
            if known:
                raise
            raise _TryAgain(str(error)) from None
        with response:
            if response.status != 206:
                raise DownloadError(f"{place}: answered {response.status} with the whole file; expected a part of it")
            found = response.headers.get("Content-Range", "")
            if found.rpartition("/")[2] not in (str(size), "*"):
                raise PinMismatch(f"{place}: found {found.rpartition('/')[2]} bytes; expected {size}, the pinned size")
            if not found.startswith(f"bytes {first}-{end - 1}/"):
                raise _TryAgain("the server sent another range than was asked for")
            with open(part, "ab", buffering=0) as handle:
                while _size(part) < end - begin and (block := _read(response)):
                    _write(handle.write, block[: end - begin - _size(part)], part)
        if _size(part) < end - begin:
            raise _TryAgain(f"the connection ended after {_size(part):,} of {end - begin:,} bytes")

    if _size(part) < end - begin:
        _persist(attempt, place, part, say, first_pause)
    with open(part, "rb+") as handle:
        os.fsync(handle.fileno())
    part.replace(target)
    return end - begin - there


def _fetch(url: str, part: Path, size: int | None, say: Callable[[str], None], first_pause: float) -> None:
    """Fill ``part`` to the end, over as many connections as it takes."""
    validator = ""

    def attempt() -> None:
        nonlocal validator
        with _open(url, part, validator) as response:
            validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
            _copy(response, url, part, size, say)

    if size is None or _size(part) != size:
        _persist(attempt, url, part, say, first_pause)


def _persist(
    attempt: Callable[[], None], place: str, part: Path, say: Callable[[str], None], first_pause: float
) -> None:
    """Try until it succeeds; give up after some attempts in a row that brought no byte into ``part``."""
    failures = 0
    while True:
        before = _size(part)
        try:
            attempt()
            return
        except _TryAgain as trouble:
            failures = 0 if _size(part) > before else failures + 1
            if failures >= ATTEMPTS:
                raised = HostGone if trouble.no_host else DownloadError
                raise raised(f"{place}: {trouble} ({ATTEMPTS} attempts)") from None
            pause = trouble.wait or min(first_pause * 2 ** max(failures - 1, 0), LONGEST_PAUSE)
            say(f"{urlsplit(place).netloc or place}: {trouble}; again in {pause:.0f} s")
            time.sleep(pause)


def _open(url: str, part: Path, validator: str) -> HTTPResponse:
    """Ask for what is not in ``part`` yet."""
    offset, headers = _size(part), dict[str, str]()
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if validator and not validator.startswith("W/"):  # a changed file then comes whole
            headers["If-Range"] = validator
    try:
        return _ask(url, headers)
    except _TryAgain as trouble:
        if trouble.code == 416 and offset:  # there is nothing after what is here: it is not a part of that file
            part.unlink()
        raise


def _ask(url: str, headers: dict[str, str]) -> HTTPResponse:
    headers = {"User-Agent": "xstilts", "Accept-Encoding": "identity", **headers}
    try:
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code in TRY_AGAIN or (error.code == 416 and "Range" in headers):
            wait = error.headers.get("Retry-After", "")
            asked = min(float(wait), LONGEST_PAUSE) if wait.isdigit() else 0.0
            raise _TryAgain(f"answered {error.code} {error.reason}", asked, code=error.code) from None
        because = REFUSALS.get(error.code, error.reason)
        raise DownloadError(f"{url}: answered {error.code}: {because}") from None
    except URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise DownloadError(f"{url}: the certificate is not valid ({error.reason.verify_message})") from None
        raise _TryAgain(f"no connection ({_plain(error.reason)})", no_host=True) from None
    except (OSError, HTTPException) as error:
        raise _TryAgain(f"the connection broke ({_plain(error)})") from None
    return response


def _copy(response: HTTPResponse, url: str, part: Path, size: int | None, say: Callable[[str], None]) -> None:
    """Append the body to ``part``, or write it anew when the server sends the whole file; check that it is whole."""
    offset = _size(part)
    if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
        if response.status == 206:
            part.unlink()
            raise _TryAgain("the server sent another range than was asked for")
        offset = 0
    length = response.headers.get("Content-Length", "")
    total = offset + int(length) if length.isdigit() else None
    if size is not None and total not in (None, size):
        part.unlink(missing_ok=True)
        raise PinMismatch(f"{url}: found {total:,} bytes; expected {size:,}, the pinned size: the file has changed")
    needed = (size or total or 0) - offset
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise UserError(f"{part.parent}: {needed:,} bytes are needed for {part.stem} and {free:,} are free")
    done, reported = offset, time.monotonic()
    with open(part, "ab" if offset else "wb", buffering=0) as handle:
        while block := _read(response):
            _write(handle.write, block, part)
            done += len(block)
            if size is not None and done > size:
                break  # refused below, before it fills the disk
            if time.monotonic() - reported > REPORT_SECONDS:
                say(f"{part.stem}: {done / 1e6:,.0f} of {(size or total or done) / 1e6:,.0f} MB")
                reported = time.monotonic()
    if total is not None and done < total:
        raise _TryAgain(f"the connection ended after {done:,} of {total:,} bytes")
    if size is not None and done != size:  # no Content-Length, or one that did not hold
        part.unlink()
        raise PinMismatch(f"{url}: found {done:,} bytes; expected {size:,}, the pinned size: the file has changed")


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read1(CHUNK)
    except (OSError, HTTPException) as error:
        raise _TryAgain(f"the connection broke ({_plain(error)})") from None


def _write(write: Callable[[bytes], int | None], block: bytes, part: Path) -> None:
    try:
        view = memoryview(block)
        while view:
            view = view[write(view) :]  # type: ignore[arg-type]  # an unbuffered file may take less than all
    except OSError as error:
        raise UserError(f"{part}: cannot write: {error.strerror}") from None


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _plain(error: object) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

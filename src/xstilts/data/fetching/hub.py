"""Files of the Hugging Face Hub: pinned to a commit and a SHA-256 each, fetched whole or not at all."""

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from xstilts.data.fetching.download import FIRST_PAUSE, LONGEST_PAUSE, TRY_AGAIN, DownloadError, HostGone
from xstilts.data.fetching.lock import Pin, matches
from xstilts.errors import UserError
from xstilts.files import check_names, sha256

Kind = Literal["dataset", "model"]
ATTEMPTS = 3  # in a row; the Hub's client repeats some requests itself
SHA256_LENGTH = 64  # in hexadecimal; a small file's ETag is the shorter id that git gives it
Say = Callable[[str], None]
Result = TypeVar("Result")


def resolve(
    repository: str,
    kind: Kind,
    wanted: Sequence[str],
    revision: str | None = None,
    say: Say = lambda line: None,
    first_pause: float = FIRST_PAUSE,
    optional: Iterable[str] = (),
    sized: Iterable[str] = (),
) -> Pin:
    """Return the pin of what a repository holds now: its commit, and the SHA-256 of each file that is wanted.

    The hash of a large file is in the Hub's metadata; a small one is fetched and hashed.

    Args:
        repository: such as ``facebook/xnli``.
        kind: what the repository is.
        wanted: patterns of paths in it (see ``lock.matches``), of which each must have a file.
        revision: branch, tag, ``refs/...`` or commit; None: the main branch.
        say: takes a line for each new attempt.
        first_pause: seconds before the second attempt, doubled for each further one.
        optional: patterns that need not have a file.
        sized: patterns of which the bytes of all their files are pinned together, without reading them.

    Raises:
        DownloadError: the repository cannot be read, or has no file of one pattern. HostGone: no connection.
    """
    from huggingface_hub import HfApi

    def ask() -> Any:
        return HfApi().repo_info(repository, repo_type=kind, revision=revision, files_metadata=True)

    try:
        info = _patiently(ask, repository, say, first_pause)
    except DownloadError as error:
        # `checkpoints/mine` that is not there, or is misspelt, can only be meant for a repository.
        raise (type(error)(f"{error}; no folder of that name is here") if kind == "model" else error) from None
    commit, files = str(info.sha), {}
    with tempfile.TemporaryDirectory() as folder:
        required = list(wanted)
        for pattern in (*required, *optional):
            found = [entry for entry in info.siblings if matches(entry.rfilename, pattern)]
            if not found and pattern in required:
                raise DownloadError(f"{repository}: has no file {pattern} at commit {commit}")
            check_names(f"{repository} on the Hub", [entry.rfilename for entry in found])
            for entry in found:
                if entry.lfs is None:
                    path = _fetch(repository, kind, commit, entry.rfilename, Path(folder), say, first_pause)
                files[entry.rfilename] = sha256(path) if entry.lfs is None else entry.lfs.sha256
    sizes = {one: sum(entry.size or 0 for entry in info.siblings if matches(entry.rfilename, one)) for one in sized}
    return Pin(repository, commit, dict(sorted(files.items())), dict(sorted(sizes.items())))


def fetch(
    pin: Pin,
    kind: Kind,
    names: Iterable[str],
    folder: Path,
    say: Say = lambda line: None,
    first_pause: float = FIRST_PAUSE,
) -> list[Path]:
    """Fetch files of a pinned repository to ``folder``, each under its path in the repository, and check their hashes.

    A file that is there whole is not fetched again; what a cut connection left of one is continued.

    Returns:
        The files' paths, in the order of ``names``.

    Raises:
        PinMismatch: a file of another hash; it is removed. DownloadError: it cannot be read. HostGone: no connection.
        UserError: a full disk.
    """
    paths = []
    for name in names:
        path = _fetch(pin.repository, kind, pin.commit, name, folder, say, first_pause)
        try:
            pin.check(name, path)
        except UserError:
            path.unlink()
            raise
        paths.append(path)
    return paths


@dataclass(frozen=True)
class Header:
    """What the Hub says of a file by its header: where it lies now, its SHA-256 (large files only), its bytes."""

    url: str
    sha256: str | None
    size: int | None


def head(pin: Pin, kind: Kind, name: str, say: Say = lambda line: None, first_pause: float = FIRST_PAUSE) -> Header:
    """Ask for the header of a pinned file.

    Raises:
        DownloadError: it cannot be read. HostGone: no connection.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    def ask() -> Any:
        url = hf_hub_url(pin.repository, name, repo_type=kind, revision=pin.commit)
        return get_hf_file_metadata(url)

    found = _patiently(ask, f"{pin.repository}/{name}", say, first_pause)
    digest = found.etag if found.etag and len(found.etag) == SHA256_LENGTH else None
    return Header(found.location, digest, found.size)


def _fetch(repository: str, kind: Kind, commit: str, name: str, folder: Path, say: Say, first_pause: float) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()

    def download() -> Path:
        return Path(hf_hub_download(repository, name, repo_type=kind, revision=commit, local_dir=folder))

    return _patiently(download, f"{repository}/{name}", say, first_pause)


def _patiently(call: Callable[[], Result], place: str, say: Say, first_pause: float) -> Result:
    """Call until it succeeds, with growing pauses after a failure that may pass."""
    for attempt in range(ATTEMPTS):
        try:
            return call()
        except Exception as error:
            trouble = _judge(error, place)
        if attempt < ATTEMPTS - 1:
            pause = trouble.wait or min(first_pause * 2**attempt, LONGEST_PAUSE)
            say(f"{place}: {trouble.reason}; again in {pause:.0f} s")
            time.sleep(pause)
    raised = HostGone if trouble.no_host else DownloadError
    raise raised(f"{place}: {trouble.reason} ({ATTEMPTS} attempts)")


@dataclass(frozen=True)
class _Trouble:
    """A failure that may pass."""

    reason: str
    wait: float = 0.0  # seconds that the server asked for
    no_host: bool = False


def _judge(error: Exception, place: str) -> _Trouble:
    """Return what may pass, and raise what an error of the Hub's client means for a user otherwise."""
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # the outer one says that the file is not cached either
    if isinstance(error, errors.OfflineModeIsEnabled):
        raise HostGone(f"{place}: not tried, as HF_HUB_OFFLINE is set") from None
    if isinstance(error, errors.GatedRepoError):
        because = "its terms must be accepted on the Hub, by the account whose token is in HF_TOKEN"
        raise DownloadError(f"{place}: access is refused: {because}") from None
    if isinstance(error, errors.RevisionNotFoundError):
        raise DownloadError(f"{place}: the Hub has no such revision (any more)") from None
    if isinstance(error, errors.RemoteEntryNotFoundError):
        raise DownloadError(f"{place}: the Hub has no such file at that revision") from None
    if isinstance(error, errors.RepositoryNotFoundError):
        because = "if it is private, set HF_TOKEN to the token of an account that may read it"
        raise DownloadError(f"{place}: the Hub has no such repository; {because}") from None
    if isinstance(error, errors.HfHubHTTPError):
        code, wait = error.response.status_code, error.response.headers.get("Retry-After", "")
        if code in TRY_AGAIN:
            return _Trouble(f"answered {code}", min(float(wait), LONGEST_PAUSE) if wait.isdigit() else 0.0)
        because = "; set HF_TOKEN to the token of an account that may read it" if code in (401, 403) else ""
        raise DownloadError(f"{place}: answered {code}{because}") from None
    if isinstance(error, _connection_errors()):
        reason = f"no connection ({str(error) or type(error).__name__})"
        return _Trouble(reason, no_host="Connect" in type(error).__name__)
    if isinstance(error, OSError) and "Consistency check failed" in str(error):
        return _Trouble("the connection ended before the file did")
    if isinstance(error, OSError) and error.errno is not None:
        raise UserError(f"{place}: cannot write: {error.strerror}") from None
    if isinstance(error, errors.FileMetadataError | errors.HFValidationError):
        raise DownloadError(f"{place}: {str(error).splitlines()[0]}") from None
    raise error


def _connection_errors() -> type[Exception]:
    """The base of the errors of the HTTP library that the Hub's client uses, whichever that is."""
    from huggingface_hub import errors

    base: type[Exception] = errors.HfHubHTTPError.__mro__[1]
    return base

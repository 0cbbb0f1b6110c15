"""A file of the Hub that is read in parts: each by one range request, and kept until all that is wanted is there."""

import io
import shutil
from pathlib import Path

from xstilts.data.fetching import hub
from xstilts.data.fetching.download import FIRST_PAUSE, download_range
from xstilts.data.fetching.hub import Say
from xstilts.data.fetching.lock import LOCK, Pin
from xstilts.errors import PinMismatch


class RangedFile(io.RawIOBase):
    """A pinned file as a file object: what is read comes by range requests, and lies in a folder from then on.

    Before the first part the Hub is asked for the file's header: its size must be the pinned one, and its SHA-256 where
    the Hub names it. The content itself is not hashed, as nobody reads the whole of it.

    Args:
        pin: the repository's pin.
        name: the file in it.
        size: its bytes, as pinned.
        store: the folder of its parts: a part that is there is not fetched again, and one that was cut is gone on with.
        say: takes a line for each new attempt.
        first_pause: seconds before the second attempt, doubled for each further one.
    """

    def __init__(self, pin: Pin, name: str, size: int, store: Path, say: Say, first_pause: float = FIRST_PAUSE) -> None:
        super().__init__()
        self.pin, self.name, self.bytes, self.store = pin, name, size, store / pin.files[name]
        self.say, self.first_pause = say, first_pause
        self.at = 0
        self.parts: dict[tuple[int, int], int] = {}  # {(begin, end): bytes of it that came now}
        self.url: str | None = None

    def readable(self) -> bool:
        """A file to read."""
        return True

    def seekable(self) -> bool:
        """At any place."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte to read."""
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place; return it."""
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.bytes}[whence]
        return self.at

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, fetched as one part."""
        begin, end = self.at, self.bytes if size < 0 else min(self.at + size, self.bytes)
        if end <= begin:
            return b""
        first, last = next((one for one in self.parts if one[0] <= begin and end <= one[1]), (begin, end))
        path = self.store / f"{first}-{last}"
        if not path.is_file():
            place = f"{self.pin.repository}/{self.name}"
            came = download_range(place, self._locate, begin, end, self.bytes, path, self.say, self.first_pause)
            self.parts[begin, end] = came
        self.parts.setdefault((first, last), 0)
        self.at = end
        with open(path, "rb") as part:
            part.seek(begin - first)
            return part.read(end - begin)

    @property
    def came(self) -> int:
        """The bytes that came over the network for this object."""
        return sum(self.parts.values())

    @property
    def used(self) -> int:
        """The bytes of all parts that were read, whenever they came."""
        return sum(end - begin for begin, end in self.parts)

    def forget(self) -> None:
        """Remove the parts."""
        shutil.rmtree(self.store, ignore_errors=True)

    def _locate(self, anew: bool) -> str:
        if self.url is None or anew:
            found = hub.head(self.pin, "dataset", self.name, self.say, self.first_pause)
            for what, there, expected in (
                ("SHA-256 ", found.sha256, self.pin.files[self.name]),
                ("bytes: ", found.size, self.bytes),
            ):
                if there not in (None, expected):
                    raise PinMismatch(
                        f"{self.pin.repository}/{self.name} at commit {self.pin.commit}: found {what}{there}; "
                        f"expected {expected}, which is pinned in {LOCK}; nothing of it is used"
                    )
            self.url = found.url
        return self.url

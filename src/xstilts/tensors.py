"""Named tensors in a file: safetensors, whole or not at all."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.errors import DataError
from xstilts.files import check_there, replacing

if TYPE_CHECKING:
    from torch import Tensor

LONGEST_HEADER = 100 * 10**6  # bytes, the format's own limit
SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield the place where safetensors writes what becomes ``path``.

    Raises:
        OSError: the disk is full, read-only or the like; it names ``path``.
    """
    from safetensors import SafetensorError

    with replacing(path) as beside:
        try:
            yield beside
        except SafetensorError as error:  # it hides the system's error in its text
            number = SYSTEM_ERROR.search(str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from None


def save_tensors(tensors: Mapping[str, "Tensor"], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write tensors by name, from any device; OSError as from ``writing``."""
    from safetensors.torch import save_file

    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with writing(path) as beside:
        save_file(whole, beside, metadata)


def read_header(path: Path) -> dict[str, dict[str, Any]]:
    """Return what a safetensors file says of its tensors: {name: {dtype, shape, data_offsets}}.

    Raises:
        DataError: a broken link, a pointer of Git LFS, another format, or fewer bytes than the header speaks of.
    """
    check_there(path)
    wanted = "safetensors weights: 8 bytes of length, a JSON header, then the tensors"
    with open(path, "rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > LONGEST_HEADER:
            raise DataError(path, "no safetensors header", wanted)
        if length > size - 8:
            raise DataError(path, f"{size} bytes of a header of {length}", "a file that was fetched whole")
        try:
            header = json.loads(handle.read(length))
            header.pop("__metadata__", None)
            end = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
        except (ValueError, AttributeError, KeyError, TypeError, IndexError):
            raise DataError(path, "no safetensors header", wanted) from None
    if size != end:
        raise DataError(path, f"{size} bytes", f"{end} by its header: a file that was fetched whole")
    return dict(header)

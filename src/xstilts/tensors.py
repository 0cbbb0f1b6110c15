"""Named tensors in a file: safetensors, whole or not at all."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from xstilts.files import replacing

if TYPE_CHECKING:
    from torch import Tensor

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

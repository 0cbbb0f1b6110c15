"""Features in a file: written once, mapped into the memory of every job that uses them, never read as a whole.

The format is safetensors: a header of JSON, then the arrays one behind the other. No code runs when it is opened.
"""

import json
import math
import mmap
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.errors import DataError
from xstilts.families.features import Array, Features
from xstilts.tensors import writing

DTYPES = {"BOOL": np.bool_, "I8": np.int8, "I32": np.int32, "I64": np.int64}


def save_features(features: Features, path: Path) -> None:
    """Write features: equal ones give equal bytes.

    Raises:
        OSError: the disk is full, read-only or the like; it names ``path``.
    """
    from safetensors.numpy import save_file

    arrays = {"input_ids": features.input_ids, "offsets": features.offsets, "example": features.example}
    arrays |= {f"targets.{name}": values for name, values in features.targets.items()}
    arrays |= {f"context.{name}": values for name, values in features.context.items()}
    with writing(path) as beside:
        save_file({name: np.ascontiguousarray(values) for name, values in arrays.items()}, beside)


def open_features(path: Path) -> Features:
    """Map what ``save_features`` wrote: read-only arrays, of which only what is used comes into memory.

    Raises:
        DataError: the file is cut off or something else.
    """
    with open(path, "rb") as handle:
        size = path.stat().st_size
        begin = 8 + int.from_bytes(handle.read(8), "little")
        if not 8 < begin <= size:
            raise DataError(path, f"{size} bytes", "stored features")
        try:
            header = json.loads(handle.read(begin - 8))
        except ValueError as error:
            raise DataError(path, f"a damaged header ({error})", "stored features") from None
        mapped = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
    end = begin + max(entry["data_offsets"][1] for entry in header.values())
    if end != size:
        raise DataError(path, f"{size} bytes", f"{end}, as its header says")
    arrays = {name: _mapped(mapped, begin, entry) for name, entry in header.items()}
    return Features(
        arrays["input_ids"],
        arrays["offsets"],
        arrays["example"],
        targets=_group(arrays, "targets"),
        context=_group(arrays, "context"),
    )


def _group(arrays: dict[str, Array], group: str) -> dict[str, Array]:
    return {name.partition(".")[2]: values for name, values in sorted(arrays.items()) if name.startswith(f"{group}.")}


def _mapped(mapped: mmap.mmap, begin: int, entry: dict[str, Any]) -> Array:
    kind, shape = DTYPES[entry["dtype"]], entry["shape"]
    if not math.prod(shape):
        return np.zeros(shape, kind)
    return np.frombuffer(mapped, kind, math.prod(shape), begin + entry["data_offsets"][0]).reshape(shape)

"""How single values are read: as what a user means, where YAML or a command line says something else."""

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field


def read_number(value: Any) -> Any:
    """Read ``3e-5`` as the number it is: YAML 1.1 takes it for a string. ``yes`` and ``.inf`` are refused."""
    if isinstance(value, bool):
        raise ValueError("input should be a number")
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("input should be a finite number")
    return value


def read_list(value: Any) -> Any:
    """Read ``a,b`` or ``a b`` or a single number as a list, so that one line of a command picks a part."""
    if isinstance(value, int):
        return [value]
    if isinstance(value, str) and value != "all":
        return [part for part in re.split(r"[,\s]+", value) if part]
    return value


def read_name(value: Any) -> Any:
    """Read a number as a name, also among the keys of a map: YAML takes the folder ``1000`` for one."""
    if isinstance(value, dict):
        return {read_name(key): entry for key, entry in value.items()}
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def read_names(value: Any) -> Any:
    """Read a list of names; see ``read_list``."""
    found = read_list(value)
    return [read_name(one) for one in found] if isinstance(found, list) else found


Positive = Annotated[float, Field(gt=0), BeforeValidator(read_number)]
Count = Annotated[int, Field(gt=0), BeforeValidator(read_number)]
Names = Annotated[list[str], BeforeValidator(read_names)]

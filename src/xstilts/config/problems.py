"""What is wrong with something that a user wrote, a line each: the key, what was found and what was expected."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

MAPS = ("model_type", "dict_type")
BRANCH = re.compile(r".*[\[(].*")  # by which pydantic tells the types apart that a key may have: no key
SHOULD = "input should be "


def lines_of(error: ValidationError, model: type[BaseModel], skip: int = 0) -> Iterator[str]:
    """Yield a line for each key that has a problem.

    Args:
        error: of the validation.
        model: what was validated, for the names of its keys.
        skip: names before its keys in each place.
    """
    said: dict[str, str] = {}
    for problem in error.errors():
        key, other_type = _key(problem)
        if other_type and isinstance(problem["input"], dict) and problem["type"] != "list_type":
            continue  # a text or a map was possible, and what is wrong inside the map is said by itself
        message = _message(problem, model, skip)
        also = message.rpartition("; ")[2].removeprefix(SHOULD)
        said[key] = f"{said[key]}, or {also}" if key in said and other_type else message
    for key, message in said.items():
        yield f"{key}: {message}" if key else message


def _key(problem: Any) -> tuple[str, bool]:
    """Return the key that a problem has, and whether it may have values of several types."""
    place = list(map(str, problem["loc"]))
    if problem["type"] == "string_type" and place[-1:] == ["str"]:
        place[-1] = "str()"  # as the other types that it may have
    own = [part for part in place if not BRANCH.fullmatch(part)]
    return ".".join(own), len(own) < len(place) and bool(BRANCH.fullmatch(place[-1]))


def _message(problem: Any, model: type[BaseModel], skip: int) -> str:
    kind, found = problem["type"], problem["input"]
    message: str = problem["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"unknown key{_nearest(problem['loc'][skip:], model)}"
    if kind == "missing":
        return "is missing"
    if kind == "string_type" and isinstance(found, int | float):  # bool too
        return f"found {found!r}, as YAML reads it; expected text: put it in quotes, or rename it"
    if kind in MAPS:
        message = f"{SHOULD}keys with values"
    if problem["loc"] and not (kind == "value_error" and isinstance(found, dict)):  # which says what it found
        shown = "keys with values" if isinstance(found, dict) else repr(found)
        return f"found {shown}; {message[0].lower()}{message[1:]}"
    return message


def _nearest(place: tuple[Any, ...], top: type[BaseModel]) -> str:
    """Suggest the known key that a misspelt one was probably meant to be."""
    import difflib

    model: Any = top
    for part in place[:-1]:
        fields = getattr(model, "model_fields", {})
        if part in fields:
            model = fields[part].annotation
            for argument in getattr(model, "__args__", ()):
                if isinstance(argument, type) and issubclass(argument, BaseModel):
                    model = argument
    close = difflib.get_close_matches(str(place[-1]), list(getattr(model, "model_fields", {})), 1)
    return f"; did you mean {close[0]!r}?" if close else ""

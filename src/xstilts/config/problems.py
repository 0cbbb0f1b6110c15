"""What is wrong with something that a user wrote, a line each: the key, what was found and what was expected."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError


def lines_of(error: ValidationError, model: type[BaseModel], skip: int = 0) -> Iterator[str]:
    """Yield a line for each problem.

    Args:
        error: of the validation.
        model: what was validated, for the names of its keys.
        skip: names before its keys in each place.
    """
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"unknown key{_nearest(problem['loc'][skip:], model)}"
        elif problem["type"] == "missing":
            message = "is missing"
        elif problem["type"] == "string_type" and isinstance(problem["input"], int | float):  # bool too
            message = f"found {problem['input']!r}, as YAML reads it; expected text: put it in quotes, or rename it"
        elif problem["loc"] and not isinstance(problem["input"], dict):
            message = f"found {problem['input']!r}; {message[0].lower()}{message[1:]}"
        yield f"{key}: {message}" if key else message


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

"""What is featurised and stored as one: a training set, or one language of a task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One entry of the store: exactly the settings that its bytes depend on, and the data sets by their roles."""

    name: str
    settings: dict[str, Any]
    data: tuple[str, ...]
    words: Callable[[dict[str, Any]], str]  # says what the results are

"""The rooms of the library stand in an order, none imports one above it, and CONTRIBUTING.md shows them as they are."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "src/xstilts"

# From what a person asks down to what every job stands on. A new room takes the place where its imports point down.
ROOMS = (
    "cli",
    "commands",
    "doctor",
    "planning",
    "studies",
    "costs",
    "graph",
    "reporting",
    "config",
    "xtreme",
    "uncertainty",
    "training",
    "serving",
    "prediction",
    "featurising",
    "translation",
    "modeling",
    "scoring",
    "world",
    "data",
    "tasks",
    "families",
    "script",
    "drop",
    "artifacts",
    "leases",
    "tensors",
    "console",
    "own_code",
    "energy",
    "files",
    "locks",
    "errors",
)


def room_of(path: Path) -> str:
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, room) of each import of the library in a file, inside functions too."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = [one.name for one in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names]
        yield from ((node.lineno, name.split(".")[1]) for name in names if name.startswith(f"{LIBRARY.name}."))


def test_every_room_has_its_place() -> None:
    there = {room_of(path) for path in LIBRARY.rglob("*.py")} - {"__init__"}
    assert there == set(ROOMS), "rooms without a place, or places without a room"


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_one_above_it(room: str) -> None:
    order = {name: place for place, name in enumerate(ROOMS)}
    upwards = [
        f"{path.relative_to(LIBRARY)}:{line} imports {other}"
        for path in LIBRARY.rglob("*.py")
        if room_of(path) == room
        for line, other in imported(path)
        if order.get(other, len(ROOMS)) < order[room]  # a room without a place is the other test's matter
    ]
    assert not upwards


def test_contributing_names_every_room_and_only_what_is_there() -> None:
    named = re.findall(r"`([^`\n]+)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert set(ROOMS) <= set(named), "rooms that it does not show"
    places = [name for name in named if re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?(:\w+)?", name) and "NAME" not in name]
    for path, _, function in (name.partition(":") for name in places):
        file = next((folder / path for folder in (ROOT, LIBRARY) if (folder / path).exists()), None)
        assert file or Path(path).suffix in (".tsv", ".json"), f"{path} is not there"
        assert not function or re.search(rf"^def {function}\(", file.read_text(encoding="utf-8"), re.M), (
            path,
            function,
        )

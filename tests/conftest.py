from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fix", action="store_true", help="rewrite generated files that are out of step")


@pytest.fixture
def in_step(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Assert that a generated file holds this text; with --fix, write it."""

    def check(path: Path, text: str) -> None:
        if request.config.getoption("--fix"):
            path.write_text(text, encoding="utf-8")
        found = path.read_text(encoding="utf-8") if path.is_file() else None
        assert found == text, f"{path} is out of step: rewrite it with `pytest --fix {request.node.path}`"

    return check


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let several processes begin with the files that take long, so that none is alone with one at the end."""
    if hasattr(config, "workerinput"):
        long = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in long)

"""YAML that a user writes: a key that stands twice is a mistake, of which YAML itself keeps the last one."""

from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode

MERGE = "tag:yaml.org,2002:merge"  # `<<: *NAME`, beside which a key may stand again


class _OnceEach(yaml.CSafeLoader):
    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            name = None if key.tag == MERGE else key.value if isinstance(key.value, str) else None
            if name is not None and (key.tag, name) in seen:
                raise ConstructorError(None, None, f"found the key {name!r} twice", key.start_mark)
            seen.add((key.tag, name))
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """Read a file.

    Raises:
        yaml.YAMLError: it is no YAML, or a key stands twice in one map. OSError: it cannot be read.
    """
    with path.open("rb") as file:  # which names it in errors
        return yaml.load(file, _OnceEach)

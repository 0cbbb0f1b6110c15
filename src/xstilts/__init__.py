"""English intermediate-task training for zero-shot cross-lingual transfer, as a workflow.

In Python, `xstilts.score` and `xstilts.compare` give tables of predictions. They are imported when they are first asked
for: `import xstilts` alone imports nothing. What they are to a type checker stands in `__init__.pyi`.
"""

from importlib import import_module
from typing import Any

__all__ = ["compare", "score"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("xstilts.xtreme.frames"), name)
    raise AttributeError(f"module 'xstilts' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

"""A digest of the code that a job runs: changed code reruns exactly the jobs that run it.

The digest covers the entry script, the first-party modules that it imports (followed transitively) and the modules
that it opens by name, which the caller lists. Comments, formatting and docstrings do not count.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).resolve().parent
PACKAGE = LIBRARY.name


@cache
def code_digest(entry: Path, opened_by_name: tuple[str, ...] = ()) -> str:
    """Return the SHA-256 of the code behind ``entry``.

    Args:
        entry: a script.
        opened_by_name: dotted first-party modules that it imports by a string, such as its family's.
    """
    return _combined(_imported(entry.resolve()) | frozenset().union(*map(_reach, opened_by_name)), entry.resolve())


def modules_behind(entry: Path, opened_by_name: tuple[str, ...] = ()) -> list[str]:
    """Return the names of the first-party modules that ``code_digest`` covers, for tests and for people."""
    return sorted(_imported(entry.resolve()) | frozenset().union(*map(_reach, opened_by_name)))


def _combined(modules: frozenset[str], entry: Path) -> str:
    whole = hashlib.sha256(_syntax(entry).encode())
    for module in sorted(modules):
        whole.update(f"\n{module}\n{_syntax(_file(module))}".encode())
    return whole.hexdigest()


@cache
def _reach(module: str) -> frozenset[str]:
    """All first-party modules that importing ``module`` runs: itself, its packages, and what they import."""
    reached: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        waiting.extend(_imported(_file(name)))
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return frozenset(reached)


@cache
def _imported(path: Path) -> frozenset[str]:
    """First-party modules that one file imports, and all that they reach."""
    named: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            named.add(node.module)
            named.update(f"{node.module}.{alias.name}" for alias in node.names)
    direct = {name for name in named if name.partition(".")[0] == PACKAGE and _file(name).is_file()}
    if path.is_relative_to(LIBRARY):
        return frozenset(direct)
    return frozenset().union(*map(_reach, direct)) if direct else frozenset()


def _file(module: str) -> Path:
    path = LIBRARY.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


@cache
def _syntax(path: Path) -> str:
    tree = _tree(path)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)

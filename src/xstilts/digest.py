"""A digest of the code that a job runs: changed code reruns exactly the jobs that run it.

The digest covers the entry script, the first-party modules that it imports (followed transitively) and the modules
that it opens by name, which the caller lists. Comments, formatting and docstrings do not count, nor does the machinery
that every job runs in: it decides when, where and by whom something is made, never what.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).resolve().parent
PACKAGE = LIBRARY.name
MACHINERY = frozenset(
    f"{PACKAGE}.{name}"
    for name in ("artifacts", "data.download", "data.hub", "data.lock", "errors", "leases", "script")
)

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def code_digest(entry: Path, opened_by_name: tuple[str, ...] = ()) -> str:
    """Return the SHA-256 of the code behind ``entry``.

    Args:
        entry: a script.
        opened_by_name: dotted first-party modules that it imports by a string, such as its family's.
    """
    whole = hashlib.sha256(_syntax(entry.resolve()).encode())
    for module in modules_behind(entry, opened_by_name):
        whole.update(f"\n{module}\n{_syntax(_file(module))}".encode())
    return whole.hexdigest()


def module_digests(entry: Path, opened_by_name: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the SHA-256 of the script and of each module that ``code_digest`` covers: to say which of them changed."""
    files = {entry.name: entry.resolve()} | {name: _file(name) for name in modules_behind(entry, opened_by_name)}
    return {name: hashlib.sha256(_syntax(path).encode()).hexdigest() for name, path in files.items()}


def modules_behind(entry: Path, opened_by_name: tuple[str, ...] = ()) -> list[str]:
    """Return the names of the first-party modules that ``code_digest`` covers, for tests and for people."""
    return sorted(frozenset().union(*map(_reach, {*_imported(entry.resolve()), *opened_by_name})) - MACHINERY)


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


def _imported(path: Path) -> frozenset[str]:
    return _read(path)[0]


def _syntax(path: Path) -> str:
    return _read(path)[1]


@cache
def _read(path: Path) -> tuple[frozenset[str], str]:
    """Return the first-party modules that a file imports, anywhere in it, and its code without docstrings."""
    named: set[str] = set()
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}:{node.lineno}: a relative import, which the digest does not follow")
            named.add(str(node.module))
            named.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, DOCUMENTED) and _is_text(node.body[:1]):
            node.body = node.body[1:] or [ast.Pass()]
    imported = {name for name in named if name.partition(".")[0] == PACKAGE and _file(name).is_file()}
    return frozenset(imported), _text(tree)


def _is_text(body: list[ast.stmt]) -> bool:
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _file(module: str) -> Path:
    path = LIBRARY.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _text(node: Any) -> str:
    """Return what ``ast.dump`` gives without empty fields: those differ between versions of Python."""
    if isinstance(node, list):
        return f"[{','.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, getattr(node, name, None)) for name in node._fields)
    return f"{type(node).__name__}({','.join(f'{k}={_text(v)}' for k, v in fields if v is not None and v != [])})"

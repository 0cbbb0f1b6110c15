"""A digest of the code that a job runs: changed code reruns exactly the jobs that run it, a moved file reruns nothing.

The digest covers the entry script, the first-party modules that it imports (followed transitively) and the modules
that it opens by name, which the caller lists. A module counts by its content, and what it imports by the content of
what the import names: where a file lies and what it is called do not count. Comments, formatting, docstrings and the
order of imports do not count either, nor does the machinery that every job runs in: it decides when, where and by whom
something is made, never what.
"""

import ast
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).resolve().parents[1]  # the package folder
PACKAGE = LIBRARY.name
MACHINERY = frozenset({PACKAGE}) | frozenset(  # the package itself: what a person calls from Python
    f"{PACKAGE}.{name}"
    for name in (
        "artifacts",
        "console",
        "data.fetching.download",
        "data.fetching.hub",
        "data.fetching.lock",
        "energy",
        "errors",
        "leases",
        "locks",
        "own_code",
        "script",
    )
)

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = ("body", "orelse", "finalbody")
MODULE = re.compile(r"\w+(\.\w+)*\.\w*")  # or the first part of one
OPENED = ast.Name("@")  # in the place of a module's name in a string: who opens a module lists it


@dataclass(frozen=True)
class Import:
    """One imported name: ``words`` is what stays when the module moves, ``module`` None when it is not ours."""

    words: str
    module: str | None


@dataclass(frozen=True)
class Code:
    """What a file says, and apart from it which of our modules it means."""

    text: str
    imports: tuple[tuple[Import, ...], ...]  # one tuple for each run of import statements
    used: tuple[str, ...]  # the modules that the text calls @0, @1, ...

    @property
    def modules(self) -> frozenset[str]:
        """The modules that it imports."""
        return frozenset(one.module for run in self.imports for one in run if one.module)


@cache
def code_digest(entry: Path, opened_by_name: tuple[str, ...] = ()) -> str:
    """Return the SHA-256 of the code behind ``entry``.

    Args:
        entry: a script.
        opened_by_name: dotted first-party modules that it imports by a string, such as its family's; in an order that
            says what each is for, since the string itself does not count.

    Raises:
        ValueError: modules import each other, or one is imported relatively.
    """
    script, reached = _read(entry.resolve()), _reach_of(entry, opened_by_name)
    try:
        TopologicalSorter({name: _read(_file(name)).modules for name in reached}).prepare()
    except CycleError as error:
        raise ValueError(f"modules that import each other: {' <- '.join(error.args[1])}") from None
    packages = {_content(name) for name in reached - MACHINERY if _is_package(name) and _read(_file(name)).text}
    return _hash([_followed(script), *map(_content, opened_by_name), "", *sorted(packages)])


def module_digests(entry: Path, opened_by_name: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the SHA-256 of the script and of each module that ``code_digest`` covers: to say which of them changed.

    What a module imports counts by its names only, so that a change shows in the module where it is.
    """
    files = {entry.name: entry.resolve()} | {name: _file(name) for name in modules_behind(entry, opened_by_name)}
    return {name: _hash(_words(_read(path), lambda _: "")) for name, path in files.items()}


def modules_behind(entry: Path, opened_by_name: tuple[str, ...] = ()) -> list[str]:
    """Return the names of the first-party modules that ``code_digest`` covers, for tests and for people."""
    return sorted(_reach_of(entry, opened_by_name) - MACHINERY)


def _reach_of(entry: Path, opened_by_name: tuple[str, ...]) -> frozenset[str]:
    return frozenset().union(*map(_reach, {*_read(entry.resolve()).modules, *opened_by_name}))


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
        waiting.extend(_read(_file(name)).modules)
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return frozenset(reached)


@cache
def _content(module: str) -> str:
    """The SHA-256 of what a module says and of what it imports; of machinery only of what it imports."""
    code = _read(_file(module))
    return _hash(sorted(map(_content, code.modules))) if module in MACHINERY else _followed(code)


def _followed(code: Code) -> str:
    return _hash(_words(code, _content))


def _words(code: Code, content: Callable[[str], str]) -> Iterator[str]:
    """Yield all that counts of a file, ``content`` in the place of each module that it means."""
    yield code.text
    for run in code.imports:
        yield "imports"
        yield from sorted(f"{one.words} {content(one.module) if one.module else ''}" for one in run)
    yield "modules"
    yield from map(content, code.used)


def _hash(words: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


@cache
def _read(path: Path) -> Code:
    """Return the code of a file without docstrings, with its imports apart."""
    tree = ast.parse(path.read_bytes())
    runs: list[list[_Bound]] = []
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and _is_text(node.body[:1]):
            node.body = node.body[1:] or [ast.Pass()]
        for block in BLOCKS:
            if isinstance(statements := getattr(node, block, None), list):
                setattr(node, block, _without_imports(statements, path, runs))
    renamed = _numbered(tree, [one for run in runs for one in run])
    imports = tuple(
        tuple(Import(one.words if one.name in renamed else f"{one.words} as {one.name}", one.module) for one in run)
        for run in runs
    )
    empty = all(isinstance(statement, ast.Pass) for statement in tree.body)
    return Code("" if empty else _text(tree), imports, tuple(renamed.values()))


@dataclass(frozen=True)
class _Bound:
    """A name that an import binds; ``whole`` says that it stands for the module itself."""

    name: str
    words: str
    module: str | None
    whole: bool


def _without_imports(statements: list[ast.stmt], path: Path, runs: list[list[_Bound]]) -> list[ast.stmt]:
    """Return statements with an empty import in the place of each run of imports, which ``runs`` receives."""
    left: list[ast.stmt] = []
    for statement in statements:
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            left.append(statement)
            continue
        if not (left and isinstance(left[-1], ast.Import)):
            left.append(ast.Import([]))
            runs.append([])
        runs[-1].extend(_bound(statement, path))
    return left


def _bound(statement: ast.Import | ast.ImportFrom, path: Path) -> Iterator[_Bound]:
    """Yield the names that an import binds."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            ours = alias.name if _is_ours(alias.name) else None
            words = "" if ours and alias.asname else alias.name
            name = alias.asname or alias.name.partition(".")[0]
            yield _Bound(name, words, ours, whole=bool(ours and alias.asname))
        return
    if statement.level:
        raise ValueError(f"{path}:{statement.lineno}: a relative import, which the digest does not follow")
    origin = str(statement.module)
    for alias in statement.names:
        name = alias.asname or alias.name
        if _is_ours(f"{origin}.{alias.name}"):
            yield _Bound(name, "", f"{origin}.{alias.name}", whole=True)
        elif _is_ours(origin):
            yield _Bound(name, alias.name, origin, whole=False)
        else:
            yield _Bound(name, f"{origin} {alias.name}", None, whole=False)


def _numbered(tree: ast.AST, bound: list[_Bound]) -> dict[str, str]:
    """Call each imported module @0, @1, ... where the code uses it; return its name of before, and the module.

    A name that the file also gives to something else, as a variable or another module, stays as it is.
    """
    means: dict[str, set[str | None]] = {}
    for one in bound:
        means.setdefault(one.name, set()).add(one.module if one.whole else None)
    taken, uses = set[str](), list[ast.Name]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            uses.append(node)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and MODULE.fullmatch(node.value) and _names_ours(node.value.rstrip(".")):
                node.value = OPENED  # type: ignore[assignment]
        elif not isinstance(node, ast.Attribute | ast.keyword):
            taken.update(_names_in(node))
    numbered: dict[str, str] = {}
    for use in uses:
        modules = means.get(use.id, {None})
        if use.id not in taken and len(modules) == 1 and (module := next(iter(modules))):
            numbered.setdefault(use.id, module)
            use.id = f"@{list(numbered).index(use.id)}"
    return numbered


def _names_in(node: ast.AST) -> Iterator[str]:
    for field in node._fields:
        value = getattr(node, field, None)
        yield from (name for name in (value if isinstance(value, list) else [value]) if isinstance(name, str))


def _names_ours(text: str) -> bool:
    return _is_ours(text) or ("." in text and _is_ours(f"{PACKAGE}.{text}"))  # with or without the package's name


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE and _file(module).is_file()


def _is_text(body: list[ast.stmt]) -> bool:
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _is_package(module: str) -> bool:
    return _file(module).name == "__init__.py"


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

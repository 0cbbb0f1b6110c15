"""Put the tables that runs made into the documents: ``make documents``. Each block says what code and settings made it.

``python docs/documents.py RUN=FOLDER`` says where a run lies that has another name than its overlay. A block whose run
is not there stays as it is.

A block stands between two comments, the first of which names the run, the table, and two digests: of the settings and
the code of all jobs of the run, wherever and whenever they ran, and of the block itself.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.files import dump_json
from xstilts.graph.digest import code_digest
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.graph.specs import SCRIPTS, opened_by_name

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "docs/demo.md")
BLOCK = re.compile(r"<!-- make documents: (\S+) (\S+) made by (\w+) text (\w+) -->\n(.*?)<!-- end -->\n", re.S)
TABLE = re.compile(r"(?:^\|.*\n)+", re.M)


class Block(NamedTuple):
    """A part of a document that a run made."""

    run: str
    table: str  # `main`: as on the terminal; FILE.md:N: the table number N of a file of the run, from 1
    made_by: str
    digest: str
    text: str

    def __str__(self) -> str:
        what = f"{self.run} {self.table} made by {self.made_by} text {self.digest}"
        return f"<!-- make documents: {what} -->\n{self.text}<!-- end -->\n"


def blocks(document: str) -> Iterator[Block]:
    """Yield the blocks of a document."""
    for found in BLOCK.finditer(document):
        yield Block(*found.groups())


def made_anew(document: str, folders: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a document with each block as the finished runs have it, which lie in results/RUN or in ``folders``."""
    return BLOCK.sub(lambda found: str(_anew(Block(*found.groups()), folders)), document)


def _anew(block: Block, folders: Mapping[str, str]) -> Block:
    run, table = block.run, block.table
    results = ROOT / folders.get(run, f"results/{run}")
    if not (results / "tables").is_dir():
        print(f"{results}: no tables; {table} of {run} stays as it is", file=sys.stderr)
        return block
    text = made_table(results, table)
    return Block(run, table, digest_of_run(run), short(text), text)


def made_table(results: Path, table: str) -> str:
    """Return a table of a finished run as it stands in a document."""
    if table == "main":
        script = [sys.executable, str(ROOT / "workflow/scripts/print_main.py"), str(results.relative_to(ROOT))]
        printed = subprocess.run(script, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        head, rule, rest = re.split(r"^(-{20,}\n)", printed, maxsplit=1, flags=re.M)
        return f"```\n{head}{rule}{re.split(r'^-{20,}$', rest, maxsplit=1, flags=re.M)[0]}```\n"  # without the notes
    name, _, number = table.partition(":")
    return TABLE.findall((results / "tables" / name).read_text(encoding="utf-8"))[int(number) - 1]


@cache
def digest_of_run(run: str) -> str:
    """Return a digest of the settings and the code of every job of a run, as this checkout has them."""
    jobs = Jobs(load(read_layers(ROOT, [run])), ROOT)
    lines = []
    for rule, *wildcards in jobs.every():
        code = code_digest(ROOT / SCRIPTS / f"{rule}.py", opened_by_name(jobs, rule, *wildcards))
        lines.append(dump_json([rule, list(map(str, wildcards)), settings_of(jobs, rule, *wildcards), code]))
    return short("".join(sorted(lines)))


def older(documents: dict[str, str]) -> list[str]:
    """Name the blocks that other settings or code made than this checkout has."""
    return [
        f"{path}: {block.table} of {block.run}"
        for path, text in documents.items()
        for block in blocks(text)
        if block.made_by != digest_of_run(block.run)
    ]


def short(text: str) -> str:
    """Return the first digits of a text's SHA-256."""
    return sha256(text.encode()).hexdigest()[:16]


if __name__ == "__main__":
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    for path in DOCUMENTS:
        text = (ROOT / path).read_text(encoding="utf-8")
        (ROOT / path).write_text(made_anew(text, given), encoding="utf-8")

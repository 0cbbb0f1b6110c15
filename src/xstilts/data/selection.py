"""What a training set trains on and the English examples that choose its checkpoint."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from xstilts.errors import ConfigError, UserError

Row = Mapping[str, Any]

PAPER_EXAMPLES = 500  # the paper stops early on the first 500 dev examples of a task
KEEP_DEV = ("mnli", "squad")  # data sets whose own dev the clean recipe uses: no evaluated language is made of it
NO_DEV = ("tydiqa",)  # its official dev is what is evaluated


@dataclass(frozen=True)
class Selection:
    """The rows to train on, the English rows that choose the checkpoint, and in words where the latter come from."""

    train: list[Row]
    dev: list[Row]
    note: str


def select(
    dataset: str, recipe: str, train: Sequence[Row], dev: Sequence[Row], scored: Iterable[Row] = ()
) -> Selection:
    """Divide the English rows of one data set into training and checkpoint selection.

    Recipe ``paper``: all of train, and the first 500 rows of dev. Recipe ``clean``: nothing that is scored takes part
    in the choice: MNLI's dev, SQuAD's dev without the paragraphs of ``scored`` (English XQuAD), for all others a tenth
    of train, split by document. TyDi QA takes the latter in both recipes.

    Args:
        dataset: name of the data set.
        recipe: ``paper`` or ``clean``.
        train: English training rows.
        dev: English dev rows, in the order of their file.
        scored: English rows that are evaluated elsewhere; their groups (passages) leave SQuAD's dev in recipe clean.

    Raises:
        ConfigError: an unknown recipe. UserError: nothing is left to select on or to train on.
    """
    if recipe not in ("paper", "clean"):
        raise ConfigError(f"unknown recipe {recipe!r} of checkpoint selection; known: paper clean")
    if dataset in NO_DEV or (recipe == "clean" and dataset not in KEEP_DEV):
        held, rest = tenth(train)
        chosen = Selection(rest, held, f"a tenth of {dataset} train, split by document")
    elif recipe == "paper":
        chosen = Selection(list(train), list(dev[:PAPER_EXAMPLES]), f"first {PAPER_EXAMPLES} rows of {dataset} dev")
    else:
        groups = {row["group"] for row in scored}
        kept = [row for row in dev if row["group"] not in groups]
        note = f"{dataset} dev without {len(dev) - len(kept)} rows of scored passages" if groups else f"{dataset} dev"
        chosen = Selection(list(train), kept, note)
    if not chosen.dev or not chosen.train:
        raise UserError(
            f"{dataset}: found {len(chosen.train)} training and {len(chosen.dev)} selection rows ({chosen.note}); "
            "expected some of both"
        )
    return chosen


def tenth(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return (a tenth, the rest) of ``rows``: whole documents in the order of their SHA-256 until a tenth is reached.

    A document is an article where the data names it, else the unit in ``group`` (premise, passage, sentence). The same
    rows give the same split on any machine; the order of the rows is kept.
    """
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[_document(row)] = sizes.get(_document(row), 0) + 1
    held: set[str] = set()
    count = 0
    for document in sorted(sizes, key=lambda name: sha256(name.encode("utf-8")).digest()):
        if count * 10 >= len(rows):
            break
        held.add(document)
        count += sizes[document]
    return [row for row in rows if _document(row) in held], [row for row in rows if _document(row) not in held]


def _document(row: Row) -> str:
    return str(row.get("document") or row["group"])

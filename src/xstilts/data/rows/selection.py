"""What a training set trains on and the English examples that choose its checkpoint."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from xstilts.data.rows.subset import first
from xstilts.errors import ConfigError, UserError

Row = Mapping[str, Any]

KEEP_DEV = ("mnli", "squad")  # data sets whose own dev the clean recipe uses: no evaluated language is made of it
ODD = 4.0  # standard deviations of a sample without replacement: one data set of thousands by chance (assumed)
NO_DEV = ("tydiqa",)  # its official dev is what is evaluated


@dataclass(frozen=True)
class Selection:
    """The rows to train on, the English rows that may choose the checkpoint, and in words what the latter are."""

    train: list[Row]
    dev: list[Row]
    note: str


def select(
    dataset: str, recipe: str, train: Sequence[Row], dev: Sequence[Row], scored: Iterable[Row] = ()
) -> Selection:
    """Divide the English rows of one data set into training and checkpoint selection.

    Recipe ``paper``: all of train, and dev. Recipe ``clean``: nothing that is scored takes part
    in the choice: MNLI's dev, SQuAD's dev without the paragraphs of ``scored`` (English XQuAD), for all others a tenth
    of train, split by document. TyDi QA, and what has no dev, take the latter in both recipes.

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
    if dataset in NO_DEV or not dev or (recipe == "clean" and dataset not in KEEP_DEV):
        held, rest = tenth(train)
        chosen = Selection(rest, held, f"a tenth of {dataset} train, split by document")
    elif recipe == "paper":
        chosen = Selection(list(train), list(dev), f"{dataset} dev")
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


def choosing(parts: Sequence[tuple[Sequence[Row], str]], examples: int | None) -> tuple[list[Row], str]:
    """Return the rows that choose a checkpoint and, in words, what they are.

    Of one data set the first ``examples`` (the paper stops early on the first 500 dev examples of a task: version 1,
    appendix A.1). Of several under one head (ANLI+) as many of all of them together, by the hash of their ids: the
    first rows of the first would be ANLI's easiest round, and no source says which 500 were meant. So, too, of one data
    set whose file is sorted: what its first rows choose predicts the labels that stand there.

    Args:
        parts: the rows of each data set, and what they are in words.
        examples: how many, None for all.
    """
    rows = [row for found, _ in parts for row in found]
    notes = "; ".join(note for _, note in parts)
    if examples is None or len(rows) <= examples:
        return rows, notes
    if len(parts) == 1:
        if odd := _odd_label(rows, examples):
            return first(rows, examples), f"{examples} of {notes} by the hash of their ids: among the first {odd}"
        return rows[:examples], f"the first {examples} of {notes}"
    return first(rows, examples), f"{examples} of {notes}, in proportion to their sizes, by the hash of their ids"


def _odd_label(rows: Sequence[Row], examples: int) -> str:
    """Say which label the first rows have so often, or so seldom, as no sample of them all would; empty for none."""
    labels = [str(row["label"]) for row in rows if row.get("label") is not None]
    if len(labels) < len(rows):
        return ""
    there, found = Counter(labels), Counter(labels[:examples])
    for label in sorted(there):
        share = there[label] / len(rows)
        spread = (examples * share * (1 - share) * (1 - examples / len(rows))) ** 0.5
        if abs(found[label] - examples * share) > ODD * spread:
            return f"{examples}, {found[label]} are {label}, of all {100 * share:.0f} percent"
    return ""


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

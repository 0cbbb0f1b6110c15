"""The zero-shot check: what is trained on is English, and how much of it is evaluated on as well."""

import hashlib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from xstilts.errors import UserError

TEXT_FIELDS = ("text_a", "text_b", "prompt", "context", "question", "query", "target", "text")


def normalise(text: str) -> str:
    """Return ``text`` in the form in which two texts count as equal: NFKC, case folded, white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def text_hash(text: str) -> str:
    """Return 16 hex digits of the SHA-256 of the normalised text."""
    return hashlib.sha256(normalise(text).encode("utf-8")).hexdigest()[:16]


def check_english(rows: Iterable[Mapping[str, Any]], what: str, allowed: Collection[str] = ()) -> int:
    """Return the number of training rows after checking that each is in English.

    Args:
        rows: normalised rows.
        what: the training set, for the message.
        allowed: further languages that the caller declares (and the tables mark): raw text, a translated source.

    Raises:
        UserError: a row in another language; the message names it and its language.
    """
    count = 0
    for row in rows:
        count += 1
        if row["language"] != "en" and row["language"] not in allowed:
            raise UserError(
                f"{what}: training row {count} (id {row['id']}) is in {row['language']!r}; expected English only: "
                "nothing of a target language may be trained on"
            )
    return count


def texts(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (field, text) for every text of a normalised row; tokens are joined by spaces, choices come one by one."""
    for name in TEXT_FIELDS:
        if row.get(name):
            yield name, row[name]
    for choice in row.get("choices", ()):
        yield "choices", choice
    if row.get("tokens"):
        yield "tokens", " ".join(row["tokens"])


Hashed = list[list[tuple[str, str]]]  # of each row: (field, hash) of its texts


def hashed(rows: Iterable[Mapping[str, Any]]) -> Hashed:
    """Return the hash of every text of the rows, ready to be compared many times."""
    return [[(name, text_hash(text)) for name, text in texts(row)] for row in rows]


def all_hashes(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the hashes of all texts of the rows, whichever field they stand in."""
    return {text_hash(text) for row in rows for _, text in texts(row)}


def overlaps(seen: set[str], evaluation: Hashed) -> dict[str, int]:
    """Count the distinct evaluation texts whose hashes were seen in training, by the evaluation row's field.

    A row as a whole counts in ``rows`` when all its texts occur. Answer choices are compared only as part of a whole
    row: short ones ("yes") recur by chance.

    Returns:
        {field: number} for the fields that the evaluation rows have, and ``rows``.
    """
    shared: dict[str, set[str]] = {}
    whole = 0
    for row in evaluation:
        whole += bool(row) and all(value in seen for _, value in row)
        for name, value in row:
            if name != "choices":
                shared.setdefault(name, set()).update({value} & seen)
    return {**{name: len(values) for name, values in shared.items()}, "rows": whole}

"""The first N examples of an evaluation set, the same ones in every language and on every machine."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

Row = Mapping[str, Any]


def first(rows: Sequence[Row], limit: int | None) -> list[Row]:
    """Return ``limit`` rows in their own order, chosen by SHA-256 of group and id; all rows when ``limit`` is None.

    Whole groups (a premise's three pairs, a passage's questions) are taken until the limit cuts the last one. Groups
    and ids of translations are the same in all languages, so the chosen items are too. Of a retrieval set ``limit``
    foreign sentences are taken; then their English matches, filled up to ``limit`` with English sentences that match
    nothing, so that the share of sentences with a match stays about what it was.
    """
    if limit is None or len(rows) == 0:
        return list(rows)
    if "side" in rows[0]:
        return _retrieval(rows, limit)
    chosen = _lowest(rows, limit)
    return [row for row in rows if row["id"] in chosen]


def _retrieval(rows: Sequence[Row], limit: int) -> list[Row]:
    foreign = _lowest([row for row in rows if row["side"] == "foreign"], limit)
    matched = {match for row in rows if row["id"] in foreign for match in row["matches"] or ()}
    unmatched = [row for row in rows if row["side"] == "english" and not row["matches"]]
    english = matched | _lowest(unmatched, limit - len(matched))
    return [row for row in rows if row["id"] in (foreign if row["side"] == "foreign" else english)]


def _lowest(rows: Sequence[Row], limit: int) -> set[str]:
    return {row["id"] for row in sorted(rows, key=_order)[: max(limit, 0)]}


def _order(row: Row) -> tuple[bytes, bytes]:
    return sha256(row["group"].encode("utf-8")).digest(), sha256(row["id"].encode("utf-8")).digest()

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
    chosen = _lowest(rows, range(len(rows)), limit)
    return [row for place, row in enumerate(rows) if place in chosen]


def among(row: Row, languages: Sequence[str]) -> str:
    """Return the one of some languages in which a row is taken, each in one: by its id, which translations share."""
    return languages[int.from_bytes(sha256(row["id"].encode("utf-8")).digest()[:8], "big") % len(languages)]


def _retrieval(rows: Sequence[Row], limit: int) -> list[Row]:
    foreign = _lowest(rows, [place for place, row in enumerate(rows) if row["side"] == "foreign"], limit)
    matches = {match for place in foreign for match in rows[place]["matches"] or ()}
    english = [place for place, row in enumerate(rows) if row["side"] == "english"]
    matched = {place for place in english if rows[place]["id"] in matches}
    unmatched = [place for place in english if not rows[place]["matches"]]
    chosen = foreign | matched | _lowest(rows, unmatched, limit - len(matched))
    return [row for place, row in enumerate(rows) if place in chosen]


def _lowest(rows: Sequence[Row], places: Sequence[int], limit: int) -> set[int]:
    """Return the places of the rows that come first by hash; places, because rows of several sets may share ids."""
    return set(sorted(places, key=lambda place: _order(rows[place]))[: max(limit, 0)])


def _order(row: Row) -> tuple[bytes, bytes]:
    return sha256(row["group"].encode("utf-8")).digest(), sha256(row["id"].encode("utf-8")).digest()

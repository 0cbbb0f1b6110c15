"""Retrieval by a trained dual encoder (LAReQA, Mewsli-X): one encoder of queries and candidates, and their cosines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.families.features import Array, Features, FeatureSettings, assemble, learn_template, tokenise
from xstilts.files import write_json

QUERIES = 256  # ranked at a time: bounds the memory of the scores


@dataclass(frozen=True)
class Place:
    """What was found for a query: the rank of its own candidate, from 1, and the number of the one ranked first."""

    rank: int
    first: int


def featurise(rows: list[dict[str, Any]], tokenizer: Any, settings: FeatureSettings) -> Features:
    """Turn rows into single sequences, cut at the end: queries to ``max_query_length``, candidates to ``max_length``.

    A pair (``query`` and ``target``) becomes two neighbouring sequences, the query first. A row with ``targets`` is a
    query, any other a candidate; their text is in ``text``.
    """
    template = learn_template(tokenizer)
    room = {True: template.room(settings.max_query_length), False: template.room(settings.max_length)}
    texts, limits, example = [], [], []
    for number, row in enumerate(rows):
        sides = ((row["query"], True), (row["target"], False)) if "query" in row else ((row["text"], "targets" in row),)
        for text, asks in sides:
            texts.append(text)
            limits.append(room[asks])
            example.append(number)
    pieces = tokenise(texts, tokenizer).head(np.asarray(limits, np.int64))
    laid = assemble(template, pieces)
    return Features(input_ids=laid.input_ids, offsets=laid.offsets, example=np.asarray(example, np.int32))


def directions(outputs: Sequence[Array]) -> Array:
    """Return outputs, float32 [hidden] each, as rows of length 1, float32 [outputs, hidden]."""
    if not len(outputs):
        return np.zeros((0, 0), np.float32)
    rows = np.stack(outputs).astype(np.float32, copy=False)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length == 0, 1, length)


def decode(
    outputs: list[Array], features: Features, rows: list[dict[str, Any]], settings: FeatureSettings
) -> list[Place]:
    """Return where each pair's own candidate stands among the distinct candidates of all pairs.

    Of equal scores its own comes last, so that an encoder which maps all texts to one point finds nothing; where scores
    are no numbers it is the last of all.
    """
    if not rows:
        return []
    own, distinct = _distinct(rows)
    found = directions(outputs)
    queries, candidates = found[0::2], found[1::2][distinct]
    places = []
    for begin in range(0, len(rows), QUERIES):
        scores = queries[begin : begin + QUERIES] @ candidates.T
        mine = own[begin : begin + QUERIES]
        rank = (~(scores < scores[np.arange(len(mine)), mine][:, None])).sum(axis=1)
        places += [Place(int(r), int(f)) for r, f in zip(rank, scores.argmax(axis=1), strict=True)]
    return places


def _distinct(rows: Sequence[Mapping[str, Any]]) -> tuple[Array, Array]:
    """Return the number of each row's candidate among the distinct ones, and the first row that has each."""
    number: dict[str, int] = {}
    own = np.asarray([number.setdefault(row["target"], len(number)) for row in rows], np.int64)
    return own, np.unique(own, return_index=True)[1]


def unread_loss(features: Features, in_batch: int) -> float:
    """Return the loss (nats) of a model that reads nothing: each of ``in_batch`` candidates is as likely."""
    return float(np.log(in_batch))


def unread(
    features: Features, rows: list[dict[str, Any]], settings: FeatureSettings, rng: np.random.Generator
) -> tuple[list[Place], list[Place]]:
    """Return one and the same ranking for each row, candidates of most rows first, and any ranking."""
    own, distinct = _distinct(rows)
    order = np.argsort(-np.bincount(own), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    drawn = rng.integers(1, len(distinct) + 1, len(rows))
    first = int(order[0]) if len(order) else 0
    return [Place(int(rank[i]), first) for i in own], [Place(int(i), first) for i in drawn]


def write(path: Path | str, predictions: dict[str, list[str]], rows: list[dict[str, Any]]) -> None:
    """Write one JSON object, query id to candidate ids, best first, with an entry for each row."""
    if set(predictions) != {row["id"] for row in rows}:
        raise ValueError("rankings and rows have different ids")
    write_json(path, predictions)

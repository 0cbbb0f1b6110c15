"""Retrieval with an encoder as it is: pooled states, nearest by cosine for Tatoeba, ratio margin for BUCC."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.errors import UserError
from xstilts.families import retrieval
from xstilts.families.features import Features, take
from xstilts.files import write_text
from xstilts.modeling.encoder import check_lengths, pooled_layer
from xstilts.modeling.model import build_model, device
from xstilts.modeling.whole import open_whole
from xstilts.prediction.forward import embeddings
from xstilts.prediction.mining import Search, mine_sentences, nearest, nearest_on, normalized
from xstilts.scoring.threshold import Candidate, extract, scored_candidates, tune_threshold

Rows = list[dict[str, Any]]
Embed = Callable[[Features], np.ndarray]
Predict = Callable[[Path, str, dict[str, Any], dict[str, Features]], list[str]]


def open_predictor(model_folder: Path, settings: dict[str, Any], below: Path | None = None) -> Predict:
    """Load the encoder once, ``below`` adapters the one that they stand in; return what writes a language's files.

    Raises:
        UserError: a decoder's first token, which is the same whatever the sentence.
    """
    encoder, vectors = open_whole(model_folder, below), settings["retrieval"]
    check_lengths(encoder, model_folder, settings["lengths"])
    if vectors["pooling"] == "first" and getattr(encoder, "causal", False):
        raise UserError(
            f"retrieval.pooling: found first for the decoder in {model_folder}, whose first token has read nothing; "
            "expected mean"
        )
    where = device(settings["deterministic"])
    model = build_model(encoder, {}, 0, settings["precision"]).to(where)
    search = partial(nearest_on, where) if where.type == "cuda" else nearest
    layer = pooled_layer(model.encoder.depth, vectors["layer"])

    def embed(features: Features) -> np.ndarray:
        return embeddings(model, features, layer, settings["micro_tokens"], vectors["pooling"])

    def predict(folder: Path, language: str, rows: dict[str, Any], features: dict[str, Features]) -> list[str]:
        how = _bucc if settings["mined"] else _tatoeba
        return how(folder, language, rows, features, embed, search, vectors["normalise"])

    return predict


def _sides(rows: Rows, features: Features, embed: Embed) -> tuple[Rows, np.ndarray, Rows, np.ndarray]:
    """Return the foreign rows and their embeddings, and the English ones and theirs."""
    foreign = np.array([row["side"] == "foreign" for row in rows], bool)
    first, second = np.flatnonzero(foreign), np.flatnonzero(~foreign)
    return (
        [rows[i] for i in first],
        embed(take(features, first)),
        [rows[i] for i in second],
        embed(take(features, second)),
    )


def _tatoeba(
    folder: Path,
    language: str,
    rows: dict[str, Any],
    features: dict[str, Features],
    embed: Embed,
    search: Search,
    normalise: bool,
) -> list[str]:
    """For each English sentence the nearest foreign one (XTREME: English queries, other language indexed)."""
    names = []
    for split, split_rows in rows.items():
        _, foreign, _, english = _sides(split_rows, features[split], embed)
        if normalise:
            english, foreign = normalized(english), normalized(foreign)
        _, found = search(english, foreign, 1)
        names.append(f"{split}-{language}.tsv")
        retrieval.write(folder / names[-1], [int(row) for row in found[:, 0]], split_rows)
    return names


def _bucc(
    folder: Path,
    language: str,
    rows: dict[str, Any],
    features: dict[str, Features],
    embed: Embed,
    search: Search,
    normalise: bool,
) -> list[str]:
    """Mine each split; the threshold is tuned on dev's gold pairs (the benchmark's protocol) and applied to all.

    Without a dev split every pair is extracted; the scorer says that there is no threshold, and gives no score.
    """
    names: list[str] = []
    candidates: dict[str, list[Candidate]] = {}
    for split, split_rows in rows.items():
        foreign, points, english, english_points = _sides(split_rows, features[split], embed)
        said, said_in_english = ([row["text"] for row in side] for side in (foreign, english))
        mined = mine_sentences(points, said, english_points, said_in_english, search=search, normalise=normalise)
        pairs = [(foreign[i]["id"], english[j]["id"], score) for i, j, score in mined]
        texts = ({row["id"]: row["text"] for row in foreign}, {row["id"]: row["text"] for row in english})
        candidates[split] = scored_candidates(pairs, *texts)
        names.append(f"candidates-{split}-{language}.tsv")
        write_text(folder / names[-1], "".join(f"{a}\t{b}\t{float(score)!r}\n" for a, b, score in pairs))
    dev = [row for row in rows.get("dev", ()) if row["side"] == "foreign"]
    gold = {(row["id"], match) for row in dev for match in row["matches"] or ()}
    threshold = tune_threshold(candidates.get("dev", []), gold)
    for split, found in candidates.items():
        names.append(f"{split}-{language}.tsv")
        retrieval.write(folder / names[-1], extract(found, threshold), rows[split])
    return names

"""Retrieval with an encoder as it is: mean-pooled states, cosine for Tatoeba, ratio margin for BUCC."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.files import write_text
from xstilts.modeling.encoder import check_lengths, open_encoder, retrieval_layer
from xstilts.modeling.fast_tokenizer import open_tokenizer
from xstilts.modeling.model import build_model, device
from xstilts.prediction.forward import embeddings
from xstilts.prediction.neighbours import nearest_on
from xstilts.scoring.mining import Search, mine_sentences, nearest, normalized
from xstilts.scoring.threshold import Candidate, extract, scored_candidates, tune_threshold
from xstilts.tasks import retrieval
from xstilts.tasks.features import FeatureSettings

Rows = list[dict[str, Any]]


def open_predictor(model_folder: Path, settings: dict[str, Any]) -> Callable[[Path, str, dict[str, Any]], list[str]]:
    """Load encoder and tokenizer once; return the function that writes one language's files."""
    encoder = open_encoder(model_folder)
    check_lengths(encoder, model_folder, settings["lengths"])
    where = device(settings["deterministic"])
    model = build_model(encoder, {}, 0, settings["precision"]).to(where)
    search = partial(nearest_on, where) if where.type == "cuda" else nearest
    tokenizer = open_tokenizer(model_folder)
    chosen = FeatureSettings(max_length=settings["lengths"]["retrieval"])
    layer = retrieval_layer(model.encoder.depth)

    def embed(rows: Rows) -> np.ndarray:
        features = retrieval.featurise(rows, tokenizer, chosen)
        return embeddings(model, features, layer, settings["micro_tokens"])

    def predict(folder: Path, language: str, rows: dict[str, Any]) -> list[str]:
        if settings["task"] == "bucc2018":
            return _bucc(folder, language, rows, embed, search)
        return _tatoeba(folder, language, rows, embed, search)

    return predict


def _sides(rows: Rows) -> tuple[Rows, Rows]:
    return [r for r in rows if r["side"] == "foreign"], [r for r in rows if r["side"] == "english"]


def _tatoeba(
    folder: Path, language: str, rows: dict[str, Any], embed: Callable[[Rows], np.ndarray], search: Search
) -> list[str]:
    """For each English sentence the nearest foreign one by cosine (XTREME: English queries, other language indexed)."""
    names = []
    for split, split_rows in rows.items():
        foreign, english = _sides(split_rows)
        _, found = search(normalized(embed(english)), normalized(embed(foreign)), 1)
        names.append(f"{split}-{language}.tsv")
        retrieval.write(folder / names[-1], [int(row) for row in found[:, 0]], split_rows)
    return names


def _bucc(
    folder: Path, language: str, rows: dict[str, Any], embed: Callable[[Rows], np.ndarray], search: Search
) -> list[str]:
    """Mine each split; the threshold is tuned on dev's gold pairs (the benchmark's protocol) and applied to all."""
    names: list[str] = []
    candidates: dict[str, list[Candidate]] = {}
    for split, split_rows in rows.items():
        foreign, english = _sides(split_rows)
        said, said_in_english = ([row["text"] for row in side] for side in (foreign, english))
        mined = mine_sentences(embed(foreign), said, embed(english), said_in_english, search=search)
        pairs = [(foreign[i]["id"], english[j]["id"], score) for i, j, score in mined]
        texts = ({row["id"]: row["text"] for row in foreign}, {row["id"]: row["text"] for row in english})
        candidates[split] = scored_candidates(pairs, *texts)
        names.append(f"candidates-{split}-{language}.tsv")
        write_text(folder / names[-1], "".join(f"{a}\t{b}\t{float(score)!r}\n" for a, b, score in pairs))
    gold = {(row["id"], match) for row in rows["dev"] if row["side"] == "foreign" for match in row["matches"] or ()}
    threshold = tune_threshold(candidates["dev"], gold)
    for split, found in candidates.items():
        names.append(f"{split}-{language}.tsv")
        retrieval.write(folder / names[-1], extract(found, threshold), rows[split])
    return names

"""Sentence retrieval by embeddings (BUCC2018, Tatoeba); what to retrieve is found from the embeddings elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.families.features import Array, Features, FeatureSettings, assemble, learn_template, tokenise
from xstilts.files import write_text


def featurise(rows: list[dict[str, Any]], tokenizer: Any, settings: FeatureSettings) -> Features:
    """Turn sentences into one sequence each, the prefix before it, cut at the end to ``max_length``."""
    template = learn_template(tokenizer)
    pieces = tokenise([settings.prefix + row["text"] for row in rows], tokenizer)
    laid = assemble(template, pieces.head(template.room(settings.max_length)))
    return Features(input_ids=laid.input_ids, offsets=laid.offsets, example=np.arange(len(rows), dtype=np.int32))


def decode(outputs: list[Array], features: Features, rows: list[dict[str, Any]], settings: FeatureSettings) -> Array:
    """Return the embeddings of the rows, float32 [rows, hidden]; outputs are one float32 [hidden] a row."""
    return np.stack(outputs) if rows else np.zeros((0, 0), np.float32)


def write(path: Path | str, predictions: Sequence[int] | Sequence[tuple[str, str]], rows: list[dict[str, Any]]) -> None:
    """Write one prediction a line, as the benchmark wants it.

    BUCC2018: pairs ``foreign id, english id``, as many as were mined. Tatoeba: for each English row the index of a
    foreign row, from 0.
    """
    lines = ["\t".join(found) if isinstance(found, tuple) else str(found) for found in predictions]
    if lines and not isinstance(predictions[0], tuple):
        expected = sum(row["side"] == "english" for row in rows)
        if len(lines) != expected:
            raise ValueError(f"{len(lines)} indices for {expected} English sentences")
    write_text(path, "".join(f"{line}\n" for line in lines))

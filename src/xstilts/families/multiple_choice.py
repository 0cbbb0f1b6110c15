"""Choice of one of several endings or answers to a prompt (HellaSwag, CosmosQA, CommonsenseQA)."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.errors import UserError
from xstilts.families.features import IGNORED, Array, Features, FeatureSettings, assemble, learn_template, tokenise
from xstilts.files import write_text


def featurise(rows: list[dict[str, Any]], tokenizer: Any, settings: FeatureSettings) -> Features:
    """Turn rows into a sequence for each choice, ``prompt, choice``; what does not fit is cut from the prompt's start.

    Target "label": int64 [sequences], the number of the right choice, the same in all sequences of a row; IGNORED
    without one.
    """
    template = learn_template(tokenizer)
    room = template.room(settings.max_length, pair=True)
    count = np.fromiter((len(row["choices"]) for row in rows), np.int64, len(rows))
    label = np.fromiter((IGNORED if row["label"] is None else row["label"] for row in rows), np.int64, len(rows))
    wrong = np.flatnonzero((label != IGNORED) & ((label < 0) | (label >= count)))
    if len(wrong):
        row = rows[wrong[0]]
        raise UserError(f"row {row['id']}: label {row['label']} does not name one of {len(row['choices'])} choices")
    example = np.repeat(np.arange(len(rows), dtype=np.int32), count)
    choices = tokenise(list(chain.from_iterable(row["choices"] for row in rows)), tokenizer).head(room)
    prompts = tokenise([row["prompt"] for row in rows], tokenizer).at(example).tail(room - choices.length)
    laid = assemble(template, prompts, choices)
    return Features(
        input_ids=laid.input_ids,
        offsets=laid.offsets,
        example=example,
        targets={"label": label[example]},
        context=laid.context,
    )


def decode(
    outputs: list[Array], features: Features, rows: list[dict[str, Any]], settings: FeatureSettings
) -> list[int]:
    """Return the number of the best choice of each row; outputs are scores, one float32 [1] a sequence."""
    if not rows:
        return []
    bounds = np.searchsorted(features.example, np.arange(1, len(rows)))
    return [int(scores.argmax()) for scores in np.split(np.concatenate(outputs), bounds)]


def unread_loss(features: Features) -> float:
    """Return the mean loss (nats) of a model that reads nothing: each choice is scored alone, so none stands out."""
    return float(np.log(np.unique(features.example, return_counts=True)[1]).mean())


def unread(
    features: Features, rows: list[dict[str, Any]], settings: FeatureSettings, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Return the place that is most often right in the training ``features`` for each row, and any place."""
    first = np.flatnonzero(np.diff(features.example, prepend=-1))
    most = int(np.bincount(features.targets["label"][first]).argmax())
    count = np.asarray([len(row["choices"]) for row in rows])
    return np.minimum(most, count - 1).tolist(), rng.integers(0, count).tolist()


def write(path: Path | str, predictions: Sequence[int], rows: list[dict[str, Any]]) -> None:
    """Write the number of the chosen answer, from 0, one a line, a line for each row."""
    if len(predictions) != len(rows):
        raise ValueError(f"{len(predictions)} predictions for {len(rows)} rows")
    write_text(path, "".join(f"{choice}\n" for choice in predictions))

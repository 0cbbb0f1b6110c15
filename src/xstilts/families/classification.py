"""Classification of a pair of texts (XNLI, PAWS-X, MNLI, QQP, ANLI+), or of a text alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.errors import UserError
from xstilts.families.entropy import entropy
from xstilts.families.features import (
    IGNORED,
    Array,
    Assembled,
    Features,
    FeatureSettings,
    Template,
    assemble,
    concatenate,
    learn_template,
    longest_first,
    take,
    tokenise,
)
from xstilts.files import write_text


def featurise(rows: list[dict[str, Any]], tokenizer: Any, settings: FeatureSettings) -> Features:
    """Turn rows into one sequence each, cut from the end to ``max_length``, pairs longest-first.

    A row without a second text (None) gets the special tokens of a single one, as the tokenizer itself sets them
    (XLM-R: ``<s> a </s>``).

    Target "label": int64 [sequences], the number of the row's label in ``settings.labels``, IGNORED without one.
    """
    template = learn_template(tokenizer)
    label = np.fromiter((_number(row, settings.labels) for row in rows), np.int64, len(rows))
    places = [[place for place, row in enumerate(rows) if (row["text_b"] is None) is kind] for kind in (False, True)]
    paired, alone = ([rows[place] for place in found] for found in places)
    if not alone:
        laid = _pairs(paired, tokenizer, template, settings)
    elif not paired:
        laid = _alone(alone, tokenizer, template, settings)
    else:
        first, second = (lay(rows, tokenizer, template, settings) for lay, rows in ((_pairs, paired), (_alone, alone)))
        # Zeros are what a model reads where it is given no segments.
        kinds = {name: np.zeros(len(second.input_ids), values.dtype) for name, values in first.context.items()}
        laid = take(concatenate([first, replace(second, context=kinds)]), np.argsort([*places[0], *places[1]]))
    return replace(laid, example=np.arange(len(rows), dtype=np.int32), targets={"label": label})


def _pairs(rows: list[dict[str, Any]], tokenizer: Any, template: Template, settings: FeatureSettings) -> Features:
    pieces = tokenise([row["text_a"] for row in rows] + [row["text_b"] for row in rows], tokenizer)
    first, second = pieces.at(slice(len(rows))), pieces.at(slice(len(rows), None))
    room_first, room_second = longest_first(first.length, second.length, template.room(settings.max_length, pair=True))
    return _features(assemble(template, first.head(room_first), second.head(room_second)))


def _alone(rows: list[dict[str, Any]], tokenizer: Any, template: Template, settings: FeatureSettings) -> Features:
    pieces = tokenise([row["text_a"] for row in rows], tokenizer)
    return _features(assemble(template, pieces.head(template.room(settings.max_length))))


def _features(laid: Assembled) -> Features:
    example = np.arange(len(laid.offsets) - 1, dtype=np.int32)
    return Features(laid.input_ids, laid.offsets, example, context=laid.context)


def _number(row: dict[str, Any], labels: tuple[str, ...]) -> int:
    if row["label"] is None:
        return IGNORED
    if row["label"] not in labels:
        raise UserError(f"row {row['id']}: found the label {row['label']!r}; expected one of {' '.join(labels)}")
    return labels.index(row["label"])


def decode(
    outputs: list[Array], features: Features, rows: list[dict[str, Any]], settings: FeatureSettings
) -> list[str]:
    """Return the likeliest label of each row; outputs are logits, one float32 [labels] a row."""
    if not rows:
        return []
    return [settings.labels[best] for best in np.stack(outputs).argmax(axis=1)]


def unread_loss(features: Features) -> float:
    """Return the least mean loss (nats) of a model that reads nothing: the entropy of the labels."""
    return entropy(np.bincount(features.targets["label"][features.targets["label"] != IGNORED]))


def unread(
    features: Features, rows: list[dict[str, Any]], settings: FeatureSettings, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Return the most frequent label of the training ``features`` for each row, and labels drawn from theirs."""
    labels = features.targets["label"][features.targets["label"] != IGNORED]
    most = settings.labels[np.bincount(labels).argmax()]
    return [most] * len(rows), [settings.labels[i] for i in rng.choice(labels, len(rows))]


def write(path: Path | str, predictions: Sequence[str], rows: list[dict[str, Any]]) -> None:
    """Write one label a line, a line for each row."""
    if len(predictions) != len(rows):
        raise ValueError(f"{len(predictions)} predictions for {len(rows)} rows")
    write_text(path, "".join(f"{label}\n" for label in predictions))

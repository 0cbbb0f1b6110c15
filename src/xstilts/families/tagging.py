"""A tag for each word (UDPOS, PAN-X, CCG): the first piece of a word carries its tag."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.errors import UserError
from xstilts.families.entropy import entropy
from xstilts.families.features import (
    IGNORED,
    Array,
    Features,
    FeatureSettings,
    Subwords,
    assemble,
    ends,
    learn_template,
    spans,
    tokenise,
)
from xstilts.files import write_text


def featurise(rows: list[dict[str, Any]], tokenizer: Any, settings: FeatureSettings) -> Features:
    """Turn sentences into sequences, each word tokenised alone; a sentence that is too long becomes several sequences.

    A word that the tokenizer makes nothing of, or more pieces than a sequence holds, becomes one unknown piece. No word
    is ever dropped or torn apart. XLM-R sets ``▁`` before every word; where that is a piece of its own (often in
    languages without spaces) it is the first piece and carries the tag, as in XTREME's code. A tokenizer that has other
    pieces for a word behind a blank (``Ġ`` of RoBERTa's kind, ``▁`` of Gemma's) gets each word with one: else all of
    them would be pieces from inside a word.

    Target "tag": int64 [tokens], the number of the tag in ``settings.labels`` at first pieces, else IGNORED; so is a
    tag that the head cannot give, as a supertag seen in dev alone (it is scored as wrong all the same).
    Context "word": int32 [tokens], the index of the word in its sentence at first pieces, else -1.
    """
    template = learn_template(tokenizer)
    room = template.room(settings.max_length)
    before = blank_before(tokenizer)
    words = tokenise([before + word for row in rows for word in row["tokens"]], tokenizer)
    count = np.fromiter((len(row["tokens"]) for row in rows), np.int64, len(rows))
    unknown = (words.length == 0) | (words.length > room)
    size = np.where(unknown, 1, words.length)
    begin = ends(size)  # piece at which each word begins, all sentences end to end
    pool = np.append(words.ids, np.int32(tokenizer.unknown))
    ids = pool[spans(np.where(unknown, len(words.ids), words.start), size)]
    bounds, example = split(begin, ends(count), room)
    laid = assemble(template, Subwords(ids, begin[bounds[:-1]], np.diff(begin[bounds])))

    place = np.full(len(ids), -1, np.int32)
    place[begin[:-1]] = spans(np.zeros(len(rows), np.int64), count)
    word = np.append(place, np.int32(-1))[laid.first]  # the last entry is that of special tokens
    tag = np.full(len(word), IGNORED, np.int64)
    number = {label: i for i, label in enumerate(settings.labels)}
    tags = chain.from_iterable(_tags(row) for row in rows)
    tag[word >= 0] = np.fromiter((number.get(name, IGNORED) for name in tags), np.int64, int(count.sum()))
    return Features(
        input_ids=laid.input_ids,
        offsets=laid.offsets,
        example=example,
        targets={"tag": tag},
        context={"word": word},
    )


def blank_before(tokenizer: Any) -> str:
    """Return what stands before a word that is cut alone so that its pieces are those that it has inside a text."""
    alone, inside = (tokenizer.backend.encode(text, add_special_tokens=False).tokens for text in ("a", "a a"))
    return "" if inside[-len(alone) :] == alone else " "


def _tags(row: dict[str, Any]) -> Sequence[Any]:
    tags = row["tags"]
    if tags is None:
        return [None] * len(row["tokens"])
    if len(tags) != len(row["tokens"]):
        raise UserError(f"row {row['id']}: {len(tags)} tags for {len(row['tokens'])} words")
    return tags


def split(begin: Array, sentence: Array, room: int) -> tuple[Array, Array]:
    """Cut sentences between words into sequences of at most ``room`` pieces, each as long as fits.

    ``begin`` is the piece at which each word begins (int64 [words + 1]), ``sentence`` the word at which each sentence
    begins (int64 [sentences + 1]). Returns the word at which each sequence begins, the end of the last one included,
    and the sentence of each sequence (int32).
    """
    size = np.diff(begin[sentence])
    bounds: list[int] = []
    example: list[int] = []
    for number, (word, stop) in enumerate(zip(sentence[:-1].tolist(), sentence[1:].tolist(), strict=True)):
        bounds.append(word)
        example.append(number)
        if size[number] <= room:
            continue
        while begin[stop] - begin[word] > room:
            word = int(np.searchsorted(begin, begin[word] + room, side="right")) - 1
            bounds.append(word)
            example.append(number)
    return np.asarray([*bounds, sentence[-1]], np.int64), np.asarray(example, np.int32)


def decode(
    outputs: list[Array], features: Features, rows: list[dict[str, Any]], settings: FeatureSettings
) -> list[list[str]]:
    """Return the likeliest tag of each word of each row; outputs are logits, one float32 [tokens, tags] a sequence."""
    if not rows:
        return []
    count = np.fromiter((len(row["tokens"]) for row in rows), np.int64, len(rows))
    scored = features.context["word"] >= 0
    best = np.concatenate([logits.argmax(axis=1) for logits in outputs])[scored]
    if len(best) != count.sum():
        raise ValueError(f"outputs for {len(best)} words, rows of {count.sum()}")
    tags = np.asarray(settings.labels, dtype=object)[best]
    return [part.tolist() for part in np.split(tags, np.cumsum(count)[:-1])]


def unread_loss(features: Features) -> float:
    """Return the least mean loss (nats) of a model that reads nothing: the entropy of the tags."""
    return entropy(np.bincount(features.targets["tag"][features.targets["tag"] != IGNORED]))


def unread(
    features: Features, rows: list[dict[str, Any]], settings: FeatureSettings, rng: np.random.Generator
) -> tuple[list[list[str]], list[list[str]]]:
    """Return the most frequent tag of the training ``features`` for each word, and tags drawn from theirs."""
    tags = features.targets["tag"][features.targets["tag"] != IGNORED]
    most, names = settings.labels[np.bincount(tags).argmax()], np.asarray(settings.labels, dtype=object)
    drawn = [names[rng.choice(tags, len(row["tokens"]))].tolist() for row in rows]
    return [[most] * len(row["tokens"]) for row in rows], drawn


def write(path: Path | str, predictions: Sequence[Sequence[str]], rows: list[dict[str, Any]]) -> None:
    """Write one tag a line and a blank line between sentences: as many tags as the row has words."""
    for row, tags in zip(rows, predictions, strict=True):
        if len(tags) != len(row["tokens"]):
            raise ValueError(f"row {row['id']}: {len(tags)} tags for {len(row['tokens'])} words")
    write_text(path, "\n".join("".join(f"{tag}\n" for tag in tags) for tags in predictions))

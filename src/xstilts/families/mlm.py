"""Masked language modelling: raw text to blocks of tokens, and the masking of a batch."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
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
    Template,
    assemble,
    concatenate,
    ends,
    learn_template,
    longest_first,
    spans,
    tokenise,
)
from xstilts.families.shares import shares

HELD_OUT = 500  # lines of a text that score a model
HELD_OUT_SEED = 20200414
Line = tuple[str, str]  # language, text


def line(row: Mapping[str, Any]) -> Line:
    """Return what makes two rows copies of one line."""
    return row["language"], row["text"]


def held_out(rows: Sequence[Mapping[str, Any]], count: int) -> set[Line]:
    """Return so many different lines, drawn from all places of a text: of a book not its first chapters alone.

    Of a text with fewer they are all. Small languages have lines more than once: no copy of one of these may train.
    """
    order = np.random.default_rng([HELD_OUT_SEED, len(rows)]).permutation(len(rows))
    return set(islice(dict.fromkeys(line(rows[int(place)]) for place in order), count))


def masking_settings(tokenizer: Any) -> dict[str, Any]:
    """Return what ``masked`` needs to know of a tokenizer.

    Raises:
        UserError: the tokenizer has no mask token.
    """
    if tokenizer.mask is None:
        raise UserError("the encoder's tokenizer has no mask token: it cannot be trained on masked text")
    return {"mask_id": tokenizer.mask, "special_ids": list(tokenizer.special), "vocab_size": len(tokenizer)}


def balanced(
    rows: dict[str, list[dict[str, Any]]],
    alpha: float,
    seed: int,
    total: int,
    sizes: Mapping[str, int] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield ``total`` lines, languages in proportion to size ** alpha (XLM), small ones repeated.

    ``sizes`` says how large each language is where ``rows`` are a part of it only; else the lines count.
    """
    wanted = shares(sizes or {language: len(lines) for language, lines in rows.items()}, alpha, total)
    for position, (language, lines) in enumerate(sorted(rows.items())):
        whole, rest = divmod(wanted[language], len(lines))
        for _ in range(whole):
            yield from lines
        picked = np.random.default_rng([seed, position]).permutation(len(lines))[:rest]
        yield from (lines[int(index)] for index in np.sort(picked))


def featurise(rows: list[dict[str, Any]], tokenizer: Any, settings: FeatureSettings) -> Features:
    """Turn text into blocks of at most ``max_length`` tokens; a block is its own example, there are no targets yet.

    Each line stands alone, or with ``packed`` shares a block with the lines that follow it in the same language, each
    closed by the separator (``<s> a </s> b </s>``). A line too long for a block is cut into several. A row with
    ``text_b``, the same in another language, makes a pair (``<s> a </s></s> b </s>``), never packed, cut
    longest-first; pairs come after the single lines.
    """
    template = learn_template(tokenizer)
    paired = [row for row in rows if row.get("text_b")]
    single = [row for row in rows if not row.get("text_b")]
    parts = [_lines(single, tokenizer, template, settings)]
    if paired:
        pieces = tokenise([row["text"] for row in paired] + [row["text_b"] for row in paired], tokenizer)
        first, second = pieces.at(slice(len(paired))), pieces.at(slice(len(paired), None))
        kept = longest_first(first.length, second.length, template.room(settings.max_length, pair=True))
        laid = assemble(template, first.head(kept[0]), second.head(kept[1]))
        parts.append(Features(laid.input_ids, laid.offsets, np.arange(len(paired), dtype=np.int32)))
    return concatenate(parts)


def _lines(rows: list[dict[str, Any]], tokenizer: Any, template: Template, settings: FeatureSettings) -> Features:
    whole = tokenise([row["text"] for row in rows], tokenizer)
    room = template.room(settings.max_length)
    count = -(-whole.length // room)  # none for a line that is nothing to the tokenizer
    line = np.repeat(np.arange(len(rows)), count)
    begin = room * spans(np.zeros(len(rows), np.int64), count)
    pieces = Subwords(whole.ids, whole.start[line] + begin, np.minimum(room, whole.length[line] - begin))
    if settings.packed:
        languages = [rows[i]["language"] for i in line]
        opens = block_starts(pieces.length, languages, settings.max_length, *map(len, template.single))
    else:
        opens = np.ones(len(line), bool)

    before, after = template.single
    base = ends(np.asarray([len(before), len(pieces.ids), len(after)]))
    start = np.stack([np.full(len(line), base[0]), base[1] + pieces.start, np.full(len(line), base[2])], axis=1)
    length = np.stack([len(before) * opens, pieces.length, np.full(len(line), len(after))], axis=1)
    pool = np.concatenate([before, pieces.ids, after])
    bounds = np.append(np.flatnonzero(opens), len(line))
    return Features(
        input_ids=pool[spans(start.ravel(), length.ravel())],
        offsets=ends(length.sum(axis=1))[bounds],
        example=np.arange(len(bounds) - 1, dtype=np.int32),
    )


def block_starts(length: Array, languages: list[str], max_length: int, before: int, after: int) -> Array:
    """Say of each line, bool [lines], whether it opens a block: lines fill a block in order until the next is too long.

    ``length`` is in pieces; a block costs ``before`` special tokens, each line in it ``after`` more.
    """
    opens = np.zeros(len(length), bool)
    used, language = max_length, None
    for i, (size, spoken) in enumerate(zip(length.tolist(), languages, strict=True)):
        if used + size + after > max_length or spoken != language:
            opens[i], used, language = True, before, spoken
        used += size + after
    return opens


def mask(
    input_ids: Array,
    rng: np.random.Generator,
    mask_id: int,
    special_ids: Sequence[int],
    vocab_size: int,
    probability: float = 0.15,
) -> tuple[Array, Array]:
    """Mask tokens for prediction, as BERT and XLM-R do (Devlin et al. 2019, section 3.1).

    Each token that is not special is chosen with ``probability``; of the chosen, 80 % become ``mask_id``, 10 % a piece
    drawn from the vocabulary without the special ones, 10 % stay. Returns (inputs, targets), shaped like ``input_ids``:
    targets are int64, the original piece where one was chosen, IGNORED elsewhere.
    """
    special = np.unique(np.asarray(special_ids, np.int64))
    chosen = (rng.random(input_ids.shape) < probability) & ~np.isin(input_ids, special)
    kind = rng.random(input_ids.shape)
    drawn = rng.integers(vocab_size - len(special), size=input_ids.shape)
    # the n-th piece that is not special: step over the special ones at or below it
    drawn += np.searchsorted(special - np.arange(len(special)), drawn, side="right")
    inputs = np.where(chosen & (kind < 0.8), mask_id, input_ids)
    inputs = np.where(chosen & (kind >= 0.9), drawn, inputs).astype(input_ids.dtype)
    return inputs, np.where(chosen, input_ids, IGNORED).astype(np.int64)


def masked(
    features: Features,
    rng: np.random.Generator,
    mask_id: int,
    special_ids: Sequence[int],
    vocab_size: int,
    probability: float = 0.15,
) -> Features:
    """Return the features with masked inputs, and as target "tag" (int64 [tokens]) the pieces to predict."""
    inputs, targets = mask(features.input_ids, rng, mask_id, special_ids, vocab_size, probability)
    return replace(features, input_ids=inputs, targets={"tag": targets})


def unread_loss(features: Features, special_ids: Sequence[int]) -> float:
    """Return the mean loss (nats) of a model that sees no place but the one it fills: 0.9 entropy of the pieces + 0.14.

    Of the places that it fills four in five are masked, where it has the entropy; the others show a piece that is right
    in one of two, which costs ln 2, and the entropy where it is not.
    """
    counts = np.bincount(features.input_ids)
    counts[[special for special in special_ids if special < len(counts)]] = 0
    return 0.9 * entropy(counts) + 0.2 * math.log(2)

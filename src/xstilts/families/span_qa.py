"""An answer as a span of a passage (SQuAD v1.1 and v2.0, XQuAD, MLQA, TyDiQA-GoldP)."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.errors import ConfigError
from xstilts.families.entropy import entropy
from xstilts.families.features import (
    IGNORED,
    Array,
    Features,
    FeatureSettings,
    Subwords,
    assemble,
    concatenate,
    ends,
    learn_template,
    lengths,
    spans,
    tokenise,
)
from xstilts.files import write_json

ROWS = 4096  # featurised at a time: bounds the memory of the index arrays
WINDOWS = 512  # decoded at a time
PIECES = 1.3  # of XLM-R's vocabulary in an English word, about


@dataclass(frozen=True)
class Windows:
    """Where the windows of some rows lie; arrays have one entry a window."""

    example: Array  # int32, the row
    begin: Array  # int64, first piece of the context in the window
    size: Array  # int64, pieces of the context in it
    at: Array  # int64, token of the window at which they stand


def featurise(rows: list[dict[str, Any]], tokenizer: Any, settings: FeatureSettings) -> Features:
    """Turn questions into windows ``question, part of the context``, one every ``doc_stride`` pieces until the end.

    Windows overlap by half at least, so a stride beyond half a window is shortened to it. The question keeps its first
    ``max_query_length`` pieces.

    Targets "start" and "end": int64 [sequences], first and last token of the first answer; 0, the first token of the
    sequence, where the window does not hold the whole answer or the question has none; IGNORED for unlabelled rows.
    Context "chars": int32 [tokens, 2], the characters ``row["context"][first:last]`` of a token, -1 elsewhere;
    "central": bool [tokens], whether no other window shows the token with more context around it;
    "exact": bool [sequences], false where no span of tokens is the answer to the character.
    """
    parts = [_featurise(rows[i : i + ROWS], tokenizer, settings) for i in range(0, max(1, len(rows)), ROWS)]
    return concatenate(parts)


def _featurise(rows: list[dict[str, Any]], tokenizer: Any, settings: FeatureSettings) -> Features:
    template = learn_template(tokenizer)
    room = template.room(settings.max_length, pair=True) - settings.max_query_length
    if room < 2 or settings.doc_stride < 1 or settings.max_query_length < 1:
        raise ConfigError(
            f"max_length {settings.max_length}, max_query_length {settings.max_query_length} and doc_stride "
            f"{settings.doc_stride} leave no window over the passage"
        )
    questions = tokenise([row["question"] for row in rows], tokenizer).head(settings.max_query_length)
    distinct = {text: i for i, text in enumerate(dict.fromkeys(row["context"] for row in rows))}
    pool = tokenise(list(distinct), tokenizer, chars=True)
    chars = solid_spans(list(distinct), pool)
    contexts = pool.at(np.fromiter((distinct[row["context"]] for row in rows), np.int64, len(rows)))

    width = room + settings.max_query_length - questions.length
    step = np.minimum(settings.doc_stride, width // 2)
    count = 1 + np.maximum(0, -((width - contexts.length) // step))
    example = np.repeat(np.arange(len(rows), dtype=np.int32), count)
    begin = step[example] * spans(np.zeros(len(rows), np.int64), count)
    size = np.minimum(width[example], contexts.length[example] - begin)
    laid = assemble(template, questions.at(example), Subwords(contexts.ids, contexts.start[example] + begin, size))
    windows = Windows(example, begin, size, len(template.pair[0]) + questions.length[example] + len(template.pair[1]))

    inside = np.flatnonzero(laid.second >= 0)
    sequence = np.repeat(np.arange(len(example)), size)
    piece = spans(begin, size)
    table = np.full((len(laid.second), 2), -1, np.int32)
    table[inside] = chars[laid.second[inside]]
    middle = np.zeros(len(laid.second), bool)
    middle[inside] = central(windows, contexts.length, sequence, piece)
    start, end, exact = _targets(rows, windows, table[inside], sequence, piece)
    return Features(
        input_ids=laid.input_ids,
        offsets=laid.offsets,
        example=example,
        targets={"start": start, "end": end},
        context={**laid.context, "chars": table, "central": middle, "exact": exact},
    )


def solid_spans(texts: list[str], pieces: Subwords) -> Array:
    """Return the characters that each piece of the texts stands for, int32 [pieces, 2], from the tokenizer's offsets.

    A sentencepiece tokenizer counts the blank before a word to the word: blanks and invisible format characters go from
    the start of a span, blanks from its end. Characters that then belong to no piece, because they are invisible or
    normalisation folds them into the one before (combining marks, jamo), go to the piece before. So the text of an
    answer is just ``text[first:last]``. ``pieces`` are those of distinct texts in order: they lie end to end.
    """
    assert pieces.chars is not None
    joined = "".join(texts) + " "
    blank, soft = np.zeros(0x110000, bool), np.zeros(0x110000, bool)
    for character in set(joined):
        blank[ord(character)] = character.isspace()
        soft[ord(character)] = character.isspace() or unicodedata.category(character) in ("Cf", "Cc")
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    here = np.arange(len(codes))
    next_hard = _at_or_after(np.where(soft[codes], len(codes), here))
    next_blank = _at_or_after(np.where(blank[codes], here, len(codes)))
    next_inked = _at_or_after(np.where(blank[codes], len(codes), here))
    last_inked = np.maximum.accumulate(np.where(blank[codes], -1, here))

    base = ends(np.fromiter(map(len, texts), np.int64, len(texts)))
    offset = np.repeat(base[:-1], pieces.length)
    stop = np.repeat(base[1:], pieces.length)
    first = pieces.chars[:, 0] + offset
    last = pieces.chars[:, 1] + offset
    first = np.minimum(np.where(next_hard[first] < last, next_hard[first], next_inked[first]), last)
    last = np.maximum(last_inked[np.maximum(last - 1, 0)] + 1, first)
    following = np.minimum(np.append(first[1:], len(codes)), stop)
    last = np.maximum(last, np.minimum(next_blank[last], following))
    return np.stack([first - offset, last - offset], axis=1).astype(np.int32)


def _at_or_after(index: Array) -> Array:
    return np.minimum.accumulate(index[::-1])[::-1]


def central(windows: Windows, total: Array, sequence: Array, piece: Array) -> Array:
    """Say of each context token whether its window is the one that shows most around it (ties: the earlier window).

    The measure is the smaller of the numbers of tokens to the left and to the right. BERT's SQuAD code adds a hundredth
    of the window's size, which can favour a window that cuts off an answer at the end of a passage; without it an
    answer no longer than half the overlap lies whole in the window that is central to its start. ``total`` (int64
    [rows]) is the length of the context in pieces, ``sequence`` and ``piece`` (int64 [context tokens]) the window of a
    token and its index in the context.
    """
    left = piece - windows.begin[sequence]
    right = windows.size[sequence] - 1 - left
    rank = np.minimum(left, right) * len(windows.example) - sequence
    place = (np.cumsum(total) - total)[windows.example[sequence]] + piece
    best = np.full(int(total.sum()), np.iinfo(np.int64).min)
    np.maximum.at(best, place, rank)
    return rank == best[place]


def _targets(
    rows: list[dict[str, Any]], windows: Windows, chars: Array, sequence: Array, piece: Array
) -> tuple[Array, Array, Array]:
    """Return "start", "end" and "exact" of the windows; ``chars``, ``sequence`` and ``piece`` are per context token."""
    answer = np.zeros((len(rows), 2), np.int64)
    labelled = np.ones(len(rows), bool)
    for i, row in enumerate(rows):
        if row["answers"]:
            text, start = row["answers"][0]["text"], row["answers"][0]["start"]
            start += len(text) - len(text.lstrip())
            answer[i] = start, start + len(text.strip())
        else:
            labelled[i] = row["impossible"]
    of = windows.example[sequence]
    hit = (chars[:, 0] < answer[of, 1]) & (chars[:, 1] > answer[of, 0]) & (chars[:, 0] < chars[:, 1])
    found = np.stack([np.full(len(rows), np.iinfo(np.int64).max), np.full(len(rows), -1)])  # first and last piece
    np.minimum.at(found[0], of[hit], piece[hit])
    np.maximum.at(found[1], of[hit], piece[hit])

    exact = (found[1] >= 0) | (answer[:, 0] == answer[:, 1])
    for edge in (0, 1):
        there = hit & (piece == found[edge][of])
        exact[of[there]] &= chars[there, edge] == answer[of[there], edge]

    first, last = found[:, windows.example]
    whole = (windows.begin <= first) & (last < windows.begin + windows.size) & (last >= 0)
    labels = np.where(whole, np.stack([first, last]) - windows.begin + windows.at, 0)
    labels[:, ~labelled[windows.example]] = IGNORED
    return labels[0], labels[1], exact[windows.example]


def decode(
    outputs: list[Array], features: Features, rows: list[dict[str, Any]], settings: FeatureSettings
) -> dict[str, str]:
    """Return the answer to each question by id; outputs are start and end logits, one float32 [tokens, 2] a window.

    The answer is the span with the highest sum of the two over all windows of the row, of at most
    ``max_answer_length`` pieces, from a start that is central in its window; every such span is looked at, so this is
    what the usual search over the 20 best starts and ends finds whenever that finds a valid span. With ``no_answer``
    it is "" where the lowest sum of the first token over the windows is higher still (SQuAD v2.0 code, threshold 0).
    """
    chars = features.context["chars"]
    usable = chars[:, 0] < chars[:, 1]
    score = np.full(len(features), -np.inf, np.float32)
    null = np.full(len(features), -np.inf, np.float32)
    span = np.zeros((len(features), 2), np.int64)
    for begin in range(0, len(features), WINDOWS):
        part = slice(begin, min(begin + WINDOWS, len(features)))
        bounds = features.offsets[part.start : part.stop + 1]
        tokens = slice(bounds[0], bounds[-1])
        logits = np.concatenate(outputs[part])
        size = np.diff(bounds)
        inside = np.arange(size.max()) < size[:, None]
        grid = np.full((2, *inside.shape), -np.inf, np.float32)
        grid[0][inside] = np.where(usable[tokens] & features.context["central"][tokens], logits[:, 0], -np.inf)
        grid[1][inside] = np.where(usable[tokens], logits[:, 1], -np.inf)
        score[part], span[part] = best_spans(grid[0], grid[1], settings.max_answer_length)
        span[part] += bounds[:-1, None]
        null[part] = logits[bounds[:-1] - bounds[0]].sum(axis=1)

    order = np.lexsort((-score, features.example))
    rank = features.example[order]
    best = order[np.flatnonzero(np.diff(rank, prepend=-1))]
    lowest = np.full(len(rows), np.inf, np.float32)
    np.minimum.at(lowest, features.example, null)
    answers = {}
    for row, window, threshold in zip(rows, best, lowest, strict=True):
        silent = score[window] == -np.inf or (settings.no_answer and threshold > score[window])
        first, last = span[window]
        answers[row["id"]] = "" if silent else row["context"][chars[first, 0] : chars[last, 1]]
    return answers


def best_spans(start: Array, end: Array, longest: int) -> tuple[Array, Array]:
    """Return the highest ``start[w, i] + end[w, j]``, i <= j < i + longest, of each window, and its (i, j), int64.

    Logits are float32 [windows, tokens], -inf where no span may start or end; of equal spans the shortest, then first.
    """
    score = np.full(len(start), -np.inf, np.float32)
    span = np.zeros((len(start), 2), np.int64)
    for extra in range(min(longest, start.shape[1])):
        total = start[:, : start.shape[1] - extra] + end[:, extra:]
        first = total.argmax(axis=1)
        value = total[np.arange(len(total)), first]
        better = value > score
        score[better] = value[better]
        span[better] = np.stack([first, first + extra], axis=1)[better]
    return score, span


def unread_loss(features: Features) -> float:
    """Return the loss (nats) of a model that knows where the passage is, and how often a window has no answer."""
    start, last = features.targets["start"], features.offsets[1:] - 1
    separators = np.flatnonzero(features.input_ids == np.repeat(features.input_ids[last], lengths(features)))
    passage = last - separators[np.searchsorted(separators, last) - 1] - 1  # from the separator before it to its own
    answered = np.log(passage[start > 0]).sum() / max(1, int((start != IGNORED).sum()))
    return entropy(np.bincount(start[start != IGNORED] > 0, minlength=2)) + float(answered)


def unread(
    features: Features, rows: list[dict[str, Any]], settings: FeatureSettings, rng: np.random.Generator
) -> tuple[dict[str, str], dict[str, str]]:
    """Return no answer to each question, and words from anywhere in its passage, about as many as answers have."""
    there = features.targets["start"] > 0
    long = (features.targets["end"] - features.targets["start"] + 1)[there] if there.any() else np.ones(1)
    drawn = {}
    for row, pieces in zip(rows, rng.choice(long, len(rows)), strict=True):
        words = row["context"].split()
        first = int(rng.integers(max(1, len(words))))
        drawn[row["id"]] = " ".join(words[first : first + max(1, round(pieces / PIECES))])
    return {row["id"]: "" for row in rows}, drawn


def write(path: Path | str, predictions: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Write one JSON object, question id to answer text, with an answer for each row."""
    if set(predictions) != {row["id"] for row in rows}:
        raise ValueError("answers and rows have different ids")
    write_json(path, predictions)

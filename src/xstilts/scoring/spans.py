"""Span F1 as seqeval 0.0.12 gives it, for prefixed tags (B-PER) and for bare ones (NOUN), and token accuracy.

The type of a tag is what follows its last hyphen, the whole tag when it has none; its prefix is its first character.
So maximal runs of one part-of-speech tag are one span, except that a tag starting with S (SCONJ, SYM) always starts
a new one. Later releases of seqeval drop the first character of a bare tag instead, which merges CCONJ with SCONJ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from xstilts.scoring.f1 import precision_recall_f1

Span = tuple[str, int, int]


@dataclass(frozen=True)
class SpanCounts:
    """Spans that are right, predicted and gold, and tokens that are right and in all, of one sentence or of many."""

    right: int
    predicted: int
    gold: int
    tokens_right: int
    tokens: int


@cache
def _boundary(tag: str, next_tag: str) -> tuple[bool, bool]:
    """Say whether a span ends between two neighbouring tags, and whether one starts there."""
    prefix, kind = tag[0], tag.rsplit("-", 1)[-1]
    next_prefix, next_kind = next_tag[0], next_tag.rsplit("-", 1)[-1]
    ends = prefix in "ES" or (prefix in "BI" and next_prefix in "BSO") or (prefix not in "O." and kind != next_kind)
    starts = (
        next_prefix in "BS"
        or (prefix in "ESO" and next_prefix in "EI")
        or (next_prefix not in "O." and kind != next_kind)
    )
    return ends, starts


def spans(tags: Sequence[str]) -> list[Span]:
    """Return the (type, first token, last token) spans of one sentence's non-empty tags, from left to right."""
    found: list[Span] = []
    previous, begin = "O", 0
    for place, tag in enumerate([*tags, "O"]):
        ends, starts = _boundary(previous, tag)
        if ends:
            found.append((previous.rsplit("-", 1)[-1], begin, place - 1))
        if starts:
            begin = place
        previous = tag
    return found


def count_sentence(predicted: Sequence[str], gold: Sequence[str]) -> SpanCounts:
    """Count one sentence's spans and tokens; a span is right when type, start and end are."""
    guessed, true = set(spans(predicted)), set(spans(gold))
    tokens_right = sum(guess == truth for guess, truth in zip(predicted, gold, strict=True))
    return SpanCounts(len(guessed & true), len(guessed), len(true), tokens_right, len(gold))


def token_accuracy(predicted: Sequence[Sequence[str]], gold: Sequence[Sequence[str]]) -> float:
    """Return the percentage of tokens with the right tag."""
    counts = [count_sentence(guess, truth) for guess, truth in zip(predicted, gold, strict=True)]
    return 100.0 * sum(count.tokens_right for count in counts) / sum(count.tokens for count in counts)


def span_f1(predicted: Sequence[Sequence[str]], gold: Sequence[Sequence[str]]) -> float:
    """Return the span F1 of many sentences in percent, micro-averaged (XTREME evaluate.py, lines 74-78)."""
    counts = [count_sentence(guess, truth) for guess, truth in zip(predicted, gold, strict=True)]
    totals = (sum(c.right for c in counts), sum(c.predicted for c in counts), sum(c.gold for c in counts))
    return precision_recall_f1(*totals)[2]


def dev_score(predictions: Sequence[Sequence[str]], rows: Sequence[Mapping[str, Any]], by_token: bool) -> float:
    """Return the span F1 of predicted tags on labelled rows, or their token accuracy (supertags are no spans)."""
    return (token_accuracy if by_token else span_f1)(predictions, [row["tags"] for row in rows])


def dev_name(by_token: bool) -> str:
    """Say in words what ``dev_score`` returns."""
    return "token accuracy" if by_token else "F1"


def distinct(predictions: Sequence[Sequence[str]], rows: Sequence[Mapping[str, Any]]) -> tuple[set[str], set[str]]:
    """Return the different tags among the predictions and in the gold."""
    return {tag for tags in predictions for tag in tags}, {tag for row in rows for tag in row["tags"]}

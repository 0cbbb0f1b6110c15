"""Scores of tags: span F1 (UDPOS, PAN-X)."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from xstilts.scoring import spans
from xstilts.scoring.common import Found, Rows, Scores, each_split, known_labels, summed
from xstilts.scoring.f1 import precision_recall_f1
from xstilts.scoring.reading import check_sentences, read_tags
from xstilts.tasks import Task


def tag_scores(predicted: Sequence[Sequence[str]], gold: Sequence[Sequence[str]], units: Sequence[str]) -> Scores:
    """Score tags by sentence: span F1; precision, recall and token accuracy beside it."""
    counts = [spans.count_sentence(guess, truth) for guess, truth in zip(predicted, gold, strict=True)]
    items = summed(
        units,
        {
            "tp": [count.right for count in counts],
            "pred": [count.predicted for count in counts],
            "gold": [count.gold for count in counts],
            "token_correct": [count.tokens_right for count in counts],
            "tokens": [count.tokens for count in counts],
        },
    )
    precision, recall, f1 = precision_recall_f1(sum(items["tp"]), sum(items["pred"]), sum(items["gold"]))
    tokens = sum(items["tokens"])
    extra = {
        "precision": precision,
        "recall": recall,
        "token_accuracy": 100 * sum(items["token_correct"]) / tokens,
        "tokens": tokens,
    }
    return {"metrics": {"f1": f1}, "examples": len(gold), "extra": extra, "items": items}


def score_splits(entry: Task, language: str, predictions: Mapping[str, Path], gold: Mapping[str, Rows]) -> Found:
    """Score every split of one language from its prediction files (see `xstilts.scoring.evaluate`)."""
    return each_split(predictions, gold, partial(_score, entry))


def _score(entry: Task, path: Path, rows: Rows) -> Scores | None:
    labelled = [place for place, row in enumerate(rows) if row["tags"] is not None]
    if not labelled:
        return None
    tags = [rows[place]["tags"] for place in labelled]
    sentences = read_tags(path, known_labels(entry, {tag for sentence in tags for tag in sentence}))
    check_sentences(sentences, [row["tokens"] for row in rows])
    units = [rows[place]["group"] for place in labelled]
    return tag_scores([sentences.sentences[place] for place in labelled], tags, units)

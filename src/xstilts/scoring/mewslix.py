"""Scores of Mewsli-X: the mean reciprocal rank of a mention's entity, among the first 20."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from xstilts.scoring.common import Found, Rows, Scores, each_split
from xstilts.scoring.rankings import Query, queries, ranking_scores, read_rankings, reciprocal_rank
from xstilts.tasks import Task


def mention_scores(rankings: Mapping[str, Sequence[str]], mentions: Sequence[Query]) -> Scores:
    """Score rankings of entities: MRR@20 over a language's mentions, of which a missing one counts 0."""
    return ranking_scores("mrr20", reciprocal_rank, rankings, mentions)


def score_splits(entry: Task, language: str, predictions: Mapping[str, Path], gold: Mapping[str, Rows]) -> Found:
    """Score every split of one language from its prediction files (see `xstilts.scoring.evaluate`)."""
    return each_split(predictions, gold, _score)


def _score(path: Path, rows: Rows) -> Scores | None:
    mentions = queries(rows)
    return mention_scores(read_rankings(path), mentions) if mentions else None

"""Scores of LAReQA: average precision at 20; the whole ranking's, and the language bias, where ranks are known."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from xstilts.errors import DataError
from xstilts.scoring.common import Found, Rows, Scores, each_split, summed
from xstilts.scoring.rankings import (
    Query,
    average_precision,
    precision_of_ranks,
    queries,
    ranking_scores,
    ranks_beside,
    read_rankings,
    read_ranks,
)
from xstilts.tasks import Task

Ranks = Mapping[str, Mapping[str, int]]


def question_scores(
    language: str, rankings: Mapping[str, Sequence[str]], questions: Sequence[Query], ranks: Ranks | None = None
) -> Scores:
    """Score rankings of sentences: AP@20 over a language's questions, of which a missing one counts 0.

    With the ranks of all targets there are two further metrics: the mean average precision of the whole ranking
    (``map``), and the language bias (``own_language``), the percentage of questions of whose answers the one in the
    question's own language is ranked first; 100 / number of languages would be no bias. The id of a sentence begins
    with its language; where no answer is in that of the questions, there is no bias to measure.
    """
    scores = ranking_scores("ap20", average_precision, rankings, questions)
    if ranks is not None:
        whole = [precision_of_ranks(ranks[query.id].values()) for query in questions]
        first = [min(ranks[query.id], key=ranks[query.id].__getitem__) for query in questions]
        values: dict[str, list[float]] = {"map": whole}
        if any(name.startswith(f"{language}-") for query in questions for name in ranks[query.id]):
            values["own_language"] = [int(name.startswith(f"{language}-")) for name in first]
        scores["metrics"] |= {name: 100 * sum(found) / len(found) for name, found in values.items()}
        scores["items"] |= summed([query.unit for query in questions], values)
    return scores


def score_splits(entry: Task, language: str, predictions: Mapping[str, Path], gold: Mapping[str, Rows]) -> Found:
    """Score every split of one language from its prediction files (see `xstilts.scoring.evaluate`).

    Where ``ranks-SPLIT-LANGUAGE.json`` lies beside a file of rankings, its targets are those that were among the
    candidates: a run of fewer languages has fewer.
    """
    return each_split(predictions, gold, partial(_score, language))


def _score(language: str, path: Path, rows: Rows) -> Scores | None:
    questions = queries(rows)
    if not questions:
        return None
    place = ranks_beside(path)
    ranks = read_ranks(place) if place.is_file() else None
    if ranks is not None:
        questions = [_searched(place, query, ranks) for query in questions]
    return question_scores(language, read_rankings(path), questions, ranks)


def _searched(place: Path, query: Query, ranks: Ranks) -> Query:
    """Return a question with those of its targets that were searched."""
    found = ranks.get(query.id)
    if found is None:
        raise DataError(place, f"no ranks of the question {query.id!r}", "the ranks of its targets")
    if surplus := sorted(found.keys() - query.targets):
        raise DataError(place, f"{surplus[0]!r} as a target of the question {query.id!r}", "its own targets only")
    return replace(query, targets=frozenset(found))

"""Retrieval without an encoder: at random, by the length of sentences, by the words that both sides share."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import nsmallest
from statistics import fmean
from typing import Any

from xstilts.reporting.baselines.bags import words
from xstilts.scoring.bucc import Candidate, extract, pair_scores, tune_threshold
from xstilts.scoring.spans import precision_recall_f1

Rows = Sequence[Mapping[str, Any]]
Match = tuple[int, float]  # the found row of the index, and how well it fits
TOO_COMMON = 0.05  # words in more than this share of the index say nothing and are not looked up


def by_length(queries: Sequence[str], index: Sequence[str]) -> list[Match]:
    """Return for each query the text of the index whose length fits best, lengths scaled to the same mean."""
    scale = fmean(map(len, index)) / max(1e-9, fmean(map(len, queries)))
    order = sorted(range(len(index)), key=lambda row: (len(index[row]), row))
    lengths = [len(index[row]) for row in order]
    found = []
    for query in queries:
        wanted = len(query) * scale
        at = bisect_left(lengths, wanted)
        near = [place for place in (at - 1, at) if 0 <= place < len(order)]
        place = min(near, key=lambda place: abs(lengths[place] - wanted))
        found.append((order[place], -abs(lengths[place] - wanted) / max(1.0, wanted)))
    return found


def by_words(queries: Sequence[str], index: Sequence[str]) -> list[Match]:
    """Return for each query the text of the index with the highest cosine over shared words weighted by rarity."""
    return [found[0] if found else (0, 0.0) for found in ranked_by_words(queries, index, 1)]


def ranked_by_words(queries: Sequence[str], index: Sequence[str], most_found: int) -> list[list[Match]]:
    """Return for each query those texts of the index that share words with it, best first, ``most_found`` at most."""
    bags = [{word for word, _, _ in words(text)} for text in index]
    counts = Counter(word for bag in bags for word in bag)
    most = max(20, TOO_COMMON * len(index))
    rarity = {word: math.log((1 + len(index)) / (1 + count)) + 1 for word, count in counts.items()}
    unknown = math.log(1 + len(index)) + 1
    norms = [math.sqrt(math.fsum(rarity[word] ** 2 for word in sorted(bag))) for bag in bags]
    where: dict[str, list[int]] = {}
    for row, bag in enumerate(bags):
        for word in bag:
            if counts[word] <= most:
                where.setdefault(word, []).append(row)
    found = []
    for query in queries:
        asked = sorted({word for word, _, _ in words(query)})
        scores: dict[int, float] = {}
        for word in asked:
            for row in where.get(word, ()):
                scores[row] = scores.get(row, 0.0) + rarity[word] ** 2
        norm = math.sqrt(math.fsum(rarity.get(word, unknown) ** 2 for word in asked)) or 1.0
        best = nsmallest(most_found, scores, key=lambda row: (-scores[row] / norms[row], row))
        found.append([(row, scores[row] / (norm * (norms[row] or 1.0))) for row in best])
    return found


METHODS = {"text_blind": by_length, "bag_of_words": by_words}


def _sides(rows: Rows) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    return [row for row in rows if row["side"] == "foreign"], [row for row in rows if row["side"] == "english"]


def _accuracy(rows: Rows) -> dict[str, dict[str, float]]:
    """Tatoeba: English queries, one foreign text each."""
    foreign, english = _sides(rows)
    queries = [row for row in english if row["matches"]]
    scores = {"random": 100 * fmean(len(row["matches"]) / len(foreign) for row in queries)}
    for name, method in METHODS.items():
        found = method([row["text"] for row in queries], [row["text"] for row in foreign])
        scores[name] = 100 * fmean(
            float(foreign[at]["id"] in row["matches"]) for row, (at, _) in zip(queries, found, strict=True)
        )
    return {name: {"accuracy": value} for name, value in scores.items()}


def _gold(rows: Rows) -> set[tuple[str, str]]:
    foreign, english = _sides(rows)
    pairs = {(row["id"], match) for row in foreign for match in row["matches"] or ()}
    return pairs | {(match, row["id"]) for row in english for match in row["matches"] or ()}


def _mined(rows: Rows, name: str) -> list[Candidate]:
    """Mine by one method: each foreign sentence proposes one English sentence, best first, no English one twice."""
    foreign, english = _sides(rows)
    found = METHODS[name]([row["text"] for row in foreign], [row["text"] for row in english])
    order = sorted(range(len(foreign)), key=lambda row: (-found[row][1], row))
    taken: set[int] = set()
    pairs = []
    for row in order:
        at, score = found[row]
        if at not in taken:
            taken.add(at)
            pairs.append((foreign[row]["id"], english[at]["id"], score))
    return pairs


def _mining(splits: Mapping[str, Rows]) -> dict[str, dict[str, dict[str, float]]]:
    """BUCC: the threshold that is best on dev, applied to every split (without a dev split all pairs count)."""
    gold = {split: _gold(rows) for split, rows in splits.items()}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for split, rows in splits.items():
        foreign, english = _sides(rows)
        hits = len(gold[split]) / len(english)  # expected number of right pairs when each foreign sentence guesses
        found[split] = {"random": {"f1": precision_recall_f1(hits, len(foreign), len(gold[split]))[2]}}
    for name in METHODS:
        mined = {split: _mined(rows, name) for split, rows in splits.items()}
        threshold = tune_threshold(mined["dev"], gold["dev"]) if "dev" in splits else -math.inf
        for split in splits:
            found[split][name] = {"f1": pair_scores(set(extract(mined[split], threshold)), gold[split])[2]}
    return found


def retrieval_baselines(
    evaluation: Mapping[tuple[str, str], Rows], metric: str
) -> dict[tuple[str, str], dict[str, dict[str, float]]]:
    """Return (language, split) to baseline to metric to percent; there is no majority in retrieval.

    ``accuracy`` is Tatoeba's (one foreign text an English query), ``f1`` BUCC's (mining with a threshold from dev).
    """
    if metric == "accuracy":
        return {place: _accuracy(rows) for place, rows in evaluation.items()}
    found: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for language in dict.fromkeys(language for language, _ in evaluation):
        splits = {split: rows for (name, split), rows in evaluation.items() if name == language}
        found |= {(language, split): scores for split, scores in _mining(splits).items()}
    return found

"""Scores of BUCC: precision, recall and F1 of the pairs that dev's threshold keeps."""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.scoring.common import Found, Rows, Scores, summed
from xstilts.scoring.f1 import precision_recall_f1
from xstilts.scoring.reading import read_candidates, read_pairs
from xstilts.scoring.threshold import Candidate, Pair, extract, scored_candidates, tune_threshold
from xstilts.tasks import Task


def pair_scores(predicted: Set[Pair], gold: Set[Pair]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of two sets of pairs in percent (XTREME evaluate.py, lines 87-98)."""
    return precision_recall_f1(len(predicted & gold), len(predicted), len(gold))


def given_pair_scores(predicted: Set[Pair], gold: Set[Pair]) -> Scores:
    """Score given pairs, as a submission holds them: F1; precision and recall beside it. Unit: a foreign sentence."""
    precision, recall, f1 = pair_scores(predicted, gold)
    pairs = sorted(predicted | gold)
    counts = {
        "tp": [int(pair in predicted and pair in gold) for pair in pairs],
        "pred": [int(pair in predicted) for pair in pairs],
        "gold": [int(pair in gold) for pair in pairs],
    }
    return {
        "metrics": {"f1": f1},
        "examples": len(gold),
        "extra": {"precision": precision, "recall": recall, "extracted": len(predicted)},
        "items": summed([foreign for foreign, _ in pairs], counts),
    }


def bucc_gold(rows: Rows) -> set[Pair] | None:
    """Return the gold pairs that the foreign rows name; None when they are not known."""
    foreign = [row for row in rows if row["side"] == "foreign"]
    if all(row["matches"] is None for row in foreign):
        return None
    return {(row["id"], match) for row in foreign for match in row["matches"] or ()}


def bucc_candidates(path: Path, rows: Rows) -> list[Candidate]:
    """Read a candidates file, without those on sentences that occur more than once; unknown ids raise DataError."""
    sides: dict[str, dict[str, str]] = {"foreign": {}, "english": {}}
    for row in rows:
        sides[row["side"]][row["id"]] = row["text"]
    candidates = read_candidates(path)
    for number, (foreign, english, _) in enumerate(candidates, 1):
        if foreign not in sides["foreign"] or english not in sides["english"]:
            raise DataError(path, f"the ids {foreign} {english}", "ids of the sentences of this split", number)
    return scored_candidates(candidates, sides["foreign"], sides["english"])


def score_splits(entry: Task, language: str, predictions: Mapping[str, Path], gold: Mapping[str, Rows]) -> Found:
    """Score BUCC with the threshold tuned on dev; the best that any threshold could give is a diagnostic in extra."""
    pairs = {split: bucc_gold(gold[split]) for split in predictions}
    dev = pairs.get("dev")
    if not dev:
        return {}, ["no labelled dev split, so no threshold can be tuned"]
    candidates = {
        split: bucc_candidates(Path(path).with_name(f"candidates-{split}-{language}.tsv"), gold[split])
        for split, path in predictions.items()
    }
    threshold = tune_threshold(candidates["dev"], dev)
    floor = lowest_threshold(candidates["dev"], dev)
    splits: dict[str, Scores] = {}
    reasons: list[str] = []
    for split, path in predictions.items():
        extracted, truth = set(extract(candidates[split], threshold)), pairs[split]
        if not truth:
            reasons.append(f"{split}: its gold pairs are not known here")
            continue
        if set(read_pairs(Path(path))) != extracted:
            raise DataError(
                path, "other pairs", f"the candidates with a score of at least {threshold!r}, dev's threshold"
            )
        scores = given_pair_scores(extracted, truth)
        best = tune_threshold(candidates[split], truth)
        scores["extra"] |= {
            "threshold": threshold,
            "best_possible_f1": pair_scores(set(extract(candidates[split], best)), truth)[2],
            "best_possible_threshold": best,
            "candidates": len(candidates[split]),
        }
        scores["items"] = bucc_items(candidates[split], truth, floor)
        splits[split] = scores
    return splits, reasons


def lowest_threshold(candidates: Sequence[Candidate], gold: Set[Pair]) -> float:
    """Return the lowest threshold that any weighting of the dev sentences can choose.

    The best prefix always ends on a right candidate, so no threshold lies below the candidate after the last right
    one: what scores less on any split is never extracted and need not be kept for resampling.
    """
    last = max((place for place, pair in enumerate(candidates) if pair[:2] in gold), default=None)
    if last is None:
        return 0.0
    return candidates[min(last + 1, len(candidates) - 1)][2]


def bucc_items(candidates: Sequence[Candidate], gold: Set[Pair], floor: float) -> dict[str, list[Any]]:
    """Return one unit a foreign sentence that has a gold pair or a candidate of at least ``floor``."""
    kept = {foreign: (english, score) for foreign, english, score in candidates if score >= floor}
    counts: dict[str, int] = dict.fromkeys(kept, 0)
    for foreign, _ in sorted(gold):
        counts[foreign] = counts.get(foreign, 0) + 1
    return {
        "unit": list(counts),
        "gold": list(counts.values()),
        "score": [kept[unit][1] if unit in kept else None for unit in counts],
        "correct": [int(unit in kept and (unit, kept[unit][0]) in gold) for unit in counts],
    }

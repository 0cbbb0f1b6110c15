"""Rankings of candidates without an encoder: at random, and by the words that a query and a candidate share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from xstilts.reporting.baselines.retrieval import ranked_by_words
from xstilts.scoring.rankings import TOP, average_precision, reciprocal_rank

Rows = Sequence[Mapping[str, Any]]
Scores = dict[str, dict[str, float]]  # baseline -> metric -> percent
MOST_READ = 50_000  # candidates: of more, words are not compared


@dataclass(frozen=True)
class Searched:
    """The candidates of a task: how many there are, and their rows where those are few enough to be read."""

    count: int
    rows: Rows = field(default=())


def expected(metric: str, candidates: int, targets: int) -> float:
    """Return what a random order of the candidates is expected to score, 0 to 1.

    At each place the chance of a target is targets / candidates; an average precision adds the (1 + expected number of
    targets before it) / place, a reciprocal rank counts where no target stands before it.
    """
    targets = min(targets, candidates)
    if not targets:
        return 0.0
    total, none_before = 0.0, 1.0
    for place in range(1, min(TOP, candidates) + 1):
        if metric == "mrr20":
            here = none_before * targets / (candidates - place + 1)
            total += here / place
            none_before -= here
        else:
            before = (place - 1) * (targets - 1) / max(1, candidates - 1)
            total += targets / candidates * (1 + before) / place
    return total if metric == "mrr20" else total / min(targets, TOP)


def ranking_baselines(
    evaluation: Mapping[tuple[str, str], Rows], metrics: Sequence[str], searched: Searched
) -> dict[tuple[str, str], Scores]:
    """Return (language, split) to baseline to metric to percent; nothing is learned, and there is no majority."""
    found: dict[tuple[str, str], Scores] = {}
    for place, rows in evaluation.items():
        found[place] = {
            "random": {m: _mean(expected(m, searched.count, len(r["targets"])) for r in rows) for m in metrics}
        }
    if searched.rows:
        names = [row["id"] for row in searched.rows]
        places = [(place, row) for place, rows in evaluation.items() for row in rows]
        ranked = ranked_by_words([row["text"] for _, row in places], [row["text"] for row in searched.rows], TOP)
        values: dict[tuple[str, str], dict[str, list[float]]] = {}
        for (place, row), best in zip(places, ranked, strict=True):
            order = [names[number] for number, _ in best]
            for metric in metrics:
                score = (reciprocal_rank if metric == "mrr20" else average_precision)(order, row["targets"])
                values.setdefault(place, {}).setdefault(metric, []).append(score)
        for place, by_metric in values.items():
            found[place]["bag_of_words"] = {metric: _mean(scores) for metric, scores in by_metric.items()}
    return found


def _mean(values: Any) -> float:
    return 100 * fmean(values)

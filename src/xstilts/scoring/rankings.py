"""Rankings of candidates: read from a submission, and what LAReQA and Mewsli-X make of them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.scoring.common import Rows, Scores, summed
from xstilts.scoring.reading import read_by_id

TOP = 20  # ranks that count in both of XTREME-R's metrics
RANKS = "ranks"  # {query: {target: its rank from 1}} beside rankings.json, from what searched all candidates


@dataclass(frozen=True)
class Query:
    """A question or mention: the unit of resampling it belongs to, and the candidates that are right."""

    id: str
    unit: str
    targets: frozenset[str]


def queries(rows: Rows) -> list[Query]:
    """Return the queries of prepared rows whose targets are known."""
    return [Query(row["id"], row["group"], frozenset(row["targets"])) for row in rows if row["targets"]]


def read_rankings(path: Path) -> dict[str, list[str]]:
    """Read {query id: [candidate ids, best first]}, the format of XTREME-R's Mewsli-X submissions."""
    return read_by_id(path, _is_ids, "a list of candidate ids, best first")


def read_gold(path: Path) -> list[Query]:
    """Read {mention id: [entity id]}, the labels of XTREME-R's Mewsli-X; each mention is a unit."""
    gold = read_by_id(path, lambda value: _is_ids(value) and bool(value), "a list of one entity id or more")
    if not gold:
        raise DataError(path, "no mentions", "at least one")
    return [Query(name, name, frozenset(target.strip() for target in targets)) for name, targets in gold.items()]


def read_ranks(path: Path) -> dict[str, dict[str, int]]:
    """Read {query id: {target id: rank from 1}}, the places of the targets among all candidates."""

    def is_ranks(value: Any) -> bool:
        ranks = value.values() if isinstance(value, dict) else [0]
        return bool(ranks) and all(type(rank) is int and rank > 0 for rank in ranks) and len(set(ranks)) == len(ranks)

    return read_by_id(path, is_ranks, "{target id: its rank, from 1 and each once}")


def ranks_beside(path: Path) -> Path:
    """Return where the ranks of the targets lie beside a file of rankings (``ranks-test-de.json``)."""
    return path.with_name(f"{RANKS}-{path.name}")


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def average_precision(ranking: Iterable[str], targets: Collection[str], most: int = TOP) -> float:
    """Return the average precision of a ranking's first ``most`` places, 0 to 1.

    XTREME utils_lareqa.py, lines 348-383: the sum over the places i that hold a target not seen before of
    (targets found by then) / i, over min(number of targets, ``most``). 0 without targets.
    """
    found: set[str] = set()
    total = 0.0
    for place, name in zip(range(1, most + 1), ranking, strict=False):
        if name in targets and name not in found:
            found.add(name)
            total += len(found) / place
    return total / min(len(targets), most) if targets else 0.0


def precision_of_ranks(ranks: Collection[int]) -> float:
    """Return the average precision of a whole ranking from the ranks of its targets, 0 to 1 (LAReQA's paper)."""
    return sum(number / rank for number, rank in enumerate(sorted(ranks), 1)) / len(ranks)


def reciprocal_rank(ranking: Iterable[str], targets: Collection[str], most: int = TOP) -> float:
    """Return one over the rank of the first target, 0 beyond ``most`` (XTREME utils_mewslix.py, lines 624-656)."""
    return next((1 / place for place, name in zip(range(1, most + 1), ranking, strict=False) if name in targets), 0.0)


def ranking_scores(
    metric: str,
    of_query: Callable[[Iterable[str], Collection[str], int], float],
    rankings: Mapping[str, Sequence[str]],
    asked: Sequence[Query],
) -> Scores:
    """Score rankings: the mean of ``of_query`` over the queries; one that is missing counts 0, surplus ones nothing."""
    values = [of_query(rankings.get(query.id, ()), query.targets, TOP) for query in asked]
    known = {query.id for query in asked}
    return {
        "metrics": {metric: 100 * sum(values) / len(values)},
        "examples": len(values),
        "extra": {"missing": len(known - rankings.keys()), "unknown": len(rankings.keys() - known)},
        "items": summed([query.unit for query in asked], {metric: values, "total": [1] * len(values)}),
    }

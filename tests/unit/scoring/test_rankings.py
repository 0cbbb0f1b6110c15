"""XTREME-R's two metrics of rankings: vectors of the official code, the missing and the surplus, and bad files."""

import json
from pathlib import Path

import numpy as np
import pytest
from scoring_golden import setting

from xstilts.errors import DataError
from xstilts.scoring import lareqa, mewslix
from xstilts.scoring.rankings import Query, average_precision, read_gold, read_rankings, reciprocal_rank
from xstilts.uncertainty.resampling import ratio

MOCK = {"ar", "de", "en", "es", "fa", "ja", "pl", "ro", "ta", "tr", "uk"}


@pytest.mark.parametrize(
    ("targets", "ranking", "most", "expected"),
    [
        ([1, 2], [3, 1, 4, 2], 20, 0.5),
        (range(11), [0, 50, 1, 51, 2], 20, 0.206061),
        ([1], [2, 3, 1], 2, 0),
        (range(25), range(25), 20, 1),
        ([1, 2], [1, 1, 2], 20, (1 + 2 / 3) / 2),  # a target that is named again is no second one
        ([], [1], 20, 0),
    ],
)
def test_average_precision(targets: list[int], ranking: list[int], most: int, expected: float) -> None:
    found = average_precision(list(map(str, ranking)), set(map(str, targets)), most)
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_reciprocal_rank_ends_after_twenty() -> None:
    ranking = [str(number) for number in range(30)]
    assert [reciprocal_rank(ranking, {name}) for name in ("0", "3", "19", "20", "x")] == [1, 0.25, 0.05, 0, 0]


def test_mewslix_as_the_official_evaluator_scores_its_own_example() -> None:
    folder = setting("XSTILTS_GOLDEN") / "xtreme_mock"
    expected = json.loads((folder / "expected.json").read_text()).get("mewslix", {})
    scores = {}
    for path in (folder / "labels/mewslix").iterdir():
        rankings = read_rankings(folder / "predictions/mewslix" / path.name)
        scores[path.stem.removeprefix("test-")] = mewslix.mention_scores(rankings, read_gold(path))["metrics"]["mrr20"]
    assert scores.keys() == MOCK
    assert sum(scores.values()) / len(scores) == pytest.approx(14.3903, abs=5e-5)
    for language, value in expected.get("mrr", {}).items():
        assert scores[language] == pytest.approx(value, abs=1e-6)


def test_a_missing_mention_counts_zero_and_a_surplus_one_nothing(tmp_path: Path) -> None:
    mentions = [Query("a", "a", frozenset({"Q1"})), Query("b", "b", frozenset({"Q2"}))]
    scores = mewslix.mention_scores({"a": ["Q3", "Q1"], "z": ["Q2"]}, mentions)
    assert scores["metrics"] == {"mrr20": 25.0} and scores["examples"] == 2
    assert scores["extra"] == {"missing": 1, "unknown": 1}
    assert scores["items"] == {"unit": ["a", "b"], "mrr20": [0.5, 0.0], "total": [1, 1]}


def query(name: str, group: str, targets: list[str]) -> dict:
    return {"id": name, "group": group, "text": "?", "targets": targets}


ROWS = [
    query("q1", "p1", ["de-1-0", "en-1-0"]),
    query("q2", "p1", ["de-1-1", "en-1-0"]),
    query("q3", "p2", ["de-2-0", "en-2-0"]),
]
RANKINGS = {"q1": ["de-1-0", "x", "en-1-0"], "q2": ["en-1-0", "de-1-1"], "q3": ["x", "y", "en-2-0"]}
RANKS = {"q1": {"de-1-0": 1, "en-1-0": 3}, "q2": {"de-1-1": 2, "en-1-0": 1}, "q3": {"de-2-0": 150, "en-2-0": 3}}


def scored(tmp_path: Path, rankings: object = RANKINGS, ranks: object = None, rows: list = ROWS) -> dict:
    (tmp_path / "test-de.json").write_text(json.dumps(rankings))
    (tmp_path / "ranks-test-de.json").unlink(missing_ok=True)
    if ranks is not None:
        (tmp_path / "ranks-test-de.json").write_text(json.dumps(ranks))
    splits, reasons = lareqa.score_splits(None, "de", {"test": tmp_path / "test-de.json"}, {"test": rows})
    return splits.get("test") or {"reasons": reasons}


def test_lareqa_with_the_whole_ranking_and_the_language_bias(tmp_path: Path) -> None:
    values = [(1 + 2 / 3) / 2, 1.0, (1 / 3) / 2]
    alone = scored(tmp_path)
    assert alone["metrics"] == {"ap20": pytest.approx(100 * np.mean(values))} and len(alone["metrics"]) == 1
    whole = scored(tmp_path, ranks=RANKS)
    assert whole["metrics"]["ap20"] == alone["metrics"]["ap20"]
    assert whole["metrics"]["map"] == pytest.approx(100 * np.mean([*values[:2], (1 / 3 + 2 / 150) / 2]))
    assert whole["metrics"]["own_language"] == pytest.approx(100 / 3)  # q1 alone finds its own language's answer first
    items = whole["items"]
    assert items["unit"] == ["p1", "p2"] and items["total"] == [2, 1] and items["own_language"] == [1, 0]
    for metric, expected in (("ap20", values[:2]), ("map", values[:2])):  # what resampling takes of them
        above, below = ratio(items, metric)
        assert above[0] == pytest.approx(sum(expected)) and below[0] == 2


def test_targets_that_were_not_searched_do_not_count(tmp_path: Path) -> None:
    """A run without English has no English candidates: one target is all that can be found."""
    german = {"q1": {"de-1-0": 1}, "q2": {"de-1-1": 1}, "q3": {"de-2-0": 2}}
    rankings = {name: ["x"] * (rank - 1) + [target] for name, found in german.items() for target, rank in found.items()}
    found = scored(tmp_path, rankings, german)
    assert (
        found["metrics"]["ap20"] == pytest.approx(100 * (1 + 1 + 0.5) / 3) and found["metrics"]["own_language"] == 100
    )


def test_candidates_of_no_language_show_no_bias_to_one(tmp_path: Path) -> None:
    ranks = {name: {f"c-{name}": 1} for name in RANKS}
    rows = [{**row, "targets": [f"c-{row['id']}"]} for row in ROWS]
    found = scored(tmp_path, {name: [*one] for name, one in ranks.items()}, ranks, rows=rows)
    assert found["metrics"] == {"ap20": 100, "map": 100} and "own_language" not in found["items"]


def test_rows_without_targets_have_no_score(tmp_path: Path) -> None:
    assert scored(tmp_path, rows=[{**ROWS[0], "targets": []}])["reasons"] == ["test: its labels are not known here"]


@pytest.mark.parametrize(
    ("rankings", "ranks", "message"),
    [
        (["q1"], None, "a JSON list; expected an object {query id: a list of candidate ids"),
        ({"q1": "de-1-0"}, None, "'de-1-0' as the ranking to 'q1'; expected a list of candidate ids"),
        ({"q1": [1]}, None, r"\[1\] as the ranking to 'q1'"),
        (RANKINGS, {"q1": {"de-1-0": 1}}, "no ranks of the question 'q2'"),
        (RANKINGS, {**RANKS, "q1": {"xx": 1}}, "'xx' as a target of the question 'q1'"),
        (RANKINGS, {**RANKS, "q1": {"de-1-0": 0}}, "'q1'; expected {target id: its rank, from 1 and each once}"),
        (RANKINGS, {**RANKS, "q1": {}}, "'q1'; expected {target id: its rank"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, rankings: object, ranks: object, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        scored(tmp_path, rankings, ranks)
    assert "test-de.json" in str(error.value) and "\n" not in str(error.value)


def test_an_id_that_stands_twice_is_named(tmp_path: Path) -> None:
    path = tmp_path / "test-de.json"
    path.write_text('{"q1": ["a"],\n "q1": ["b"]}')
    with pytest.raises(DataError, match=r"test-de.json.*2.*the id 'q1' twice"):
        read_rankings(path)

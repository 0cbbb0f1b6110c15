"""The official evaluators' numbers, to 1e-6."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scoring_golden import HERE, cases, setting, word_tags

from xstilts.cli import main
from xstilts.prediction import mining
from xstilts.scoring import bucc, threshold
from xstilts.scoring.answers import answer_scores, question_scorer
from xstilts.scoring.reading import read_answers, read_questions, read_tags
from xstilts.scoring.tags import tag_scores
from xstilts.tasks import task


def largest_difference(found: Any, expected: Any, place: str = "") -> float:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), place
        return max(largest_difference(found[key], expected[key], f"{place}/{key}") for key in expected)
    return abs(found - expected)


def check_benchmark(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    assert main(["score", str(folder / "predictions"), str(folder / "labels"), "--json", str(out)]) == 0
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    assert largest_difference(json.loads(out.read_text(encoding="utf-8")), expected) < 1e-6


def test_made_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_benchmark(HERE / "made_up", tmp_path)
    printed = capsys.readouterr()
    assert "nine-task average 64.5234" in printed.out
    assert "xquad: 13 questions without an answer: wrong (de 2 en 2 es 1" in printed.err


def test_xtreme_mock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_benchmark(setting("XSTILTS_GOLDEN") / "xtreme_mock", tmp_path)
    assert "nine-task average 62.1732" in capsys.readouterr().out


def test_xtreme_mock_as_xtreme_r(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = setting("XSTILTS_GOLDEN") / "xtreme_mock", tmp_path / "scores.json"
    given = [str(folder / "predictions"), str(folder / "labels"), "--benchmark", "xtreme_r", "--json", str(out)]
    assert main(["score", *given]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["mewslix"]["avg_mrr20"] == pytest.approx(14.3903, abs=1e-4), "the official fixture's, to its digits"
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    for name in ("xnli", "udpos", "panx", "tatoeba", "xquad", "mlqa", "tydiqa"):
        assert largest_difference(found[name], expected[name]) < 1e-6
    assert found["shown"]["panx"] == [40, 48] and "all_task" not in found
    printed = capsys.readouterr()
    assert "udpos      f1 70.2175" in printed.out and "[33 (XTREME-R: 38) languages]" in printed.out
    assert "not among XTREME-R's ten tasks, so not scored: bucc2018 pawsx" in printed.err


@pytest.mark.parametrize("case", cases("qa_expected.tsv"), ids=lambda case: case["predictions"])
def test_answers(case: dict[str, str]) -> None:
    questions = read_questions(setting("XSTILTS_MIRROR") / case["gold"])
    answers = read_answers(setting("XSTILTS_GOLDEN") / case["predictions"]).texts
    assert (case["metric"] == "mlqa") == (case["task"] == "mlqa")
    metrics = answer_scores(answers, questions, question_scorer(task(case["task"]), case["language"]))["metrics"]
    assert metrics["exact_match"] == pytest.approx(float(case["exact_match"]), abs=1e-6)
    assert metrics["f1"] == pytest.approx(float(case["f1"]), abs=1e-6)


@pytest.mark.parametrize("case", cases("tagging_expected.tsv"), ids=lambda case: case["predictions"])
def test_tags(case: dict[str, str]) -> None:
    ours = case["task"] == "panx"
    gold = word_tags((HERE if ours else setting("XSTILTS_MIRROR")) / case["gold"])
    predicted = read_tags((HERE if ours else setting("XSTILTS_GOLDEN")) / case["predictions"]).sentences
    assert len(gold) == int(case["sentences"])
    scores = tag_scores(predicted, gold, [str(row) for row in range(len(gold))])
    found = scores["metrics"] | scores["extra"]
    for metric in ("f1", "precision", "recall", "token_accuracy"):
        assert found[metric] == pytest.approx(float(case[metric]), abs=1e-6), metric


def mined(case: str, split: str) -> tuple[list[threshold.Candidate], set[threshold.Pair], list[threshold.Candidate]]:
    """Return (candidates that are scored, gold, all candidates) of a golden BUCC split."""
    folder = HERE / "bucc" / case

    def rows(name: str) -> list[list[str]]:
        text = (folder / f"{split}.{name}.tsv").read_text(encoding="utf-8")
        return [line.split("\t") for line in text.splitlines()]

    foreign, english = rows("src"), rows("trg")
    pairs = mining.mine_sentences(
        np.load(folder / f"{split}.src.npy"),
        [text for _, text in foreign],
        np.load(folder / f"{split}.trg.npy"),
        [text for _, text in english],
    )
    candidates = [(foreign[i][0], english[j][0], score) for i, j, score in pairs]
    kept = threshold.scored_candidates(candidates, dict(map(tuple, foreign)), dict(map(tuple, english)))
    return kept, {(source, target) for source, target in rows("gold")}, candidates


@pytest.mark.parametrize("case", ["a", "b"])
def test_mining(case: str) -> None:
    expected = {row["split"]: row for row in cases("bucc_expected.tsv") if row["case"] == case}
    dev, gold, unscored = mined(case, "dev")
    tuned = threshold.tune_threshold(dev, gold)
    assert tuned == pytest.approx(float(expected["dev"]["threshold"]), abs=1e-6)
    assert len(unscored) == len(dev) + 1, "two source sentences are the same: mined once, left out of the scoring"
    for split in ("dev", "test"):
        candidates, gold, _ = mined(case, split)
        pairs = set(threshold.extract(candidates, tuned))
        assert len(candidates) == int(expected[split]["candidates"])
        assert len(pairs) == int(expected[split]["extracted"])
        found = bucc.pair_scores(pairs, gold)
        for value, metric in zip(found, ("precision", "recall", "f1"), strict=True):
            assert value == pytest.approx(float(expected[split][metric]), abs=1e-6), metric


def test_mining_in_small_blocks_finds_the_same_neighbours() -> None:
    rng = np.random.default_rng(3)
    queries, index = (mining.normalized(rng.normal(size=(n, 16)).astype(np.float32)) for n in (37, 53))
    similarity, rows = mining.nearest(queries, index, 4)
    in_blocks = mining.nearest(queries, index, 4, rows=5, columns=3)
    exact = np.argsort(-(queries @ index.T), axis=1)[:, :4]
    assert (rows == exact).all() and (in_blocks[1] == exact).all()
    assert np.allclose(similarity, in_blocks[0], atol=1e-6)
    assert mining.nearest(queries, index[:2], 4)[1].shape == (37, 2), "fewer rows than neighbours"


def test_of_equally_near_neighbours_the_first_row_is_taken() -> None:
    index = np.eye(4, dtype=np.float32)[[1, 0, 0, 2, 0]]
    similarity, rows = mining.nearest(index[1:2], index, 4, columns=3)
    assert rows.tolist() == [[1, 2, 4, 0]]
    assert similarity.tolist() == [[1, 1, 1, 0]]

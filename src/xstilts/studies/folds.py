"""K-fold scores of arms with examples of the languages: what could have been known of them without a test set.

The dev set of each language is predicted in parts that take turns, by trainings on examples of the others
(``training.few_shot``), and scored as any split. No score of it chooses anything.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.files import read_json
from xstilts.reporting.render import MISSING, markdown_table, number
from xstilts.reporting.run import RunFolder
from xstilts.studies.beside import examples_of
from xstilts.studies.measure import Arms, Finding
from xstilts.uncertainty.seeds import summarise

Rows = Sequence[Mapping[str, Any]]
SPLIT = "dev"
KNOWN = (
    "Nothing is chosen on a language's dev set: passes are fixed, and the test score is of the last weights. The "
    "k-fold score says what could have been known of an arm without the test set: each dev row is predicted by a "
    "training on k examples outside its fold, on all of them where fewer are left. It takes the labels of the whole "
    "dev set, more than the k of the arm. Both scores are means over the same languages and seeds; the folds' "
    "trainings are in no training seconds."
)


@dataclass(frozen=True)
class Folds:
    """The k-fold score of an arm, and of what it is the sum; no score where one is lacking, and why."""

    examples: int  # k
    trained: int | None = None  # examples of a fold's training, the fewest of any
    score: float | None = None
    parts: tuple[dict[str, Any], ...] = ()
    why: str = ""


def k_fold(run: RunFolder, arms: Arms, averages: Mapping[str, Finding], rows: Rows) -> dict[str, Folds]:
    """Return the k-fold score of each arm with examples, over the tasks, languages and seeds of its test score.

    Args:
        run: the study.
        arms: what was scored of it.
        averages: the test score of each arm.
        rows: of its ``scores.csv``.
    """
    study, model = run.settings["study"], run.settings["models"][0]
    sources = {arm: source for arm, source in study["arms"].items() if examples_of(source)}
    by_key = {
        (row["source"], row["task"], row["metric"], row["seed"], row["language"]): row
        for row in rows
        if row["model"] == model and row["split"] == SPLIT
    }
    return {
        arm: _of_arm(run, arms, source, averages[arm], by_key, _count(run.settings["made"][arm]))
        for arm, source in sources.items()
    }


def _of_arm(
    run: RunFolder,
    arms: Arms,
    source: str,
    test: Finding,
    rows: Mapping[tuple[str, str, str, int, str], Mapping[str, Any]],
    count: int | None,
) -> Folds:
    examples = examples_of(source)
    if test.estimate is None:
        return Folds(examples, why=test.why)
    score, parts, there = 0.0, [], []
    for task in test.tasks:
        metrics, languages = list(run.tasks[task]["metrics"]), list(arms.languages[task])
        by_seed = []
        for seed in test.seeds:
            own = [rows.get((source, task, metric, seed, code)) for metric in metrics for code in languages]
            values = [row["value"] for row in own if row is not None and row["value"] is not None]
            if len(values) < len(own):
                return Folds(examples, why=_lacking(own))
            by_seed.append(statistics.fmean(values))
            there += [row["examples"] for row in own if row is not None]
        score += summarise(by_seed, run.settings["statistic"]) / len(test.tasks)
        made = {"task": task, "split": SPLIT, "metrics": metrics, "languages": languages}
        parts.append(made | {"by_seed": {str(seed): source for seed in test.seeds}, "weight": 1 / len(test.tasks)})
    left = min(size - math.ceil(size / count) for size in there) if count else None
    return Folds(examples, None if left is None else min(examples, left), score, tuple(parts))


def _lacking(rows: Sequence[Mapping[str, Any] | None]) -> str:
    """Say of the first row without a value which it is, and why it has none."""
    first = next(row for row in rows if row is None or row["value"] is None)
    return "no dev score" if first is None else f"{first['language']}, seed {first['seed']}: {first['reason']}"


def _count(manifests: Sequence[str]) -> int | None:
    """Return into how many folds the predictions of an arm divided the dev sets; None where none is there."""
    found = [read_json(Path(path)) for path in manifests if Path(path).is_file()]
    return next((one["spec"]["settings"]["few_shot"]["folds"] for one in found if one["rule"] == "few_shot"), None)


def section(folds: Mapping[str, Folds], averages: Mapping[str, Finding]) -> list[str]:
    """Return the part of the page that has the k-fold scores beside the test scores; none without such arms."""
    if not folds:
        return []
    head = ["arm", "k", "test", "k-fold, dev", "examples of a fold's training"]
    lines = [
        [arm, str(one.examples), number(averages[arm].estimate), number(one.score), str(one.trained or MISSING)]
        for arm, one in folds.items()
    ]
    lacking = [f"{arm} (k = {one.examples}): {one.why}" for arm, one in folds.items() if one.score is None]
    without = f"Without a k-fold score: {'; '.join(lacking)}." if lacking else "Every k has a k-fold score."
    return ["## What could have been known: k-fold", markdown_table(head, lines), without, KNOWN]

"""Small scores that the tests of the reporting share: the first version's main table as if it were a run."""

import csv
import io
from pathlib import Path

import pandas as pd
import yaml

from xstilts.reporting.aggregate import index_scores
from xstilts.reporting.main.results import Results
from xstilts.reporting.main.table import build_main_table
from xstilts.reporting.scores import COLUMNS
from xstilts.tasks.benchmark import XTREME

ROOT = Path(__file__).parents[3]
REGISTRY = yaml.safe_load((ROOT / "src/xstilts/tasks/registry.yaml").read_text(encoding="utf-8"))["tasks"]
NINE = {name: REGISTRY[name] for name in XTREME.tasks}


def one_language(tasks=NINE):
    """The nine tasks with one language each."""
    return {name: {**entry, "languages": ["en"], "absent": {}} for name, entry in tasks.items()}


def score_rows(values, seed=1, model="m", language="en", split="main"):
    """Rows from {(source, task, metric): value}; ``main`` is dev where the task has one, else its only split."""
    rows = []
    for (source, task, metric), value in values.items():
        splits = REGISTRY[task]["splits"]
        place = splits[0] if split == "main" else split
        rows.append(
            [model, source, REGISTRY[task]["target"], task, language, place, metric, seed, value, 100, "ok", "", "own"]
        )
    return rows


def frame(rows):
    return pd.DataFrame([dict(zip(COLUMNS, row, strict=False)) for row in rows], columns=list(COLUMNS))


def published(name):
    with open(ROOT / "resources/published" / name, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def v1_rows():
    """The printed numbers of v1's main table, without the averages and the recomputed duplicate."""
    rows = [row for row in published("xstilts_v1_dev.csv") if row["task"] != "avg"]
    base = {(row["task"], row["metric"]): float(row["value"]) for row in rows if row["source"] == "none"}
    values = {}
    for row in rows:
        shift = 0.0 if row["source"] == "none" else base[row["task"], row["metric"]]
        values[row["source"], row["task"], row["metric"]] = shift + float(row["value"])
    return values


def v1_sources():
    return list(dict.fromkeys(source for source, _, _ in v1_rows()))


def v1_averages():
    return {
        row["source"]: float(row["value"])
        for row in published("xstilts_v1_dev.csv")
        if row["task"] == "avg" and row["certainty"] == "read"
    }


def main_table(scores, sources, tasks, policy="dev", model="m", **results):
    """The main table of a frame of scores; ``results`` are further fields of ``Results``."""
    return build_main_table(Results(model, index_scores(scores, model), sources, tasks, **results), policy)


def written(text):
    """Return the rows of a table's CSV by their source."""
    return {row["source"]: row for row in csv.DictReader(io.StringIO(text))}


def v1_table(**changes):
    given = {"scores": frame(score_rows(v1_rows())), "sources": v1_sources(), "tasks": one_language()}
    return main_table(**{**given, **changes})

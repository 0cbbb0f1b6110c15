"""Compares two submission folders on one gold folder: differences of task scores with intervals and paired p values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.scoring.reading import Question, read_questions
from xstilts.tasks import task
from xstilts.tasks.benchmark import XTREME, Benchmark
from xstilts.uncertainty.intervals import ITEMS_ONLY, RESAMPLES, Interval, intervals
from xstilts.uncertainty.resampling import Key
from xstilts.xtreme.evaluate import score_folders
from xstilts.xtreme.formats import file_name

SYSTEMS = ("A", "B")


def linked_passages(questions: Mapping[str, Sequence[Question]]) -> dict[str, dict[str, str]]:
    """Return {language: {passage: name}}, where passages with a question in common get one name.

    A question has the same id in every language, but a passage may hold other questions in another language (MLQA):
    what is connected by shared questions is one unit of resampling.
    """
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for language, entries in questions.items():
        for question in entries:
            parent[root((language, question.passage))] = root(("question", question.id))
    return {
        language: {question.passage: "/".join(root((language, question.passage))) for question in entries}
        for language, entries in questions.items()
    }


def _unit(name: str, language: str, unit: str, links: Mapping[str, Mapping[str, str]]) -> str:
    """Return what a line or passage is drawn with: three lines of XNLI are of one premise.

    Numbers of lines mean the same item in all languages of a parallel task only.
    """
    if links:
        return links[language][unit]
    if name == "xnli":
        return str(int(unit) // 3)
    return unit if task(name).parallel else f"{language}/{unit}"


@dataclass(frozen=True)
class Comparison:
    """Rows for A and B by task and metric, B's with the difference, and what a reader of them has to know."""

    rows: list[Interval]
    notes: list[str]


def compare_folders(
    a: Path, b: Path, gold: Path, resamples: int = RESAMPLES, benchmark: Benchmark = XTREME
) -> Comparison:
    """Return rows for A and B by task and metric; B's hold the difference B minus A, its interval and p value.

    A task has the name that a submission gives it.

    Only what both systems predicted is compared: languages that one of them lacks are left out, for both, and stand in
    the notes beside what `score` says of each system.
    """
    results = [score_folders(folder, gold, benchmark) for folder in (a, b)]
    notes = [f"{system}: {note}" for system, result in zip(SYSTEMS, results, strict=True) for note in result.notes]
    scored = [result.scores for result in results]
    contents: dict[Key, dict[str, Any]] = {}
    for name in benchmark.scored:
        languages = [code for code in scored[0].get(name, {}) if code in scored[1].get(name, {})]
        for system, own in zip(SYSTEMS, scored, strict=True):
            if alone := [code for code in own.get(name, {}) if code not in languages]:
                notes.append(f"{benchmark.folder(name)}: {system} alone has {' '.join(alone)}: left out for both")
        links: dict[str, dict[str, str]] = {}
        if task(name).parallel and task(name).scoring[0] == "answers":
            links = linked_passages(
                {
                    code: read_questions(gold / benchmark.folder(name) / file_name(task(name), code))
                    for code in languages
                }
            )
        for system, by_task in zip(SYSTEMS, scored, strict=True):
            for code in languages:
                scores = by_task[name][code]
                units = [_unit(name, code, unit, links) for unit in scores["items"]["unit"]]
                scores = scores | {"items": scores["items"] | {"unit": units}}
                contents[system, 0, name, code] = {"splits": {"test": scores}}
    if not contents:
        raise DataError(b, "no task and language in common", f"some that {a} has too")
    rows = intervals(
        contents,
        {"comparison": dict.fromkeys(benchmark.scored, "test")},
        SYSTEMS[0],
        resamples,
        expected=lambda name, split: benchmark.languages_of(task(name)),
        benchmark=benchmark,
    )
    return Comparison([replace(row, task=benchmark.folder(row.task)) for row in rows], notes)


def table(rows: Sequence[Interval], resamples: int = RESAMPLES) -> str:
    """Return the comparison as text: a line a task and metric, the average last."""
    title = f"{ITEMS_ONLY}: 95 % intervals and paired p values from {resamples} resamples, uncorrected"
    lines = [title, f"{'task':<14}{'metric':<12}{'A':>8}{'B':>8}{'B - A':>8}   {'95 % interval':<17} p"]
    first = {(row.task, row.metric): row.value for row in rows if row.source == SYSTEMS[0]}
    for row in rows:
        if row.source == SYSTEMS[1] and row.p is not None:
            interval = f"{row.diff_lower:+.2f} to {row.diff_upper:+.2f}"
            value = f"{first[row.task, row.metric]:8.2f}{row.value:8.2f}{row.difference:+8.2f}"
            lines.append(f"{row.task:<14}{row.metric:<12}{value}   {interval:<17} {p_text(row.p, resamples)}")
    return "\n".join(lines)


def p_text(p: float, resamples: int) -> str:
    """Return a p value as text: none is smaller than one in as many resamples as there are, nor said so."""
    least = max(0.0001, 1 / resamples)
    return f"< {least:.4f}" if p < least else f"{p:.4f}"

"""Scores two folders in the XTREME submission layout: what the official evaluate.py gives, with errors that say where.

Both folders hold `TASK/test-LANGUAGE.tsv` (for question answering `.json`). A language is scored when both folders
have its file; XTREME's own averages appear only when nothing is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.scoring.answers import answer_scores, question_scorer
from xstilts.scoring.bucc import given_pair_scores
from xstilts.scoring.common import Scores, known_labels
from xstilts.scoring.labels import label_scores
from xstilts.scoring.reading import (
    check_lengths,
    check_sentences,
    read_answers,
    read_indices,
    read_labels,
    read_pairs,
    read_questions,
    read_tags,
)
from xstilts.scoring.tags import tag_scores
from xstilts.tasks import PRIVATE_USE, Task, registry, task

GROUPS = {
    "classification": ("pawsx", "xnli"),
    "tagging": ("udpos", "panx"),
    "qa": ("xquad", "mlqa", "tydiqa"),
    "retrieval": ("bucc2018", "tatoeba"),
}
TASKS = tuple(name for names in GROUPS.values() for name in names)
REPORTED = ("accuracy", "exact_match", "f1", "precision", "recall")


@dataclass(frozen=True)
class Benchmark:
    """All scores of a pair of folders by task and language, and what a reader should know about them."""

    scores: dict[str, dict[str, Scores]]
    notes: list[str] = field(default_factory=list)


def file_name(entry: Task, language: str, split: str = "test") -> str:
    """Return a submission file's name inside its task's folder."""
    return f"{split}-{language}.{'json' if entry.family == 'span_qa' else 'tsv'}"


def check_predictions(entry: Task, path: Path) -> int:
    """Read a prediction file alone; return its number of lines, sentences, answers or pairs; DataError if broken."""
    if entry.family == "span_qa":
        return len(read_answers(path).texts)
    if entry.name == "bucc2018":
        return len(read_pairs(path))
    if entry.family == "retrieval":
        return len(read_indices(path))
    if entry.family == "tagging":
        return len(read_tags(path, known_labels(entry, set())).sentences)
    return len(read_labels(path, known_labels(entry, set())))


def score_files(entry: Task, language: str, predictions: Path, gold: Path) -> Scores:
    """Score one prediction file against one gold file, both in the submission format of the task.

    Returns the scores of a split as `xstilts.scoring.common` describes them. Raises DataError with file and line.
    """
    if entry.family == "span_qa":
        questions = read_questions(gold)
        return answer_scores(read_answers(predictions).texts, questions, question_scorer(entry, language))
    if entry.name == "bucc2018":
        return given_pair_scores(read_pairs(predictions).keys(), read_pairs(gold).keys())
    if entry.family == "tagging":
        tags = read_tags(gold).sentences
        guessed = read_tags(predictions, known_labels(entry, {tag for sentence in tags for tag in sentence}))
        check_sentences(guessed, tags)
        return tag_scores(guessed.sentences, tags, [str(row) for row in range(len(tags))])
    if entry.family == "retrieval":
        truth, found = read_indices(gold), read_indices(predictions)
    else:
        truth = read_labels(gold, known_labels(entry, set()))
        found = read_labels(predictions, known_labels(entry, set()))
    check_lengths(predictions, len(found), len(truth), "lines")
    return label_scores(found, truth, [str(row) for row in range(len(truth))])


def score_folders(predictions: Path, gold: Path) -> Benchmark:
    """Score every task and language that both folders hold.

    A task's languages are XTREME's and any private-use code (a generated language). Raises DataError when a folder
    is absent or nothing can be scored, and for whatever a file gets wrong.
    """
    for folder in (predictions, gold):
        if not folder.is_dir():
            raise DataError(folder, "no such folder", "a folder with TASK/test-LANGUAGE files")
    result = Benchmark({})
    others = sorted(path.name for path in predictions.iterdir() if path.is_dir() and path.name not in TASKS)
    if others:
        result.notes.append(f"not among XTREME's nine tasks, so not scored: {' '.join(others)}")
    for name in TASKS:
        entry = task(name)
        languages = _languages(entry, predictions / name)
        absent = [code for code in languages if not (gold / name / file_name(entry, code)).is_file()]
        if absent:
            result.notes.append(f"{name}: no gold for {' '.join(absent)}: not scored")
        missing = [code for code in _languages(entry, gold / name) if code not in languages]
        if languages and missing:
            result.notes.append(f"{name}: no predictions for {' '.join(missing)}")
        for code in languages:
            if code in absent:
                continue
            path = predictions / name / file_name(entry, code)
            scores = score_files(entry, code, path, gold / name / file_name(entry, code))
            result.scores.setdefault(name, {})[code] = scores
        result.notes.extend(_answer_notes(name, result.scores.get(name, {})))
    if not result.scores:
        raise DataError(predictions, "no file that can be scored", f"TASK/test-LANGUAGE files as in {gold}")
    return result


def _languages(entry: Task, folder: Path) -> list[str]:
    known = [code for code in entry.languages if (folder / file_name(entry, code)).is_file()]
    suffix = Path(file_name(entry, "")).suffix
    codes = sorted(path.stem.removeprefix("test-") for path in folder.glob(f"test-*{suffix}"))
    return known + [code for code in codes if PRIVATE_USE.fullmatch(code)]


def _answer_notes(name: str, by_language: Mapping[str, Scores]) -> list[str]:
    """Say once a task which languages lack answers, or hold answers that nobody asked for."""
    notes = []
    for key, meaning in (
        ("missing", "questions without an answer: wrong"),
        ("unknown", "answers to no question: ignored"),
    ):
        counts = {code: scores["extra"].get(key, 0) for code, scores in by_language.items()}
        if any(counts.values()):
            of = " ".join(f"{code} {count}" for code, count in counts.items() if count)
            notes.append(f"{name}: {sum(counts.values())} {meaning} ({of})")
    return notes


def is_complete(name: str, languages: Mapping[str, object]) -> bool:
    """Say whether a task is there in exactly the languages of XTREME, so that its average is the benchmark's."""
    return set(languages) == set(task(name).languages)


def report(result: Benchmark) -> dict[str, Any]:
    """Return the averages and scores under the keys of the official evaluator's output.

    For each task every metric by language, `avg_METRIC` and `avg_metric` (QA: the mean of EM and F1); a group when
    all its tasks are complete and `all_task` when all nine are. Otherwise `mean_of_shown`, the mean of the tasks that
    are there, and `shown`, {task: [languages scored, languages of XTREME]}.
    """
    tasks: dict[str, dict[str, Any]] = {}
    for name, by_language in result.scores.items():
        entry: dict[str, Any] = {}
        for metric in REPORTED:
            values = {
                code: {**scores["extra"], **scores["metrics"]}[metric]
                for code, scores in by_language.items()
                if metric in scores["metrics"] or metric in scores["extra"]
            }
            if values:
                entry[metric] = values
                entry[f"avg_{metric}"] = sum(values.values()) / len(values)
        main = [entry[f"avg_{metric}"] for metric in task(name).metrics]
        entry["avg_metric"] = sum(main) / len(main)
        tasks[name] = entry
    complete = {name for name, by_language in result.scores.items() if is_complete(name, by_language)}

    def mean(names: tuple[str, ...]) -> float:
        return float(sum(tasks[name]["avg_metric"] for name in names) / len(names))

    averages: dict[str, Any] = {group: mean(names) for group, names in GROUPS.items() if complete.issuperset(names)}
    if complete.issuperset(TASKS):
        averages["all_task"] = mean(TASKS)
    else:
        averages["mean_of_shown"] = mean(tuple(tasks))
        averages["shown"] = {
            name: [len(by_language), len(registry()[0][name].languages)] for name, by_language in result.scores.items()
        }
    return averages | tasks


def table(content: Mapping[str, Any]) -> str:
    """Return a report as text: a line a task with its averages, the languages below it, the overall mean last."""
    lines: list[str] = []
    for name in TASKS:
        if name not in content:
            continue
        entry = content[name]
        metrics = [metric for metric in REPORTED if metric in entry]
        counts = len(entry[metrics[0]]), len(task(name).languages)
        of = "all" if is_complete(name, entry[metrics[0]]) else f"{counts[0]} (XTREME: {counts[1]})"
        averages = "  ".join(f"{metric} {entry[f'avg_{metric}']:.4f}" for metric in metrics)
        lines.append(f"{name:<10} {averages}  [{of} languages]")
        for metric in task(name).metrics:
            values = " ".join(f"{code} {value:.2f}" for code, value in entry[metric].items())
            lines.append(f"    {metric}: {values}")
    for group in GROUPS:
        if group in content:
            lines.append(f"{group:<16}{content[group]:.4f}")
    if "all_task" in content:
        lines.append(f"{'nine-task average':<18}{content['all_task']:.4f}")
    else:
        counts_text = ", ".join(f"{name} {have}/{whole}" for name, (have, whole) in content["shown"].items())
        lines.append(
            f"mean of the {len(content['shown'])} shown: {content['mean_of_shown']:.4f} (languages: {counts_text})"
        )
    return "\n".join(lines)

"""The submission formats by scorer: how a file is called, read, and scored against a gold file in the same format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.families.facts import facts
from xstilts.scoring.answers import answer_scores, question_scorer
from xstilts.scoring.bucc import given_pair_scores
from xstilts.scoring.common import Scores, known_labels
from xstilts.scoring.labels import label_scores
from xstilts.scoring.lareqa import question_scores
from xstilts.scoring.mewslix import mention_scores
from xstilts.scoring.rankings import read_gold, read_rankings
from xstilts.scoring.reading import (
    check_lengths,
    check_sentences,
    read_answers,
    read_indices,
    read_labels,
    read_lines,
    read_pairs,
    read_questions,
    read_tags,
)
from xstilts.scoring.tags import tag_scores
from xstilts.tasks import Task

LINES_OF_JSON = ".jsonl"  # XCOPA as it is published, and as XTREME-R's run_xcopa.py writes it


def file_name(entry: Task, language: str, split: str = "test") -> str:
    """Return a submission file's name inside its task's folder."""
    return f"{split}-{language}.{facts(entry.family).suffix}"


def place(folder: Path, entry: Task, language: str) -> Path:
    """Return the file of a task's language in a folder of a submission; choices may be JSON lines."""
    path = folder / file_name(entry, language)
    lines = path.with_suffix(LINES_OF_JSON)
    return lines if entry.scoring[0] == "choices" and lines.is_file() and not path.is_file() else path


def check_predictions(entry: Task, path: Path) -> int:
    """Read a prediction file alone; return its number of lines, sentences, answers or pairs; DataError if broken."""
    return FORMATS[entry.scoring[0]][0](entry, path)


def score_files(entry: Task, language: str, predictions: Path, gold: Path) -> Scores:
    """Score one prediction file against one gold file, both in the submission format of the task.

    Returns the scores of a split as `xstilts.scoring.common` describes them. Raises DataError with file and line.
    """
    return FORMATS[entry.scoring[0]][1](entry, language, predictions, gold)


def _score_answers(entry: Task, language: str, predictions: Path, gold: Path) -> Scores:
    questions = read_questions(gold)
    return answer_scores(read_answers(predictions).texts, questions, question_scorer(entry, language))


def _score_pairs(entry: Task, language: str, predictions: Path, gold: Path) -> Scores:
    return given_pair_scores(read_pairs(predictions).keys(), read_pairs(gold).keys())


def _score_tags(entry: Task, language: str, predictions: Path, gold: Path) -> Scores:
    tags = read_tags(gold).sentences
    guessed = read_tags(predictions, known_labels(entry, {tag for sentence in tags for tag in sentence}))
    check_sentences(guessed, tags)
    return tag_scores(guessed.sentences, tags, [str(row) for row in range(len(tags))])


def _score_indices(entry: Task, language: str, predictions: Path, gold: Path) -> Scores:
    truth, found = read_indices(gold), read_indices(predictions)
    _check_range(predictions, found, truth)
    return _score_lines(predictions, found, truth)


def _score_choices(entry: Task, language: str, predictions: Path, gold: Path) -> Scores:
    found, truth = read_choices(predictions), read_choices(gold)
    most = max(2, *(int(number) + 1 for number in truth))
    for row, number in enumerate(found, 1):
        if int(number) >= most:
            raise DataError(predictions, f"the choice {number}", f"one of 0 to {most - 1}", row)
    return _score_lines(predictions, found, truth)


def read_choices(path: Path) -> list[str]:
    """Read one number of a choice a line, or of a ``.jsonl`` file the ``label`` of each line."""
    if path.suffix != LINES_OF_JSON:
        return read_indices(path)
    found = []
    for row, line in enumerate(read_lines(path), 1):
        label = _label(line)
        if type(label) is not int or label < 0:
            raise DataError(path, repr(line[:60]), 'an object with the number of a choice as its "label"', row)
        found.append(str(label))
    if not found:
        raise DataError(path, "no lines", "one object a line")
    return found


def _label(line: str) -> Any:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row.get("label") if isinstance(row, dict) else None


def _score_mentions(entry: Task, language: str, predictions: Path, gold: Path) -> Scores:
    return mention_scores(read_rankings(predictions), read_gold(gold))


def _score_searches(entry: Task, language: str, predictions: Path, gold: Path) -> Scores:
    return question_scores(language, read_rankings(predictions), read_gold(gold))


def _score_labels(entry: Task, language: str, predictions: Path, gold: Path) -> Scores:
    truth = read_labels(gold, known_labels(entry, set()))
    return _score_lines(predictions, read_labels(predictions, known_labels(entry, set())), truth)


def _score_lines(predictions: Path, found: list[str], truth: list[str]) -> Scores:
    check_lengths(predictions, len(found), len(truth), "lines")
    return label_scores(found, truth, [str(row) for row in range(len(truth))])


def _check_range(path: Path, found: list[str], truth: list[str]) -> None:
    """Refuse a row number beyond the last row; a gold file that is a part of the rows does not tell which that is."""
    if {int(number) for number in truth} != set(range(len(truth))):
        return
    for row, number in enumerate(found, 1):
        if int(number) >= len(truth):
            raise DataError(path, f"the row number {number}", f"one of 0 to {len(truth) - 1}", row)


# By scorer: what counts the entries of a prediction file, and what scores one file against another.
FORMATS: dict[str, tuple[Callable[[Task, Path], int], Callable[[Task, str, Path, Path], Scores]]] = {
    "answers": (lambda entry, path: len(read_answers(path).texts), _score_answers),
    "choices": (lambda entry, path: len(read_choices(path)), _score_choices),
    "lareqa": (lambda entry, path: len(read_rankings(path)), _score_searches),
    "mewslix": (lambda entry, path: len(read_rankings(path)), _score_mentions),
    "bucc": (lambda entry, path: len(read_pairs(path)), _score_pairs),
    "labels": (lambda entry, path: len(read_labels(path, known_labels(entry, set()))), _score_labels),
    "tags": (lambda entry, path: len(read_tags(path, known_labels(entry, set())).sentences), _score_tags),
    "tatoeba": (lambda entry, path: len(read_indices(path)), _score_indices),
}

"""Reads the XTREME submission formats; whatever cannot be read is a DataError that names the file and the line."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import DataError

LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Question:
    """One question of a SQuAD-style gold file: its id, the passage it belongs to, and the accepted answers."""

    id: str
    passage: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Answers:
    """Predicted answers by question id, and the file they came from."""

    path: Path
    texts: dict[str, str]


def read_text(path: Path) -> str:
    """Return a UTF-8 file's text without a byte order mark; what cannot be read raises DataError."""
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError(path, "no such file", "a prediction or gold file") from None
    except OSError as error:
        raise DataError(path, f"a file that cannot be read ({error.strerror})", "a readable file") from None
    try:
        return raw.decode("utf-8-sig")  # a byte order mark is no part of the first line
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(path, f"bytes that are not UTF-8 ({raw[error.start : error.end]!r})", "UTF-8 text", line) from (
            None
        )


def read_lines(path: Path) -> list[str]:
    """Return a file's lines, stripped; the last line may lack its line end."""
    lines = [line.strip() for line in LINE_END.split(read_text(path))]
    if lines[-1] == "":
        lines.pop()
    return lines


def read_labels(path: Path, known: set[str] | None = None) -> list[str]:
    """Read one label a line; an empty line, or a label outside ``known`` when that is given, is an error."""
    labels = read_lines(path)
    if not labels:
        raise DataError(path, "an empty file", "one label a line")
    for row, label in enumerate(labels, 1):
        if not label:
            raise DataError(path, "an empty line", "one label a line", row)
        if known is not None and label not in known:
            raise _unknown(path, "label", label, known, row)
    return labels


def read_indices(path: Path) -> list[str]:
    """Read Tatoeba's one 0-based row number a line, kept as the string the official scorer compares."""
    numbers = read_labels(path)
    for row, number in enumerate(numbers, 1):
        if not number.isascii() or not number.isdigit():
            raise DataError(path, _short(number), "a row number (0, 1, 2, ...)", row)
    return numbers


@dataclass(frozen=True)
class Tags:
    """Tags by sentence, with the 1-based line on which each sentence starts."""

    path: Path
    sentences: list[list[str]]
    starts: list[int]


def read_tags(path: Path, known: set[str] | None = None) -> Tags:
    """Read one tag a line with a blank line between sentences (empty sentences at the end of the file do not count)."""
    sentences: list[list[str]] = []
    starts: list[int] = []
    sentence: list[str] = []
    for row, tag in enumerate(read_lines(path), 1):
        if tag:
            if "\t" in tag:
                raise DataError(path, _short(tag), "one tag a line, without the word", row)
            if known is not None and tag not in known:
                raise _unknown(path, "tag", tag, known, row)
            sentence.append(tag)
        else:
            sentences.append(sentence)
            starts.append(row - len(sentence))
            sentence = []
    if sentence:
        sentences.append(sentence)
        starts.append(row - len(sentence) + 1)
    while sentences and not sentences[-1]:
        sentences.pop()
        starts.pop()
    if not sentences:
        raise DataError(path, "an empty file", "one tag a line")
    return Tags(Path(path), sentences, starts)


def _unknown(path: Path, kind: str, found: str, known: set[str], row: int) -> DataError:
    return DataError(path, f"the {kind} {_short(found)}, which does not exist", " ".join(sorted(known)), row)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def check_lengths(path: Path, found: int, expected: int, what: str) -> None:
    """Raise DataError at the first missing or surplus line when a prediction file is not as long as its gold."""
    if found != expected:
        raise DataError(path, f"{found} {what}", f"{expected}", min(found, expected) + 1)


def check_sentences(predicted: Tags, gold: list[list[str]]) -> None:
    """Raise DataError at the first sentence whose number of tags differs from the gold's."""
    for start, found, expected in zip(predicted.starts, predicted.sentences, gold, strict=False):
        if len(found) != len(expected):
            row = start + min(len(found), len(expected))
            raise DataError(predicted.path, f"a sentence of {len(found)} tags", f"{len(expected)} tags", row)
    if len(predicted.sentences) != len(gold):
        more = len(predicted.sentences) > len(gold)
        row = predicted.starts[len(gold)] if more else predicted.starts[-1] + len(predicted.sentences[-1])
        raise DataError(predicted.path, f"{len(predicted.sentences)} sentences", f"{len(gold)} sentences", row)


def read_pairs(path: Path) -> dict[tuple[str, str], int]:
    """Read BUCC's `foreign_id<TAB>english_id` lines as {pair: line}; a pair that stands twice is an error."""
    pairs: dict[tuple[str, str], int] = {}
    for row, line in enumerate(read_lines(path), 1):
        fields = line.split("\t")
        if len(fields) != 2 or not all(fields):
            raise DataError(path, _short(line), "two ids with a tab between them", row)
        pair = (fields[0], fields[1])
        if pair in pairs:
            raise DataError(path, f"the pair {fields[0]} {fields[1]} again", f"it once (line {pairs[pair]})", row)
        pairs[pair] = row
    return pairs


def read_candidates(path: Path) -> list[tuple[str, str, float]]:
    """Read mined `foreign_id<TAB>english_id<TAB>score` lines; they stand best first, one to one."""
    candidates: list[tuple[str, str, float]] = []
    seen_foreign: set[str] = set()
    seen_english: set[str] = set()
    for row, line in enumerate(read_lines(path), 1):
        fields = line.split("\t")
        try:
            foreign, english, score = fields[0], fields[1], float(fields[2])
        except (IndexError, ValueError):
            raise DataError(path, _short(line), "two ids and a score with tabs between them", row) from None
        if foreign in seen_foreign or english in seen_english:
            repeated = foreign if foreign in seen_foreign else english
            raise DataError(path, f"the id {repeated} twice", "each sentence in one candidate at most", row)
        if candidates and not score <= candidates[-1][2]:
            raise DataError(path, f"the score {score} below {candidates[-1][2]}", "the best candidate first", row)
        seen_foreign.add(foreign)
        seen_english.add(english)
        candidates.append((foreign, english, score))
    return candidates


def read_answers(path: Path) -> Answers:
    """Read {question id: answer text}; an id that stands twice or an answer that is no text is an error."""
    return Answers(Path(path), read_by_id(path, lambda value: isinstance(value, str), "a text", "question", "answer"))


def read_by_id(
    path: Path, fits: Callable[[Any], bool], expected: str, asked: str = "query", given: str = "ranking"
) -> dict[str, Any]:
    """Read a JSON object by id; an id that stands twice, or a value that does not fit, is an error.

    Args:
        path: the file.
        fits: whether a value is what the format wants.
        expected: what that is, in words.
        asked: what an id stands for, in words.
        given: what its value is, in words.
    """
    text = read_text(path)
    repeated: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in pairs:
            if key in values:
                repeated.append(key)
            values[key] = value
        return values

    found = _parse(path, text, unique)
    if repeated:
        raise DataError(path, f"the id {repeated[0]!r} twice", f"each {asked} id once", _line(text, repeated[0], 1))
    if not isinstance(found, dict):
        raise DataError(path, f"a JSON {type(found).__name__}", f"an object {{{asked} id: {expected}}}", 1)
    for key, value in found.items():
        if not fits(value):
            raise DataError(path, f"{_short(value)} as the {given} to {key!r}", expected, _line(text, key, 0))
    return found


def read_questions(path: Path) -> list[Question]:
    """Read the questions of a SQuAD-layout gold file; the passage is named by its place in the file."""
    text = read_text(path)
    document = _parse(path, text)
    questions: list[Question] = []
    seen: set[str] = set()
    try:
        articles = document["data"] if isinstance(document, dict) else document
        for number, article in enumerate(articles):
            for place, paragraph in enumerate(article["paragraphs"]):
                for entry in paragraph["qas"]:
                    answers = _gold_answers(path, text, entry)
                    if entry["id"] in seen:
                        line = _line(text, entry["id"], 1, key=False)
                        raise DataError(path, f"the id {entry['id']!r} twice", "each question id once", line)
                    if not answers:
                        line = _line(text, entry["id"], 0, key=False)
                        raise DataError(path, f"no answer to {entry['id']!r}", "at least one gold answer", line)
                    seen.add(entry["id"])
                    questions.append(Question(entry["id"], f"{number}.{place}", answers))
    except (KeyError, TypeError) as error:
        raise DataError(path, f"no usable {error}", "SQuAD's layout: data, paragraphs, qas, answers, text") from None
    if not questions:
        raise DataError(path, "no questions", "at least one question")
    return questions


def _gold_answers(path: Path, text: str, entry: Any) -> tuple[str, ...]:
    answers = entry["answers"]
    found = answers if not isinstance(answers, list) else [answer["text"] for answer in answers]
    wrong = [found] if not isinstance(found, list) else [one for one in found if not isinstance(one, str)]
    if wrong:
        line = _line(text, entry["id"], 0, key=False)
        raise DataError(path, f"{_short(wrong[0])} as the gold answer to {entry['id']!r}", "a list of texts", line)
    return tuple(found)


def _parse(path: Path, text: str, hook: Any = None) -> Any:
    try:
        return json.loads(text, object_pairs_hook=hook)
    except json.JSONDecodeError as error:
        raise DataError(path, f"broken JSON ({error.msg})", "a whole JSON document", error.lineno) from None


def _line(text: str, string: str, occurrence: int, key: bool = True) -> int | None:
    """Return the 1-based line of a string's n-th occurrence (as an object's key, or anywhere) in JSON text."""
    forms = "|".join(re.escape(json.dumps(string, ensure_ascii=ascii_only)) for ascii_only in (True, False))
    for number, match in enumerate(re.finditer(f"(?:{forms})" + (r"\s*:" if key else ""), text)):
        if number == occurrence:
            return text.count("\n", 0, match.start()) + 1
    return None

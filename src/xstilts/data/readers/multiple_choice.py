"""Multiple choice: HellaSwag and CommonsenseQA with any number of choices, CosmosQA, SIQA and XCOPA with columns."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from xstilts.data.readers.lines import Row, Source, Unique, csv_rows, filled, json_lines, lines, need
from xstilts.data.readers.records import Fields
from xstilts.data.rows.purity import text_hash
from xstilts.errors import DataError

COSMOS_ANSWERS = ("answer0", "answer1", "answer2", "answer3")
SIQA_ANSWERS = {"A": "answerA", "B": "answerB", "C": "answerC"}
XCOPA_CHOICES = ("choice1", "choice2")
XCOPA_QUESTIONS = ("cause", "effect")


def hellaswag(source: Source) -> Iterator[Row]:
    """Yield HellaSwag rows: prompt ``ctx_a``, choices ``ctx_b`` + " " + ending; the id is the row number."""
    (path,) = source.files
    for row, values in json_lines(path):
        prompt = filled(path, row, need(path, row, values, "ctx_a"), "ctx_a")
        opening = need(path, row, values, "ctx_b")
        endings = need(path, row, values, "endings", list)
        if len(endings) < 2 or not all(isinstance(ending, str) for ending in endings):
            raise DataError(path, f"{len(endings)} endings", "two texts or more under 'endings'", row)
        choices = [filled(path, row, f"{opening} {ending}", "ending") for ending in endings]
        answer = _answer(path, row, values.get("label", ""), len(choices))
        yield _row(source, str(row - 1), text_hash(prompt), prompt, choices, answer)


def cosmosqa(source: Source) -> Iterator[Row]:
    """Yield CosmosQA rows: prompt context + " " + question, four answers."""
    (path,) = source.files
    unique = Unique()
    for row, values in csv_rows(path, ("id", "context", "question", *COSMOS_ANSWERS)):
        context = filled(path, row, values["context"], "context")
        prompt = f"{context} {filled(path, row, values['question'], 'question')}"
        choices = [filled(path, row, values[key], key) for key in COSMOS_ANSWERS]
        answer = _answer(path, row, values.get("label", ""), 4)
        yield _row(source, unique(path, row, values["id"]), text_hash(context), prompt, choices, answer)


def csqa(source: Source) -> Iterator[Row]:
    """Yield CommonsenseQA rows: prompt the question's stem, its choices; the test file has no ``answerKey``."""
    (path,) = source.files
    unique = Unique()
    for row, values in json_lines(path):
        question = need(path, row, values, "question", dict)
        stem = filled(path, row, need(path, row, question, "stem"), "stem")
        options = need(path, row, question, "choices", list)
        if len(options) < 2 or not all(isinstance(option, dict) for option in options):
            raise DataError(path, f"{len(options)} choices", "two objects or more under 'choices'", row)
        letters = [need(path, row, option, "label") for option in options]
        choices = [filled(path, row, need(path, row, option, "text"), "choice") for option in options]
        key = values.get("answerKey") or None
        if key is not None and key not in letters:
            raise DataError(path, f"the label {key!r}", f"one of {' '.join(letters)}", row)
        answer = None if key is None else letters.index(key)
        yield _row(source, unique(path, row, need(path, row, values, "id")), text_hash(stem), stem, choices, answer)


def siqa(source: Source) -> Iterator[Row]:
    """Yield Social IQa rows: prompt context + " " + question (XTREME run_xcopa.py, lines 284-345), three answers.

    The answer stands under ``correct`` (A, B, C), under ``label`` or in a list beside (1, 2, 3, a line each).
    A context is the unit of resampling and of clean splits: a few questions are asked of each.
    """
    path, *beside = source.files
    listed = lines(beside[0]) if beside else None
    count = 0
    for row, values in json_lines(path):
        count = row
        context = filled(path, row, need(path, row, values, "context"), "context")
        prompt = f"{context} {filled(path, row, need(path, row, values, 'question'), 'question')}"
        choices = [filled(path, row, need(path, row, values, key), key) for key in SIQA_ANSWERS.values()]
        if listed is not None and row > len(listed):
            raise DataError(beside[0], f"{len(listed)} labels", f"one for each row of {path.name}", len(listed))
        found = str(values.get("correct", values.get("label", ""))) if listed is None else listed[row - 1].strip()
        letter = dict(zip("123", "ABC", strict=True)).get(found, found)
        if letter not in SIQA_ANSWERS:
            raise DataError(beside[0] if beside else path, f"the label {found!r}", "one of A B C or 1 2 3", row)
        answer = list(SIQA_ANSWERS).index(letter)
        yield _row(source, str(row - 1), text_hash(context), prompt, choices, answer)
    if listed is not None and len(listed) > count:
        raise DataError(beside[0], f"{len(listed)} labels", f"{count}, as many as rows of {path.name}", count + 1)


def xcopa(source: Source) -> Iterator[Row]:
    """Yield the rows of XCOPA and COPA: prompt premise + " What was the cause?" or "... effect?", two choices.

    The question is English in every language (XTREME run_xcopa.py, lines 284-345). ``idx`` numbers the English item
    that a row translates: it is the row's id and its unit of resampling.
    """
    (path,) = source.files
    unique = Unique("idx")
    for row, values in json_lines(path):
        asked = need(path, row, values, "question")
        if asked not in XCOPA_QUESTIONS:
            raise DataError(path, f"the question {asked!r}", f"one of {' '.join(XCOPA_QUESTIONS)}", row)
        prompt = f"{filled(path, row, need(path, row, values, 'premise'), 'premise')} What was the {asked}?"
        choices = [filled(path, row, need(path, row, values, key), key) for key in XCOPA_CHOICES]
        label = str(values.get("label", ""))
        answer = _answer(path, row, source.data.label_names.get(label, label), len(choices))
        number = unique(path, row, str(need(path, row, values, "idx", int)))
        yield _row(source, number, number, prompt, choices, answer)


def _answer(path: Path, row: int, found: object, count: int) -> int | None:
    """Return the index that a number or its text gives (upstream has both), None when the split has no labels."""
    if found == "":
        return None
    if str(found) not in map(str, range(count)):
        raise DataError(path, f"the label {found!r}", f"one of {' '.join(map(str, range(count)))}", row)
    return int(str(found))


def _row(source: Source, name: str, group: str, prompt: str, choices: list[str], answer: int | None) -> Row:
    return {
        "id": name,
        "language": source.language,
        "group": group,
        "prompt": prompt,
        "choices": choices,
        "label": answer,
    }


def records(source: Source, found: Iterable[Fields]) -> Iterator[Row]:
    """Yield the rows of records with ``prompt``, ``choices`` (any number), ``label``, ``id``, ``group``.

    The label is the right choice's number from 0, or whatever ``label_names`` says it by. Rows whose label is one of
    ``drop`` are left out.
    """
    for number, fields in enumerate(found):
        if not fields.dropped("label"):
            yield _record(source, fields, number)


def _record(source: Source, fields: Fields, number: int) -> Row:
    prompt, choices = fields.text("prompt"), fields.values("choices")
    if len(choices) < 2 or not all(isinstance(choice, str) and choice.strip() for choice in choices):
        raise fields.error(f"{len(choices)} choices", "two texts or more")
    answer, label = None, fields.label("label")
    if label is not None:
        answer = _answer(fields.path, fields.row, label, len(choices))
    group = str(fields.value("group")) if fields.has("group") else text_hash(prompt)
    return _row(source, fields.name(number), group, prompt, [choice.strip() for choice in choices], answer)

"""Multiple choice: HellaSwag, CosmosQA and CommonsenseQA."""

from collections.abc import Iterator
from pathlib import Path

from xstilts.data.purity import text_hash
from xstilts.data.readers.lines import Row, Source, Unique, csv_rows, filled, json_lines, need
from xstilts.errors import DataError

COSMOS_ANSWERS = ("answer0", "answer1", "answer2", "answer3")


def hellaswag(source: Source) -> Iterator[Row]:
    """Yield HellaSwag rows: prompt ``ctx_a``, choices ``ctx_b`` + " " + ending; the id is the row number from 0."""
    (path,) = source.files
    for row, values in json_lines(path):
        prompt = filled(path, row, need(path, row, values, "ctx_a"), "ctx_a")
        opening = need(path, row, values, "ctx_b")
        endings = need(path, row, values, "endings", list)
        if len(endings) != 4 or not all(isinstance(ending, str) for ending in endings):
            raise DataError(path, f"{len(endings)} endings", "4 texts under 'endings'", row)
        choices = [filled(path, row, f"{opening} {ending}", "ending") for ending in endings]
        answer = _answer(path, row, values.get("label", ""), 4)
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
    """Yield CommonsenseQA rows: prompt the question's stem, five choices; the test file has no ``answerKey``."""
    (path,) = source.files
    unique = Unique()
    for row, values in json_lines(path):
        question = need(path, row, values, "question", dict)
        stem = filled(path, row, need(path, row, question, "stem"), "stem")
        options = need(path, row, question, "choices", list)
        if len(options) != 5 or not all(isinstance(option, dict) for option in options):
            raise DataError(path, f"{len(options)} choices", "5 objects under 'choices'", row)
        letters = [need(path, row, option, "label") for option in options]
        choices = [filled(path, row, need(path, row, option, "text"), "choice") for option in options]
        key = values.get("answerKey") or None
        if key is not None and key not in letters:
            raise DataError(path, f"the label {key!r}", f"one of {' '.join(letters)}", row)
        answer = None if key is None else letters.index(key)
        yield _row(source, unique(path, row, need(path, row, values, "id")), text_hash(stem), stem, choices, answer)


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

"""Question answering by spans: SQuAD's JSON, which XQuAD, MLQA and TyDi QA share."""

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Any

from xstilts.data.readers.lines import Row, Source, Unique, filled, json_document, need
from xstilts.data.readers.records import Fields
from xstilts.data.registry import language_names
from xstilts.data.rows.purity import text_hash
from xstilts.errors import DataError


def squad(source: Source) -> Iterator[Row]:
    """Yield one row a question; ``document`` is the article's title, or the passage's hash where there is none.

    Every answer must stand in the context at its offset. A file whose answers are all empty is unlabelled (TyDi QA's
    dev as XTREME ships it). Data sets with ``own_ids`` hold several languages in one file, told apart by ids such as
    ``english-...``; where their ids are not unique they are numbered anew. A question of a translation whose answer
    was lost on the way is left out, and so are passages with misplaced answers, where the registry allows for some.
    """
    (path,) = source.files
    left_out = misplaced(source)
    rows = list(_questions(source, path, left_out))
    if source.data.own_ids:
        rows = _of_language(source, path, rows)
        if len({row["id"] for row in rows}) < len(rows):
            rows = [{**row, "id": f"{source.language}-{index}"} for index, row in enumerate(rows)]
    unique = Unique()
    for row in rows:
        unique(path, None, row["id"])
    answered = [bool(row["answers"]) or row["impossible"] for row in rows]
    if any(answered) and not all(answered):
        name = rows[answered.index(False)]["id"]
        raise DataError(path, f"no answer to question {name}", "an answer to each question that is not impossible")
    yield from rows


def misplaced(source: Source) -> set[str]:
    """Return the ids of the questions that are left out, as the registry allows, for answers that are not in place.

    Of a translation those whose every answer was lost on the way; else all on passages in which an answer does not
    stand at its offset.

    Raises:
        DataError: more passages than the registry allows for; it names the first answer.
    """
    if not source.data.misplaced and not source.data.is_translation:
        return set()
    (path,) = source.files
    if source.data.is_translation:
        return {name for name, context, answers in _asked(path) if answers and not _standing(context, answers)}
    found: set[str] = set()
    passages = 0
    first: DataError | None = None
    for _, paragraph, where in _passages(path):
        context = need(path, None, paragraph, "context", str, where)
        asked = [
            (need(path, None, question, "id", str, where), need(path, None, question, "answers", list, where))
            for question in need(path, None, paragraph, "qas", list, where)
        ]
        try:
            for name, answers in asked:
                for answer in answers:
                    _answer(path, name, context, answer)
        except DataError as error:
            first = first or error
            found.update(name for name, _ in asked)
            passages += 1
    if first is not None and passages > source.data.misplaced:
        raise first
    return found


def _passages(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any], str]]:
    """Yield (article, paragraph, where it stands in words) of a SQuAD document."""
    document = json_document(path)
    if not isinstance(document, dict):
        raise DataError(path, f"a JSON {type(document).__name__}", "an object with 'data'")
    articles = need(path, None, document, "data", list)
    if not articles:
        raise DataError(path, "no articles", "at least one under 'data'")
    for number, article in enumerate(articles):
        where = f" in article {number + 1}"
        for paragraph in need(path, None, article, "paragraphs", list, where):
            yield article, paragraph, where


def _questions(source: Source, path: Path, left_out: Set[str]) -> Iterator[Row]:
    for article, paragraph, where in _passages(path):
        context = need(path, None, paragraph, "context", str, where)
        group = text_hash(filled(path, None, context, f"context{where}"))
        for question in need(path, None, paragraph, "qas", list, where):
            name = need(path, None, question, "id", str, where)
            if name in left_out:
                continue
            in_question = f" in question {name}"
            text = need(path, None, question, "question", str, in_question)
            answers = need(path, None, question, "answers", list, in_question)
            answers = _standing(context, answers) if source.data.is_translation else answers
            yield {
                "id": name,
                "language": source.language,
                "group": group,
                "document": article.get("title") or group,
                "context": context,
                "question": filled(path, None, text, f"question{in_question}"),
                "answers": [answer for found in answers if (answer := _answer(path, name, context, found))],
                "impossible": bool(question.get("is_impossible", False)),
            }


def _asked(path: Path) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Yield (id, context, answers) of each question of a SQuAD document."""
    for _, paragraph, where in _passages(path):
        context = need(path, None, paragraph, "context", str, where)
        for question in need(path, None, paragraph, "qas", list, where):
            name = need(path, None, question, "id", str, where)
            yield name, context, need(path, None, question, "answers", list, f" in question {name}")


def _standing(context: str, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the translated answers that are where they should be, and what is no answer, which is refused later."""
    return [
        found
        for found in answers
        if not isinstance(found, dict) or _stands(context, found.get("text"), found.get("answer_start"))
    ]


def _stands(context: str, text: object, start: object) -> bool:
    return (
        bool(text)
        and isinstance(text, str)
        and isinstance(start, int)
        and start >= 0
        and context.startswith(text, start)
    )


def _answer(path: Path, name: str, context: str, answer: dict[str, Any]) -> Row | None:
    """Return the answer after checking its offset, None for a stripped one (an empty text)."""
    text = need(path, None, answer, "text", str, f" in question {name}")
    if not text:
        return None
    start = need(path, None, answer, "answer_start", int, f" in question {name}")
    there = context[max(start, 0) : max(start, 0) + len(text)]
    if start < 0 or there != text:
        found = f"the answer {text!r} of question {name} at offset {start}, where the context reads {there!r}"
        raise DataError(path, found, "the same text in both")
    return {"text": text, "start": start}


def _of_language(source: Source, path: Path, rows: list[Row]) -> list[Row]:
    """Return the rows of the source's language from a file of several; a file of one other language is an error.

    Only a prefix that names a language of the data set counts; ids of any other form say nothing about the language.
    """
    codes = {name: code for code in source.data.languages for name in (code, language_names(code).get("name", code))}
    codes[source.language] = source.language
    found = [codes.get(row["id"].split("-", 1)[0]) for row in rows]
    if not any(found):
        return rows
    kept = [row for row, code in zip(rows, found, strict=True) if code == source.language]
    other = Counter(code or "none" for code in found if code != source.language)
    if other and (not kept or f".{source.language}." in path.name):
        counts = ", ".join(f"{count} of {code}" for code, count in other.most_common(3))
        wanted = language_names(source.language).get("name", source.language)
        raise DataError(path, f"questions in other languages ({counts})", f"ids that begin with {wanted}-")
    return kept


def records(source: Source, found: Iterable[Fields]) -> Iterator[Row]:
    """Yield the rows of records with ``context``, ``question``, ``answers``, ``id``, ``document``.

    Answers are as the Hub has them, ``{"text": [...], "answer_start": [...]}``, or two fields, ``answer`` and
    ``answer_start``, of one each. A row without any has no label, unless ``impossible`` says that there is no answer.
    """
    for number, fields in enumerate(found):
        yield _record(source, fields, number)


def _record(source: Source, fields: Fields, number: int) -> Row:
    context, name = fields.value("context"), fields.name(number)
    if not isinstance(context, str) or not context.strip():
        raise fields.error("an empty context", "a text")
    found = fields.value("answers") if fields.has("answers") else None
    if fields.has("answer") and fields.value("answer") not in (None, ""):
        start = str(fields.value("answer_start"))
        if not start.isdecimal():
            raise fields.error(f"the place {start!r} of an answer", "the number of its first character, from 0")
        found = {"text": [fields.value("answer")], "answer_start": [int(start)]}
    try:
        pairs = list(zip(found["text"], found["answer_start"], strict=True)) if found else []
    except (KeyError, TypeError, ValueError):
        raise fields.error("answers of another form", '{"text": [...], "answer_start": [...]}') from None
    answers = [_answer(fields.path, name, context, {"text": text, "answer_start": start}) for text, start in pairs]
    group = text_hash(context)
    return {
        "id": name,
        "language": source.language,
        "group": group,
        "document": str(fields.value("document")) if fields.has("document") else group,
        "context": context,
        "question": fields.text("question"),
        "answers": [answer for answer in answers if answer],
        "impossible": fields.has("impossible") and str(fields.value("impossible")).lower() in ("true", "1"),
    }

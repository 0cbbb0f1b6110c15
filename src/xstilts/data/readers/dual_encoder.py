"""Queries, candidates and pairs of both, each a data set of its own: which one a row is, its fields say.

LAReQA (XQuAD-R, and SQuAD for training) and Mewsli-X. Texts are final: joined, marked and cleaned as the benchmark's.
The readers of a user's own (``records``, ``queries``, ``pairs``) stand in a module of theirs.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from xstilts.data.readers.lines import Row, Source, Unique, filled, json_document, need, streamed_json_lines
from xstilts.data.readers.searches import pairs as pairs
from xstilts.data.readers.searches import queries as queries
from xstilts.data.readers.searches import records as records
from xstilts.data.rows.purity import text_hash
from xstilts.data.rows.sentences import Span, sentence_spans
from xstilts.errors import DataError

PAIR = re.compile(r"\{(.*?)\}")
LONE = str.maketrans("{}", "()")


def in_context(sentence: str, context: str) -> str:
    """Return LAReQA's candidate: the sentence and its passage without a space between, and without line breaks.

    XTREME evaluate_retrieval.py, lines 572-574. Its training code gives the tokenizer both as a pair; here training
    reads what is searched later.
    """
    return f"{sentence}{context}".replace("\n", "")


def lareqa(source: Source) -> Iterator[Row]:
    """Yield a row a question of XQuAD-R: its targets are the sentences of its answer in every language that is there.

    ``source.files`` are the language's own file and those of the other languages. A passage is the unit of resampling.

    Raises:
        DataError: also for a question whose answer stands in no sentence.
    """
    own, *others = source.files
    elsewhere = [_answered(path) for path in others]
    unique = Unique()
    for _, passage, spans in _passages(own):
        group = text_hash(passage["context"])
        for question in passage["qas"]:
            name = unique(own, None, need(own, None, question, "id", str))
            found = _sentences_of(own, passage["context"], spans, question)
            targets = [f"{passage['id']}-{place}" for place in found]
            targets += [target for answered in elsewhere for target in answered.get(name, ())]
            text = filled(own, None, need(own, None, question, "question"), f"question {name}")
            yield {"id": name, "language": source.language, "group": group, "text": text, "targets": targets}


def lareqa_candidates(source: Source) -> Iterator[Row]:
    """Yield every sentence of XQuAD-R's passages, its passage behind it; ids begin with the language."""
    (path,) = source.files
    for number, passage, spans in _passages(path):
        for place, (start, end) in enumerate(spans):
            sentence = filled(path, None, passage["context"][start:end], f"sentence {place + 1} of passage {number}")
            yield {
                "id": f"{passage['id']}-{place}",
                "language": source.language,
                "group": str(number),
                "text": in_context(sentence, passage["context"]),
            }


def _answered(path: Path) -> dict[str, list[str]]:
    """Return the ids of the sentences that answer each question of one language's file."""
    return {
        need(path, None, question, "id", str): [
            f"{passage['id']}-{place}" for place in _sentences_of(path, passage["context"], spans, question)
        ]
        for _, passage, spans in _passages(path)
        for question in passage["qas"]
    }


def _paragraphs(path: Path) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Yield (number from 1, paragraph with its context and questions, its article) of a file in SQuAD's layout."""
    number = 0
    for article in need(path, None, json_document(path), "data", list):
        for paragraph in need(path, None, article, "paragraphs", list):
            number += 1
            where = f" in passage {number}"
            filled(path, None, need(path, None, paragraph, "context", str, where), f"context{where}")
            need(path, None, paragraph, "qas", list, where)
            yield number, paragraph, article


def _passages(path: Path) -> Iterator[tuple[int, dict[str, Any], list[Span]]]:
    """Yield (number from 1, passage with an id ``LANGUAGE-NUMBER``, its sentences) of a file of XQuAD-R."""
    for number, passage, _ in _paragraphs(path):
        where = f" in passage {number}"
        breaks = need(path, None, passage, "sentence_breaks", list, where)
        if not breaks or not all(_is_span(one, passage["context"]) for one in breaks):
            raise DataError(path, f"sentence breaks that do not fit{where}", "[start, end] inside the context")
        yield number, {**passage, "id": f"{path.stem}-{number}"}, [(start, end) for start, end in breaks]


def _is_span(found: Any, context: str) -> bool:
    whole = isinstance(found, list) and len(found) == 2 and all(type(one) is int for one in found)
    return whole and 0 <= found[0] < found[1] <= len(context)


def _sentences_of(path: Path, context: str, spans: Sequence[Span], question: dict[str, Any]) -> list[int]:
    """Return the numbers of the sentences that read as the one in which a question's answer begins.

    XTREME utils_lareqa.py (load_data, generate_examples): sentences of one wording in a passage are all right.
    """
    name, begin = need(path, None, question, "id", str), _begin(path, context, question)
    sentence = next((context[start:end] for start, end in spans if start <= begin < end), None)
    if sentence is None:
        expected = "an answer that begins in a sentence of its passage"
        raise DataError(path, f"the question {name} without a target: its answer begins at {begin}", expected)
    return [number for number, (start, end) in enumerate(spans) if context[start:end] == sentence]


def squad_pairs(source: Source) -> Iterator[Row]:
    """Yield SQuAD's questions, each with the sentence in which its first answer begins, in its passage."""
    (path,) = source.files
    unique = Unique()
    for _, passage, article in _paragraphs(path):
        context, group = passage["context"], text_hash(passage["context"])
        spans = sentence_spans(context)
        for question in passage["qas"]:
            name = unique(path, None, need(path, None, question, "id", str))
            begin = _begin(path, context, question)
            start, end = next(span for span in spans if begin < span[1])
            yield {
                "id": name,
                "language": source.language,
                "group": group,
                "document": article.get("title") or group,
                "query": filled(path, None, need(path, None, question, "question"), f"question {name}"),
                "target": in_context(context[start:end], context),
            }


def _begin(path: Path, context: str, question: dict[str, Any]) -> int:
    """Return where a question's first answer stands in its passage."""
    where = f" in question {question['id']}"
    answers = need(path, None, question, "answers", list, where)
    if not answers:
        raise DataError(path, f"the question {question['id']} without an answer", "one answer at least, in its passage")
    begin = need(path, None, answers[0], "answer_start", int, where)
    text = need(path, None, answers[0], "text", str, where)
    if not text or begin < 0 or not context.startswith(text, begin):
        found = (
            f"the answer {text!r}{where} at offset {begin}, where the context reads {context[begin:][: len(text)]!r}"
        )
        raise DataError(path, found, "the same text in both")
    return begin


def mewslix(source: Source) -> Iterator[Row]:
    """Yield the mentions of WikiNews articles in a language; the file holds all languages. An article is a unit."""
    (path,) = source.files
    unique = Unique()
    for row, values in streamed_json_lines(path):
        context = need(path, row, values, "context", dict)
        if need(path, row, context, "language") != source.language:
            continue
        article = need(path, row, context, "document_id")
        for mention in need(path, row, values, "mentions", list):
            name = unique(path, row, need(path, row, mention, "example_id"))
            yield {
                "id": name,
                "language": source.language,
                "group": article,
                "text": _marked(path, row, context, mention),
                "targets": [filled(path, row, need(path, row, mention, "entity_id"), f"entity_id of mention {name}")],
            }


def mewslix_candidates(source: Source) -> Iterator[Row]:
    """Yield the entities: the sentences of their descriptions. A million rows, read one by one."""
    (path,) = source.files
    unique = Unique()
    for row, values in streamed_json_lines(path):
        name = unique(path, row, filled(path, row, need(path, row, values, "entity_id"), "entity_id"))
        yield {
            "id": name,
            "language": need(path, row, values, "description_language"),
            "group": name,
            "text": _description(path, row, values),
        }


def mewslix_pairs(source: Source) -> Iterator[Row]:
    """Yield English mentions of Wikipedia with the descriptions of their entities; an entity is a unit."""
    (path,) = source.files
    unique = Unique()
    for row, values in streamed_json_lines(path):
        found = need(path, row, values, "contextual_mention", dict)
        context, mention = need(path, row, found, "context", dict), need(path, row, found, "mention", dict)
        entity = need(path, row, values, "entity", dict)
        yield {
            "id": unique(path, row, need(path, row, mention, "example_id")),
            "language": need(path, row, context, "language"),
            "group": need(path, row, entity, "entity_id"),
            "query": _marked(path, row, context, mention),
            "target": _description(path, row, entity),
        }


def _marked(path: Path, row: int, context: dict[str, Any], mention: dict[str, Any]) -> str:
    """Return a mention in its sentence, between braces, with itself before (XTREME utils_mewslix.py, 457-506).

    ``Smith: The verdict came for { Smith }, who stepped down.`` Pairs of braces that stand in the text already become
    parentheses; so do single ones here, which the official code leaves, for the mention's to be the only ones.
    """
    name = need(path, row, mention, "example_id")
    span = need(path, row, mention, "mention_span", dict, f" of mention {name}")
    text = need(path, row, context, "text", str)
    start, end = (need(path, row, span, key, int, f" of mention {name}") for key in ("start", "end"))
    said = need(path, row, span, "text", str, f" of mention {name}")
    if not 0 <= start < end or text[start:end] != said:
        there = text[max(start, 0) : max(end, 0)]
        raise DataError(
            path, f"the mention {name} {said!r} where the text reads {there!r}", "the same text in both", row
        )
    if said.count("{") != said.count("}"):
        raise DataError(path, f"the mention {name} {said!r}, whose braces do not match", "none, or pairs of them", row)
    spans = _spans(path, row, context, text)
    inside = next((one for one in spans if one[0] <= start and end <= one[1]), None)
    if inside is None:
        raise DataError(path, f"the mention {name} {said!r} in no one sentence", "a sentence span around it", row)
    left, right = (PAIR.sub(r"(\1)", part).translate(LONE) for part in (text[inside[0] : start], text[end : inside[1]]))
    return _one_line(f"{said}: {left} {{ {said} }} {right}")


def _description(path: Path, row: int, entity: dict[str, Any]) -> str:
    """Return the sentences of an entity's description on one line (XTREME utils_mewslix.py, 509-513)."""
    text = need(path, row, entity, "description", str)
    joined = " ".join(text[start:end] for start, end in _spans(path, row, entity, text))
    return filled(path, row, _one_line(joined) or _one_line(text), f"description of {entity['entity_id']}")


def _spans(path: Path, row: int, values: dict[str, Any], text: str) -> list[Span]:
    found = need(path, row, values, "sentence_spans", list)
    spans = [(need(path, row, one, "start", int), need(path, row, one, "end", int)) for one in found]
    if not all(0 <= start < end <= len(text) for start, end in spans):
        raise DataError(path, "a sentence span beyond its text", "start and end inside it", row)
    return spans


def _one_line(text: str) -> str:
    return " ".join(text.splitlines()).replace("  ", " ").strip()

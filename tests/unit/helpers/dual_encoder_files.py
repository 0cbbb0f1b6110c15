"""Tiny files of LAReQA and Mewsli-X in their upstream formats."""

import json
from typing import Any

LANGUAGES = ("ar", "de", "en", "es", "fa", "ja", "pl", "ro", "ta", "tr", "uk")  # of Mewsli-X


def xquad_r(language: str) -> str:
    """Two questions on a passage of two sentences."""
    context = f"Ada {language}. She read."
    begins = (0, len(context) - len("She read."))
    asked = [
        {"id": f"q{n}", "question": f"{language} {n}?", "answers": [{"text": context[at : at + 3], "answer_start": at}]}
        for n, at in enumerate(begins)
    ]
    breaks = [[0, begins[1] - 1], [begins[1], len(context)]]
    return json.dumps(
        {"data": [{"title": "Ada", "paragraphs": [{"context": context, "qas": asked} | {"sentence_breaks": breaks}]}]}
    )


def mewslix_files() -> dict[str, str]:
    """Return {name: content} of the published files: two mentions a language and split, three entities, two pairs."""
    files = {}
    for split in ("dev", "test"):
        files[f"wikinews_mentions-{split}.jsonl"] = _lines(*(_article(code, split) for code in LANGUAGES))
    files["candidate_set_entities.jsonl"] = _lines(*map(_entity, (1, 2, 3)))
    for split in ("train", "dev"):
        pairs = [
            {
                "contextual_mention": {"context": _context(split, "en"), "mention": _mention(f"{split}{n}", n)},
                "entity": _entity(n),
            }
            for n in (1, 2)
        ]
        files[f"wikipedia_pairs-{split}.jsonl"] = _lines(*pairs)
    return files


def _article(language: str, split: str) -> dict[str, Any]:
    mentions = [_mention(f"{language}-{split}-{number}", number) for number in (1, 2)]
    return {"context": _context(f"{language}-{split}", language), "mentions": mentions}


def _context(name: str, language: str) -> dict[str, Any]:
    text = f"Ada of {language} left. Then rain."
    spans = [{"start": 0, "end": len(text) - 11}, {"start": len(text) - 10, "end": len(text)}]
    return {"document_id": name, "language": language, "text": text, "sentence_spans": spans}


def _mention(name: str, number: int) -> dict[str, Any]:
    return {"example_id": name, "mention_span": {"start": 0, "end": 3, "text": "Ada"}, "entity_id": f"Q{number}"}


def _entity(number: int) -> dict[str, Any]:
    text = f"Entity {number}."
    spans = [{"start": 0, "end": len(text)}]
    return {"entity_id": f"Q{number}", "description": text, "description_language": "en", "sentence_spans": spans}


def _lines(*values: object) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)

"""What of a training row is translated, and the row in the other language: labels and ids stay, answers are carried.

Texts are translated sentence by sentence. The sentence that holds an answer is translated with markers around the
answer; where the markers are lost, the answer is translated alone and looked for in the plain sentence; where it is
not there either, the question is left out.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from xstilts.families.facts import facts

Row = Mapping[str, Any]
SENTENCE = re.compile(r"\S.*?(?:[.!?]+(?=\s)|$)", re.DOTALL)
MARKERS = (("[", "]"), ("{", "}"), ("<", ">"), ("«", "»"))  # the first pair that the sentence does not have itself


def sentences(text: str) -> list[tuple[int, int]]:
    """Return where the sentences of a text begin and end; white space between them belongs to none."""
    return [(found.start(), found.end()) for found in SENTENCE.finditer(text.rstrip())]


def wanted(row: Row, family: str) -> Iterator[str]:
    """Yield every text of which ``translated`` needs the translation, some of them more than once."""
    whole = [row[name] for name in _texts(row, family)] + list(row.get("choices", ()))
    if row.get("answers"):
        before, inside, after = around_answer(row)
        yield from (*before, inside, marked(row), row["answers"][0]["text"], *after)
    elif "answers" in row:
        whole.append(row["context"])
    for text in whole:
        yield from (text[begin:end] for begin, end in sentences(text))


def translated(row: Row, family: str, language: str, known: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the row in another language, None when its answer was lost.

    Args:
        row: an English training row.
        family: classification, multiple_choice or span_qa.
        language: the code of the other language.
        known: text to translation, of all that ``wanted`` yields.
    """
    new = {**row, "language": language} | {name: _joined(row[name], known) for name in _texts(row, family)}
    if "choices" in row:
        new["choices"] = [_joined(choice, known) for choice in row["choices"]]
    if "answers" not in row:
        return new
    if not row["answers"]:
        return new | {"context": _joined(row["context"], known)}
    before, inside, after = around_answer(row)
    found = carried(known[marked(row)], pair_of(inside)) or looked_for(known[inside], known[row["answers"][0]["text"]])
    if found is None:
        return None
    sentence, start, length = found
    head = "".join(f"{known[text]} " for text in before)
    context = head + " ".join([sentence, *(known[text] for text in after)])
    answer = {"text": sentence[start : start + length], "start": len(head) + start}
    return new | {"context": context, "answers": [answer]}


def _texts(row: Row, family: str) -> list[str]:
    """Return the fields that translate whole and that this row has: a text alone has no second one."""
    return [name for name in facts(family).translated if row[name] is not None]


def around_answer(row: Row) -> tuple[list[str], str, list[str]]:
    """Return the sentences before the first answer, the one or several that hold it as one text, and those after."""
    context, answer = row["context"], row["answers"][0]
    first, last = answer["start"], answer["start"] + len(answer["text"])
    before, after, inside = [], [], [first, last]
    for begin, end in sentences(context):
        if end <= first:
            before.append(context[begin:end])
        elif begin >= last:
            after.append(context[begin:end])
        else:
            inside = [min(inside[0], begin), max(inside[1], end)]
    return before, context[inside[0] : inside[1]], after


def marked(row: Row) -> str:
    """Return the text that holds the first answer, with markers around it."""
    before_it, inside, _ = around_answer(row)
    answer = row["answers"][0]
    place = row["context"].index(inside, sum(map(len, before_it)))
    start = answer["start"] - place
    left, right = pair_of(inside)
    end = start + len(answer["text"])
    return f"{inside[:start]}{left}{inside[start:end]}{right}{inside[end:]}"


def pair_of(text: str) -> tuple[str, str]:
    """Return the first pair of markers that a text does not have itself, the first of all when it has every one."""
    return next((pair for pair in MARKERS if not set(pair) & set(text)), MARKERS[0])


def carried(text: str, pair: tuple[str, str]) -> tuple[str, int, int] | None:
    """Return (sentence without markers, start, length) of what the markers hold, None when they were not kept."""
    left, right = pair
    if text.count(left) != 1 or text.count(right) != 1 or text.index(left) > text.index(right):
        return None
    head, rest = text.split(left)
    answer, tail = rest.split(right)
    start = len(head) + len(answer) - len(answer.lstrip())
    return (head + answer + tail, start, len(answer.strip())) if answer.strip() else None


def looked_for(sentence: str, answer: str) -> tuple[str, int, int] | None:
    """Return (sentence, start, length) of a translated answer in a translated sentence, None when it is not there."""
    found = re.search(re.escape(answer.strip(" .")), sentence, re.IGNORECASE) if answer.strip(" .") else None
    return (sentence, found.start(), found.end() - found.start()) if found else None


def _joined(text: str, known: Mapping[str, str]) -> str:
    return " ".join(known[text[begin:end]] for begin, end in sentences(text))

"""Where the sentences of English prose begin and end, for SQuAD, whose passages come whole.

XTREME-R's code takes a rule set of its own (sb_sed.py) for SQuAD, and LAReQA's files have that code's breaks. On
LAReQA's English passages this module gives 1,164 of their 1,180 sentences, and the same sentence for 1,176 of the 1,190
answers (tests/unit/data/test_rankings_data.py); sentencex, by which raw text is cut, gives 1,123 and 1,151.
"""

import re
from collections.abc import Iterator

Span = tuple[int, int]

END = re.compile(r"""[.!?]+["'”’»)\]]*(?=\s)""")
OPENING = "\"'“‘«([¡¿"
ABBREVIATIONS = {
    "al", "approx", "apr", "assn", "aug", "bros", "ca", "capt", "cf", "co", "col", "corp", "dec", "dept", "dr", "e.g",
    "est", "etc", "feb", "fig", "ft", "gen", "gov", "hon", "i.e", "inc", "jan", "jr", "jul", "jun", "lt", "ltd",
    "maj", "mar", "mr", "mrs", "ms", "mt", "no", "nov", "oct", "pres", "prof", "rep", "rev", "sen", "sep", "sept",
    "sgt", "sr", "st", "u.k", "u.s", "univ", "vol", "vs",
}  # fmt: skip


def sentence_spans(text: str) -> list[Span]:
    """Return (start, end) of each sentence, without outer white space; together they hold all that is no white space.

    A sentence ends at a full stop, question or exclamation mark (and closing quotes and brackets) before white space
    that an upper-case letter, a digit or an opening quote follows; not after an abbreviation or an initial.
    """
    return [span for span in _stripped(text) if span[0] < span[1]]


def _stripped(text: str) -> Iterator[Span]:
    start = 0
    for found in END.finditer(text):
        if _ends(text, found):
            yield _strip(text, start, found.end())
            start = found.end()
    yield _strip(text, start, len(text))


def _ends(text: str, found: re.Match[str]) -> bool:
    after = text[found.end() :].lstrip()[:1]
    if not after or not (after.isupper() or after.isdigit() or after in OPENING):
        return False
    word = re.split(r"\s", text[: found.start()])[-1].lstrip(OPENING).lower()
    initial = len(word) == 1 and word.isalpha() and word != "i"
    return found.group() != "." or not (word in ABBREVIATIONS or initial)


def _strip(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end

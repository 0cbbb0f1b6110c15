"""Readers by upstream format: each takes a Source and yields normalised rows, or raises one DataError."""

from collections.abc import Callable, Iterator

from xstilts.data.readers import classification, multiple_choice, retrieval, span_qa, tagging, text
from xstilts.data.readers.lines import Row, Source

READERS: dict[str, Callable[[Source], Iterator[Row]]] = {
    "nli": classification.nli,
    "pairs": classification.pairs,
    "qqp": classification.qqp,
    "hellaswag": multiple_choice.hellaswag,
    "cosmosqa": multiple_choice.cosmosqa,
    "csqa": multiple_choice.csqa,
    "word_tags": tagging.word_tags,
    "panx": tagging.panx,
    "squad": span_qa.squad,
    "tatoeba": retrieval.tatoeba,
    "bucc": retrieval.bucc,
    "text": text.text,
}

__all__ = ["READERS", "Row", "Source"]

"""Word-tag files from Universal Dependencies treebanks, as XTREME builds its UDPOS task.

XTREME keeps the words of the running text: a multiword token ("du" = de + le) is one word again. From that follows
the rest: which of the inner tags it gets, which sentences have no text at all, which characters go.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from xstilts.data.readers.lines import columns, lines
from xstilts.errors import DataError, MissingData
from xstilts.files import write_text

Sentence = tuple[list[str], list[str]]

# Which tag a fused word takes when several of its parts are equally high in the tree (XTREME's conversion of 2020).
PRECEDENCE = {
    "default": "VERB NOUN PROPN PRON ADJ NUM ADV INTJ AUX ADP DET PART CCONJ SCONJ X PUNCT",
    "es": "VERB AUX PRON ADP DET",
    "fr": "VERB AUX PRON NOUN ADJ ADV ADP DET PART SCONJ CONJ",
    "it": "VERB AUX ADV PRON ADP DET INTJ",
}


@dataclass(frozen=True)
class _Token:
    form: str
    tag: str
    head: int


def build(treebanks: Path, language: str, output: Path) -> dict[str, int]:
    """Write ``output``/SPLIT-LANGUAGE.tsv from the conllu files of a language below ``treebanks``.

    All files whose names begin with the language code count (``fr_gsd-ud-dev.conllu``), joined in the sorted order of
    their names. Training files count in English only, which alone is trained on. Test files keep their tags here;
    XTREME strips them.

    Returns:
        {split: number of sentences} of the splits that exist.

    Raises:
        MissingData: no treebank of the language. DataError: a broken file.
    """
    files = sorted(treebanks.rglob(f"{language}_*.conllu"), key=lambda path: path.name)
    if not files:
        raise MissingData(f"no treebank {language}_*.conllu below {treebanks}")
    counts = {}
    for split in ("train", "dev", "test") if language == "en" else ("dev", "test"):
        chosen = [path for path in files if path.stem.endswith(f"-{split}")]
        if chosen:
            sentences = [sentence for path in chosen for sentence in convert(path, language)]
            blocks = ("\n".join(f"{word}\t{tag}" for word, tag in zip(*pair, strict=True)) for pair in sentences)
            write_text(output / f"{split}-{language}.tsv", "\n\n".join(blocks) + "\n")
            counts[split] = len(sentences)
    return counts


def convert(path: Path, language: str) -> Iterator[Sentence]:
    """Yield (words, tags) of the sentences of a conllu file that XTREME keeps.

    A sentence is left out when at most one of its words is more than a placeholder ("_", of treebanks whose text is
    licensed apart). Spaces inside words and U+200C (zero-width non-joiner) are removed.
    """
    precedence = PRECEDENCE.get(language, PRECEDENCE["default"]).split()
    for tokens, spans in _sentences(path):
        words, tags = _fused(tokens, spans, precedence)
        placeholders = words.count("_")
        if placeholders == 0 or placeholders < len(words) - 1:
            yield [word.replace("\u200c", "").replace(" ", "") for word in words], tags


def _fused(
    tokens: dict[int, _Token], spans: dict[int, tuple[int, str]], precedence: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the words of the running text and their tags; ``spans`` is {first id: (last id, surface form)}."""
    words, tags, last = [], [], 0
    for index, token in tokens.items():
        if index <= last:
            continue
        if index in spans:
            last, form = spans[index]
            inner = range(index, last + 1)
            depths = {part: _depth(tokens, part) for part in inner}
            highest = [part for part in inner if depths[part] == min(depths.values())]
            # With one part above the others its tag stands, whatever the precedence says.
            chosen = min(highest, key=lambda part: _rank(precedence, tokens[part].tag))
            words.append(form.strip())
            tags.append(tokens[chosen].tag)
        else:
            words.append(token.form.strip())
            tags.append(token.tag)
    return words, tags


def _rank(precedence: Sequence[str], tag: str) -> int:
    return precedence.index(tag) if tag in precedence else len(precedence)


def _depth(tokens: dict[int, _Token], index: int) -> int:
    """Return the number of tokens above ``index``; a cycle (broken annotation) counts each of its tokens once."""
    above: set[int] = set()
    while (head := tokens[index].head) in tokens and head not in above:
        above.add(head)
        index = head
    return len(above)


def _sentences(path: Path) -> Iterator[tuple[dict[int, _Token], dict[int, tuple[int, str]]]]:
    """Yield ({id: token}, {first id: (last id, surface form)}) of each sentence; empty nodes (8.1) are left out."""
    tokens: dict[int, _Token] = {}
    spans: dict[int, tuple[int, str]] = {}
    for row, line in enumerate([*lines(path), ""], start=1):
        if line.startswith("#"):
            continue
        if not line.strip():
            if tokens:
                _check_spans(path, row, tokens, spans)
                yield tokens, spans
            tokens, spans = {}, {}
            continue
        name, form, _, tag, _, _, head, *_ = columns(path, row, line, 10)
        if "." in name:
            continue
        try:
            if "-" in name:
                first, last = map(int, name.split("-"))
                spans[first] = last, form
            else:
                tokens[int(name)] = _Token(form, tag, int(head) if head != "_" else 0)
        except ValueError:
            raise DataError(path, f"the id {name!r} with head {head!r}", "numbers, N-M or N.M", row) from None


def _check_spans(path: Path, row: int, tokens: dict[int, _Token], spans: dict[int, tuple[int, str]]) -> None:
    if list(tokens) != list(range(1, len(tokens) + 1)):
        raise DataError(path, "token ids with a gap before this line", f"1 to {len(tokens)}", row)
    for first, (last, form) in spans.items():
        if first not in tokens or last not in tokens or last < first:
            raise DataError(path, f"the span {first}-{last} of {form!r}", "ids of the sentence's tokens", row)

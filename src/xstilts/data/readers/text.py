"""Raw text for masked language modelling: Bible, FLORES, Wikipedia, a corpus of one's own, the generated world."""

from collections.abc import Iterator

from xstilts.data.readers.lines import Row, Source, Unique, columns, filled, lines

CORPORA = ("bible", "flores", "world", "wikipedia")


def text(source: Source) -> Iterator[Row]:
    """Yield one row a line of every file; ``group`` names the corpus: one of ``CORPORA``, or parallel.

    Bible lines are ``reference TAB verse``, parallel lines ``sentence TAB English sentence`` (the latter becomes
    ``text_b``), all others a sentence a line. Where Wikipedia's has blank lines, they part its paragraphs, which
    ``passage`` numbers.
    """
    unique = Unique("reference")
    for path in source.files:
        corpus = "parallel" if path.name.startswith("parallel.") else _corpus(path.parts)
        parted = corpus == "wikipedia" and any(not line.strip() for line in lines(path))
        passage = 0
        for row, line in enumerate(lines(path), start=1):
            name, text_b = str(row - 1), None
            if parted and not line.strip():
                passage += 1
                continue
            if corpus == "bible":
                name, line = columns(path, row, line, 2)
                unique(path, row, name)
            elif corpus == "parallel":
                line, text_b = columns(path, row, line, 2)
            found: Row = {"id": f"{corpus}-{name}", "language": source.language, "group": corpus}
            found["text"] = filled(path, row, line, "line")
            if parted:
                found["passage"] = passage
            if text_b is not None:
                found["text_b"] = filled(path, row, text_b, "English line")
            yield found


def _corpus(parts: tuple[str, ...]) -> str:
    return next(part for part in reversed(parts[:-1]) if part in CORPORA)

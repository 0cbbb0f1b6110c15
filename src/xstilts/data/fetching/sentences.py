"""Running text into sentences, in every script that the workflow's languages are written in."""

from collections.abc import Callable, Iterable, Iterator

SHORTEST = 20  # bytes of UTF-8 of a line's letters and digits: 20 Latin letters, 10 Cyrillic ones, 7 Chinese signs
THAI = 60  # characters after which a space ends a sentence of Thai
GENITIVE = "၏"


def paragraphs(text: str, language: str) -> Iterator[list[str]]:
    """Yield the sentences of each paragraph of an article. A line is one; headings and single words are left out."""
    for line in text.split("\n"):
        if _letters(line) >= SHORTEST:
            yield sentences(line, language)


def sentences(paragraph: str, language: str) -> list[str]:
    """Return the sentences of a paragraph, white space in them collapsed.

    The rules are those of ``sentencex``, which the Wikimedia Foundation keeps for its own articles: what ends a
    sentence in each script, and abbreviations by language. Two are this function's own: Thai has no such sign, there a
    sentence ends at the first space after ``THAI`` characters; and Burmese's sign of the genitive ends none.
    """
    from sentencex import segment

    if language == "th":
        cut: Iterable[str] = _joined(paragraph.split(), lambda held: len(held) < THAI)
    else:
        cut = (" ".join(part.split()) for part in segment(language, paragraph))
    if language == "my":
        cut = _joined(cut, lambda held: held.endswith(GENITIVE))
    return [one for one in cut if one]


def _joined(parts: Iterable[str], is_open: Callable[[str], bool]) -> Iterator[str]:
    """Yield the parts, each that is open with those that follow it."""
    held = ""
    for part in parts:
        held = f"{held} {part}" if held else part
        if not is_open(held):
            yield held
            held = ""
    yield held


def _letters(line: str) -> int:
    return len("".join(filter(str.isalnum, line)).encode())

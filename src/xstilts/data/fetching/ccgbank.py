"""CCGbank's derivations (AUTO files) to words with their supertags."""

import re
from collections.abc import Iterator
from pathlib import Path

from xstilts.data.readers.lines import lines
from xstilts.errors import DataError
from xstilts.files import write_text

# The division of the paper's authors (jiant 1, scripts/ccg/ccg_proc.py), that of part-of-speech tagging: the 38,015 and
# 5,484 sentences of the paper's table 1. Parsers train on 02 to 21, with 00 as dev.
SECTIONS = {"train": range(19), "dev": range(19, 22)}
LEAF = re.compile(r"\(<L (\S+) \S+ \S+ (\S+) \S+>\)")  # category, two parts of speech, word, category with indices


def convert(folder: Path, mirror: Path) -> dict[str, int]:
    """Write ``intermediate/ccg/{train,dev}.tsv`` of a mirror: ``word TAB supertag`` lines, blank between sentences.

    Args:
        folder: CCGbank as the LDC ships it, with ``data/AUTO/SECTION/*.auto`` in it, or a folder of the sections.
        mirror: the mirror's folder.

    Returns:
        {split: number of sentences}.

    Raises:
        DataError: a section is not there, or a line is no derivation.
    """
    found = [place for place in (folder / "data" / "AUTO", folder / "AUTO", folder) if (place / "00").is_dir()]
    if not found:
        raise DataError(folder, "no data/AUTO/00", "CCGbank (LDC2005T13) with its AUTO files")
    splits = {}
    for split, sections in SECTIONS.items():
        sentences = []
        for section in sections:
            files = sorted((found[0] / f"{section:02}").glob("*.auto"))
            if not files:
                raise DataError(found[0] / f"{section:02}", "no *.auto files", f"section {section:02} of CCGbank")
            sentences += [sentence for file in files for sentence in _sentences(file)]
        splits[split] = sentences
    for split, sentences in splits.items():
        write_text(mirror / "intermediate" / "ccg" / f"{split}.tsv", "\n".join(sentences))
    return {split: len(sentences) for split, sentences in splits.items()}


def _sentences(path: Path) -> Iterator[str]:
    """Yield the ``word TAB supertag`` lines of each derivation; a line ``ID=...`` stands before each."""
    for row, line in enumerate(lines(path), start=1):
        if line.startswith("ID=") or not line.strip():
            continue
        leaves = LEAF.findall(line)
        if not leaves or len(leaves) != line.count("(<L "):
            raise DataError(
                path, f"{line[:40]!r}", "a derivation with leaves (<L category tag tag word category>)", row
            )
        yield "".join(f"{word}\t{category}\n" for category, word in leaves)

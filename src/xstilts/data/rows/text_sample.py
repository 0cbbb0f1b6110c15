"""The raw text beside intermediate training: a sample over languages, without a sentence of what is evaluated."""

import hashlib
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.artifacts import Manifest, Product
from xstilts.data.rows.purity import texts
from xstilts.families.mlm import balanced
from xstilts.families.shares import shares
from xstilts.files import read_jsonl, write_jsonl

Row = dict[str, Any]
SEED = 20200414  # one sample a run: the seeds of the trainings do not change their text
SENTENCE_END = re.compile(r"(?<=[.!?…。！？।۔])\s*")
SHORTEST = 12  # letters and digits of a sentence inside a longer text that still counts as that sentence
THAI = re.compile("[\u0e01-\u0e5b]")  # has no full stop: spaces part sentences, and parts of them
SHORTEST_OF_THAI = 24  # of such a part: "however" has twelve


def sample_text(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Draw sentences over languages in proportion to size ** alpha (XLM), and write them in random order.

    Args:
        folder: the artifact; gets ``train.jsonl``.
        spec: its ``settings`` hold languages, sentences (in all, as far as there are so many) and alpha; ``sizes``
            where the text is a part of what there is: the bytes of the whole, by language.
        inputs: raw text by ``text/LANGUAGE``, and the evaluation data of the run, whose sentences are left out.

    Returns:
        A product with the sentences a language and corpus, how many were left out because they are evaluated, the
        languages with less text than their share, which is drawn again, the languages without text, and the bytes
        that were fetched; one with a reason when no language has text.
    """
    settings = spec["settings"]
    held_out = evaluated_sentences(row for found in inputs.values() for row in _evaluated(found))
    rows: dict[str, list[Row]] = {}
    left_out: dict[str, int] = {}
    absent: dict[str, str] = {}
    for language in settings["languages"]:
        found = inputs[f"text/{language}"]
        if found.reason or "train" not in found.results["rows"]:
            absent[language] = found.reason or "no text"
            print(f"text in {language}: none ({absent[language]})", file=sys.stderr, flush=True)
            continue
        found.check(["train.jsonl"])
        lines = read_jsonl(found.folder / "train.jsonl")
        kept = unseen(lines, held_out)
        left_out[language] = len(lines) - len(kept)
        if kept:
            rows[language] = [{name: row[name] for name in ("id", "language", "group", "text")} for row in kept]
    fetched = sum(found.results["bytes"]["used"] for found in inputs.values() if "bytes" in found.results)
    print(f"raw text: {fetched:,} bytes were fetched for it", file=sys.stderr, flush=True)
    if not rows:
        return Product(reason="raw text: " + "; ".join(f"{code}: {why}" for code, why in absent.items()))
    total, sizes = min(settings["sentences"], sum(map(len, rows.values()))), _sizes(settings, rows)
    wanted = shares(sizes, settings["alpha"], total)
    short = {code: {"share": wanted[code], "found": len(lines)} for code, lines in rows.items()}
    short = {code: numbers for code, numbers in short.items() if numbers["found"] < numbers["share"]}
    for code, numbers in short.items():
        line = f"text in {code}: {numbers['found']:,} sentences for a share of {numbers['share']:,}: some come again"
        print(line, file=sys.stderr, flush=True)
    drawn = list(balanced(rows, settings["alpha"], SEED, total, sizes))
    order = np.random.default_rng([SEED, len(drawn)]).permutation(len(drawn))
    write_jsonl(folder / "train.jsonl", (drawn[int(place)] for place in order))
    counts: dict[str, dict[str, int]] = {}
    for row in drawn:
        by_corpus = counts.setdefault(row["language"], {})
        by_corpus[row["group"]] = by_corpus.get(row["group"], 0) + 1
    results = {"rows": {"train": len(drawn)}, "sentences": counts, "evaluated": left_out, "absent": absent}
    return Product(["train.jsonl"], results | {"short": short, "fetched": fetched})


def _sizes(settings: dict[str, Any], rows: Mapping[str, list[Row]]) -> dict[str, int]:
    """Return how large each language is: in lines, or all in bytes where a size is known that is not that of the rows.

    A language of unknown size then counts what of it is here.
    """
    known = settings.get("sizes", {})
    if not known.keys() & rows.keys():
        return {code: len(lines) for code, lines in rows.items()}
    return {
        code: known[code] if code in known else sum(len(row["text"].encode()) for row in lines)
        for code, lines in rows.items()
    }


def unseen(lines: Iterable[Row], held_out: Set[int]) -> list[Row]:
    """Return the lines without a sentence that is evaluated; of a paragraph that has one, or is one, no line stays."""
    kept: list[Row] = []
    for _, group in groupby(lines, key=lambda row: row.get("passage", row["id"])):
        paragraph = list(group)
        found = set().union(*(sentences(row["text"]) for row in paragraph))
        if len(paragraph) > 1:
            found.add(_hash("".join(bare(row["text"]) for row in paragraph)))
        kept += [] if found & held_out else paragraph
    return kept


def _evaluated(manifest: Manifest) -> Iterator[Row]:
    for split in manifest.results.get("evaluate", ()) if not manifest.reason else ():
        yield from read_jsonl(manifest.folder / f"{split}.jsonl")


def evaluated_sentences(rows: Iterable[Mapping[str, Any]]) -> set[int]:
    """Return the hashes of all texts of evaluation rows and of the sentences inside them."""
    return {value for row in rows for _, text in texts(row) for value in sentences(text)}


def sentences(text: str) -> set[int]:
    """Return the hashes of a text and of the sentences in it, whatever their case, spaces and punctuation."""
    pieces = [text, *text.split("\n")] if "\n" in text else [text]  # a formula may stand on a line of its own
    parts = [part for piece in pieces for part in SENTENCE_END.split(piece) if part]
    inner = map(bare, parts if len(parts) > 1 else ())
    found = {bare(text), *(one for one in inner if len(one) >= SHORTEST)}
    if THAI.search(text):
        found |= {one for one in map(bare, text.split()) if len(one) >= SHORTEST_OF_THAI}
    return {_hash(one) for one in found if one}


def _hash(letters: str) -> int:
    return int.from_bytes(hashlib.sha256(letters.encode("utf-8")).digest()[:8], "big")


def bare(text: str) -> str:
    """Return the letters and digits of a text, case folded: tokenised or not, a sentence is the same."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))

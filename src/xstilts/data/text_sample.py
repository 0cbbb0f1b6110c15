"""The raw text beside intermediate training: a sample over languages, without a sentence of what is evaluated."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.artifacts import Manifest, Product
from xstilts.data.purity import texts
from xstilts.files import read_jsonl, write_jsonl

Row = dict[str, Any]
SEED = 20200414  # one sample a run: the seeds of the trainings do not change their text
SENTENCE_END = re.compile(r"(?<=[.!?…。！？।۔])\s*")
SHORTEST = 12  # letters and digits of a sentence inside a longer text that still counts as that sentence


def sample_text(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Draw sentences over languages in proportion to size ** alpha (XLM), and write them in random order.

    Args:
        folder: the artifact; gets ``train.jsonl``.
        spec: its ``settings`` hold languages, sentences (in all, as far as there are so many) and alpha.
        inputs: raw text by ``text/LANGUAGE``, and the evaluation data of the run, whose sentences are left out.

    Returns:
        A product with the sentences a language and corpus, how many were left out because they are evaluated, and the
        languages without text; one with a reason when no language has text.
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
            continue
        found.check(["train.jsonl"])
        lines = read_jsonl(found.folder / "train.jsonl")
        kept = [row for row in lines if not (sentences(row["text"]) & held_out)]
        left_out[language] = len(lines) - len(kept)
        if kept:
            rows[language] = [{name: row[name] for name in ("id", "language", "group", "text")} for row in kept]
    if not rows:
        return Product(reason="raw text: " + "; ".join(f"{code}: {why}" for code, why in absent.items()))
    total = min(settings["sentences"], sum(map(len, rows.values())))
    drawn = list(balanced(rows, settings["alpha"], SEED, total))
    order = np.random.default_rng([SEED, len(drawn)]).permutation(len(drawn))
    write_jsonl(folder / "train.jsonl", (drawn[int(place)] for place in order))
    counts: dict[str, dict[str, int]] = {}
    for row in drawn:
        by_corpus = counts.setdefault(row["language"], {})
        by_corpus[row["group"]] = by_corpus.get(row["group"], 0) + 1
    results = {"rows": {"train": len(drawn)}, "sentences": counts, "evaluated": left_out, "absent": absent}
    return Product(["train.jsonl"], results)


def _evaluated(manifest: Manifest) -> Iterator[Row]:
    for split in manifest.results.get("evaluate", ()) if not manifest.reason else ():
        yield from read_jsonl(manifest.folder / f"{split}.jsonl")


def evaluated_sentences(rows: Iterable[Mapping[str, Any]]) -> set[int]:
    """Return the hashes of all texts of evaluation rows and of the sentences inside them."""
    return {value for row in rows for _, text in texts(row) for value in sentences(text)}


def sentences(text: str) -> set[int]:
    """Return the hashes of a text and of the sentences in it, whatever their case, spaces and punctuation."""
    whole = bare(text)
    found = {whole} | {inner for part in SENTENCE_END.split(text) if len(inner := bare(part)) >= SHORTEST}
    return {int.from_bytes(hashlib.sha256(one.encode("utf-8")).digest()[:8], "big") for one in found if one}


def bare(text: str) -> str:
    """Return the letters and digits of a text, case folded: tokenised or not, a sentence is the same."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def balanced(rows: dict[str, list[Row]], alpha: float, seed: int, total: int) -> Iterator[Row]:
    """Yield ``total`` lines, languages in proportion to size ** alpha (XLM), small ones repeated."""
    shares = {language: len(lines) ** alpha for language, lines in rows.items()}
    for position, (language, lines) in enumerate(sorted(rows.items())):
        wanted = round(total * shares[language] / sum(shares.values()))
        whole, rest = divmod(wanted, len(lines))
        for _ in range(whole):
            yield from lines
        picked = np.random.default_rng([seed, position]).permutation(len(lines))[:rest]
        yield from (lines[int(index)] for index in np.sort(picked))

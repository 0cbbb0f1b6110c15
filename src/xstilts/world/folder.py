"""The folder that a world is written to, and what every data set in it is made with."""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.files import write_text
from xstilts.world.grammar import Token
from xstilts.world.languages import Language
from xstilts.world.names import Names

CONTROL = "qaf"  # in no text for training


@dataclass(frozen=True)
class WorldSettings:
    """Seed, languages and sizes (rows, questions or sentences) of the generated world."""

    seed: int = 0
    languages: tuple[str, ...] = ("en", "qaa", "qab", "qac", "qad", "qae", "qaf")
    train: int = 3000
    dev: int = 240
    test: int = 300
    intermediate_train: int = 3000
    intermediate_dev: int = 300
    retrieval: int = 300
    distractors: int = 300
    text: int = 12000
    parallel: int = 8000


@dataclass
class Files:
    """Writes files in the formats of the real data sets, and counts what is in each."""

    folder: Path
    counts: dict[str, int] = field(default_factory=dict)

    def lines(self, name: str, rows: Iterable[str], end: str = "\n") -> None:
        """Write a line a row."""
        rows = list(rows)
        write_text(self.folder / name, "".join(row + end for row in rows))
        self.counts[name] = len(rows)

    def jsonl(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """Write an object a line."""
        self.lines(name, (json.dumps(row, ensure_ascii=False) for row in rows))

    def squad(self, name: str, version: str, paragraphs: list[dict[str, Any]]) -> None:
        """Write paragraphs as SQuAD has them, four an article; the count is that of the questions."""
        articles = [
            {"title": f"World {place // 4}", "paragraphs": paragraphs[place : place + 4]}
            for place in range(0, len(paragraphs), 4)
        ]
        self.lines(name, [json.dumps({"version": version, "data": articles}, ensure_ascii=False)])
        self.counts[name] = sum(len(paragraph["qas"]) for paragraph in paragraphs)

    def words(self, name: str, sentences: list[list[Token]], column: str, prefix: str = "") -> None:
        """Write a word and one of its tags a line, an empty line after each sentence."""
        rows: list[str] = []
        for tokens in sentences:
            rows += [f"{prefix}{token.form}\t{getattr(token, column)}" for token in tokens]
            rows.append("")
        self.lines(name, rows)
        self.counts[name] = len(sentences)


@dataclass(frozen=True)
class World:
    """Settings, files, languages and names."""

    settings: WorldSettings
    files: Files
    tongues: dict[str, Language]
    names: dict[str, Names]

    def rng(self, what: str) -> random.Random:
        """Return the random state of one part of the world, which no other part moves on."""
        return random.Random(f"{self.settings.seed}:{what}")

    def size(self, role: str, intermediate: bool = False) -> int:
        """Return the number of rows of a role's split."""
        settings = self.settings
        if role == "train":
            return settings.intermediate_train if intermediate else settings.train
        return settings.intermediate_dev if intermediate else settings.dev if role == "dev" else settings.test

"""What each block of the main table costs: the trainings and predictions of its rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xstilts.config.run import Run
from xstilts.config.sources import Source

FIRST = "without an intermediate task"


@dataclass(frozen=True)
class Block:
    """A block: its heading, its rows, and the seconds of their jobs that were given."""

    name: str
    sources: tuple[str, ...]
    seconds: float


def by_block(run: Run, timed: Iterable[tuple[Sequence[str], float]]) -> list[Block]:
    """Return the blocks of a run in the order of its table; none where the table is not divided into blocks.

    Args:
        run: the run.
        timed: jobs that belong to a source: their wildcards, of which the second is the source, and their seconds.
    """
    if not any(source.mlm or source.language != "en" for source in run.parsed_sources):
        return []
    seconds: dict[str, float] = {}
    for wildcards, took in timed:
        name = _block(run.source(wildcards[1]))
        seconds[name] = seconds.get(name, 0.0) + took
    rows: dict[str, list[str]] = {}
    for source in run.parsed_sources:
        rows.setdefault(_block(source), []).append(source.name)
    return [Block(name, tuple(names), seconds.get(name, 0.0)) for name, names in rows.items()]


def _block(source: Source) -> str:
    return source.block or FIRST

"""The command line that every figure shares, and the file that it writes."""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, versions
from benchmarks.timing import REPEATS, Bench, bench
from xstilts.files import write_json

OUTPUT = Path("results/bench")
GROWTH = (1, 4, 16)


@dataclass(frozen=True)
class Setting:
    """What a figure is measured with."""

    on: Bench
    scratch: Path  # for data and models, removed afterwards
    mirror: Path | None  # real data; None: generated ones
    smallest: bool  # just enough work to see that everything runs

    @property
    def growth(self) -> tuple[int, ...]:
        """The multiples of the work at which growth is measured."""
        return GROWTH[:2] if self.smallest else GROWTH


Measure = Callable[[Setting], dict[str, Any]]  # -> rows, growth and whatever explains them


def options(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line of a figure."""
    parser = argparse.ArgumentParser(description="Measure speed and memory beside a peer.")
    parser.add_argument("--mirror", type=Path, help="folder of real data; without it generated data are used")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder of the figures' json")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="measured repeats, after one that is not")
    parser.add_argument("--smallest", action="store_true", help="the least work, once: a test, no measurement")
    return parser.parse_args(argv)


def make_figure(name: str, measure: Measure, given: argparse.Namespace) -> dict[str, Any]:
    """Measure one figure and write ``OUTPUT/name.json``."""
    described = {"figure": name, "machine": machine(), "versions": versions(), "date": date.today().isoformat()}
    described["data"] = "real" if given.mirror else "generated"
    described["repeats"] = 0 if given.smallest else given.repeats
    with bench(described["repeats"]) as on, tempfile.TemporaryDirectory() as scratch:
        mirror = given.mirror.resolve() if given.mirror else None
        found = {**described, **measure(Setting(on, Path(scratch), mirror, given.smallest))}
    write_json(given.output / f"{name}.json", found)
    return found


def main(name: str, measure: Measure) -> None:
    """Run one figure from its module's command line."""
    make_figure(name, measure, options())

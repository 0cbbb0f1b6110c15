"""All figures, their plot, and the tables of docs/performance.md: what `make bench` runs."""

import importlib
import sys
import time

from benchmarks.figure import make_figure, options
from benchmarks.plot import plot
from benchmarks.tables import tables
from xstilts.files import write_text

FIGURES = ("training", "steps", "prediction", "featurising", "retrieval", "search", "scoring", "reporting", "workflow")


def main() -> None:
    """Measure every figure in turn."""
    given = options()
    found = {}
    for name in FIGURES:
        print(f"== {name}", file=sys.stderr, flush=True)
        began = time.monotonic()
        found[name] = make_figure(name, importlib.import_module(f"benchmarks.{name}").measure, given)
        print(f"== {name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    plot(found, given.output)
    write_text(given.output / "tables.md", tables(found))
    print(f"{given.output}: {' '.join(f'{name}.json' for name in FIGURES)} bench.svg bench.png tables.md")


if __name__ == "__main__":
    main()

"""`xstilts submission RUN_FOLDER --source NAME|--best [-o OUT]`: a run's predictions as a submission."""

import argparse
import sys
from pathlib import Path

from xstilts.errors import UserError
from xstilts.files import read_object
from xstilts.tasks.benchmark import XTREME, Benchmark, benchmark
from xstilts.xtreme.submission import best_source, check, collect, only_folder, pack, seeds_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER", help="a results folder, such as results/paper")
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--source", metavar="NAME", help="the intermediate source whose predictions are packed")
    choice.add_argument(
        "--best", action="store_true", help="the source with the best mean on the multilingual dev sets"
    )
    parser.add_argument("--model", metavar="NAME", help="needed when the run has several models")
    parser.add_argument("--partial", action="store_true", help="pack what is there, and name what is missing")
    parser.add_argument("--seed", metavar="N", help="the seed of the chain (default: the lowest)")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="OUT", help="a .zip file, or a folder that does not exist yet"
    )


def run(options: argparse.Namespace) -> int:
    """Collect, check and pack; refuse an incomplete run with the list of what is missing."""
    predictions = options.run / "predictions"
    model = only_folder(predictions, options.model, "model")
    source, goes_by = options.source, _benchmark(options.run)
    if options.best:
        source, mean, tasks = best_source(options.run / "tables" / "scores.csv", model, goes_by)
        print(f"source {source}: best mean on multilingual dev, {mean:.2f} over {' '.join(tasks)}")
    folder = predictions / model / only_folder(predictions / model, source, "source")
    seeds = seeds_of(folder)
    if not seeds or options.seed not in (None, *seeds):
        raise UserError(f"{folder}: which seed? there: {' '.join(seeds) or 'none'}")
    seed = options.seed or seeds[0]
    files, missing = collect(folder, seed, options.partial, goes_by)
    check(files, goes_by)
    for line in missing:
        print(f"missing:{line}", file=sys.stderr)
    out = options.out or options.run / f"submission-{model}-{source}-{seed}.zip"
    pack(files, out)
    print(f"{out}: {len(files)} files of {model}, source {source}, seed {seed}")
    return 0


def _benchmark(folder: Path) -> Benchmark:
    """Return the benchmark that a run goes by, as its configuration says; XTREME where none lies beside it."""
    path = folder / "configuration.json"
    return benchmark(read_object(path).get("benchmark", XTREME.name) if path.is_file() else XTREME.name)

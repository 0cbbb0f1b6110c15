"""What the scripts of tables and figures share: their command line."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xstilts.files import read_json
from xstilts.own_code import as_planned
from xstilts.reporting.run import RunFolder
from xstilts.script import one_line_errors


def run_table_job(
    make: Callable[[RunFolder], None],
    description: str,
    place: Callable[[dict[str, Any]], str] = lambda settings: "tables",
    argv: list[str] | None = None,
) -> None:
    """Parse a reporting job's command line and make its tables or figures.

    Args:
        make: the library function that reads a run's folder and writes into it.
        description: one sentence for ``--help``.
        place: the folder of the run that tables are read from and written to, by the spec's settings.
        argv: the command line, for tests.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--spec", type=Path, required=True, help="the job's spec")
    parser.add_argument("--run", type=Path, required=True, help="the run's results folder")
    options = parser.parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with one_line_errors():
        spec = read_json(options.spec)
        with as_planned(spec):
            make(RunFolder(spec["settings"], options.run, options.run / place(spec["settings"])))

"""What the scripts of tables and figures share: their command line."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from xstilts.files import read_json
from xstilts.reporting.run import RunFolder
from xstilts.script import one_line_errors


def run_table_job(make: Callable[[RunFolder], None], description: str, argv: list[str] | None = None) -> None:
    """Parse a reporting job's command line and make its tables or figures.

    Args:
        make: the library function that reads a run's folder and writes into it.
        description: one sentence for ``--help``.
        argv: the command line, for tests.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--spec", type=Path, required=True, help="the job's spec")
    parser.add_argument("--run", type=Path, required=True, help="the run's results folder")
    options = parser.parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with one_line_errors():
        make(RunFolder(read_json(options.spec)["settings"], options.run, options.run / "tables"))

"""The main table of a half-finished run, beside the finished run's tables and never mistaken for them."""

from pathlib import Path
from typing import Any

from xstilts.reporting.rules.main import table_main
from xstilts.reporting.rules.scores import collect_scores
from xstilts.reporting.run import RunFolder


def partial_tables(settings: dict[str, Any], folder: Path) -> Path:
    """Build scores and main tables from the score files that are there; return the folder they were written to."""
    run = RunFolder(settings, folder, folder / "partial")
    run.tables.mkdir(parents=True, exist_ok=True)
    collect_scores(run)
    table_main(run)
    return run.tables

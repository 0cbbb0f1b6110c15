"""The main tables of a run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from xstilts.artifacts import read_manifest
from xstilts.reporting.main.gains import best_of, gain_sentences
from xstilts.reporting.main.marks import recipe_sentence
from xstilts.reporting.main.results import read_results
from xstilts.reporting.main.table import build_main_table
from xstilts.reporting.main.write import write_main_table
from xstilts.reporting.published import benchmark_row, read_published
from xstilts.reporting.run import POLICIES, RunFolder
from xstilts.reporting.tables.scores import collect_scores


def table_main(run: RunFolder) -> None:
    """Write ``main.*`` and ``main_test.*``, one of each a model."""
    benchmark = benchmark_row(read_published())
    for model in run.settings["models"]:
        results = read_results(run, model)
        tables = {stem: build_main_table(results, policy) for stem, policy in POLICIES.items()}
        gains = gain_sentences(best_of(results, tables["main_test"], benchmark), benchmark)
        for stem, table in tables.items():
            notes = (recipe_sentence(run.settings), *table.notes, *text_remarks(run), *gains)
            write_main_table(replace(table, notes=notes), run.tables, run.stem(stem, model))


def text_remarks(run: RunFolder) -> list[str]:
    """Return the sentence about languages that the raw text beside the sources lacks, or has too little of."""
    path = run.settings.get("text")
    if path is None or not Path(path).is_file():
        return []
    found = read_manifest(Path(path)).results
    said = [f"nothing in {code} ({why})" for code, why in found.get("absent", {}).items()]
    said += [
        f"{counts['found']:,} sentences in {code} for a share of {counts['share']:,}, so that some come again"
        for code, counts in found.get("short", {}).items()
    ]
    return [f"The raw text of rows with +mlm has {'; '.join(said)}."] if said else []


def partial_tables(settings: dict[str, Any], folder: Path) -> Path:
    """Build scores and main tables from the score files that are there; return the folder they were written to."""
    run = RunFolder(settings, folder, folder / "partial")
    run.tables.mkdir(parents=True, exist_ok=True)
    collect_scores(run)
    table_main(run)
    return run.tables

"""The best sources as a table of their own."""

from xstilts.reporting.best_table import best_markdown, write_best
from xstilts.reporting.marks import GENERATED
from xstilts.reporting.render import main_stem
from xstilts.reporting.rules.choices import benchmark, best_of
from xstilts.reporting.rules.main import main_table
from xstilts.reporting.run import RunFolder


def table_best(run: RunFolder) -> None:
    """Write ``best.*``: the best source for each task, on the benchmark's test splits, and what it gains."""
    for model in run.settings["models"]:
        rows = best_of(run, main_table(run, model, "main_test"))
        title = f"Best source for each task: {model}, test sets"
        text = best_markdown(title, rows, benchmark(), [GENERATED] if run.generated else [])
        write_best(rows, text, run.tables, main_stem("best", model, run.settings["models"]))

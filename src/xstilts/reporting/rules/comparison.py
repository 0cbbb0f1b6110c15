"""A run beside the published numbers."""

from typing import Any

from xstilts.reporting.comparison import compare, read_published, system_name, write_comparison
from xstilts.reporting.rules.choices import PUBLISHED
from xstilts.reporting.rules.main import main_table
from xstilts.reporting.run import POLICIES, RunFolder


def table_comparison(run: RunFolder) -> None:
    """Write ``comparison.*``: each cell beside the published one; generated languages are never compared."""
    write_comparison(comparison_of(run), run.tables, "comparison", run.generated)


def comparison_of(run: RunFolder) -> list[dict[str, Any]]:
    """Return the run's cells beside the published ones."""
    model = run.settings["models"][0]
    tables = [main_table(run, model, stem) for stem in POLICIES]
    return compare(tables, read_published(PUBLISHED), run.tasks, system_name(model), run.generated)

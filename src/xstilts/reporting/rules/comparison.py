"""A run beside the published numbers."""

from typing import Any

from xstilts.reporting.best import RULES
from xstilts.reporting.comparison import ENCODER, compare, read_published, system_name
from xstilts.reporting.comparison_table import write_comparison
from xstilts.reporting.rules.choices import PUBLISHED
from xstilts.reporting.rules.main import main_table
from xstilts.reporting.run import POLICIES, RunFolder


def table_comparison(run: RunFolder) -> None:
    """Write ``comparison.*``: each cell beside the published one; generated languages are never compared."""
    published = {row["source"] for row in read_published(PUBLISHED) if row["system"] == ENCODER and row["source"]}
    absent = sorted(published - set(run.settings["sources"]) - set(RULES))
    write_comparison(comparison_of(run), run.tables, "comparison", run.generated, absent)


def comparison_of(run: RunFolder) -> list[dict[str, Any]]:
    """Return the run's cells beside the published ones."""
    model = run.settings["models"][0]
    tables = [main_table(run, model, stem) for stem in POLICIES]
    return compare(tables, read_published(PUBLISHED), run.tasks, system_name(model), run.generated)

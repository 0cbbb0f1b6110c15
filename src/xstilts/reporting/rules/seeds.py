"""The tables of a run with several seeds."""

from xstilts.reporting.marks import GENERATED
from xstilts.reporting.render import main_stem
from xstilts.reporting.run import POLICIES, RunFolder
from xstilts.reporting.seed_tables import write_seeds


def table_seeds(run: RunFolder) -> None:
    """Write ``seeds.*`` and ``seeds_test.*``: scores and differences over seeds, with intervals."""
    sources = run.settings["sources"]
    remarks = [GENERATED] if run.generated else []
    for model in run.settings["models"]:
        for table, policy in POLICIES.items():
            rows = [row for row in run.intervals(model) if row["table"] == table and row["source"] in sources]
            stem = main_stem(table.replace("main", "seeds"), model, run.settings["models"])
            seeds = ", ".join(map(str, run.settings["seeds"]))
            title = f"{model}, {'development' if policy == 'dev' else 'test'} sets, seeds {seeds}"
            write_seeds(rows, sources, run.tasks, run.tables, stem, title, remarks, run.settings["statistic"])

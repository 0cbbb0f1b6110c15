"""Set the run beside the published numbers."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.comparison import table_comparison

if __name__ == "__main__":
    run_table_job(table_comparison, __doc__)

"""Set the run beside the published numbers."""

from xstilts.reporting.rules.comparison import table_comparison
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(table_comparison, __doc__)

"""Build the table of the best sources."""

from xstilts.reporting.rules.best import table_best
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(table_best, __doc__)

"""Build the table of the best sources."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.best import table_best

if __name__ == "__main__":
    run_table_job(table_best, __doc__)
